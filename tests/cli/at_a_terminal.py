"""A command at a terminal of its own, as a person runs it: what is shown, and what is typed when it asks."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def at_a_terminal(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, *typed: tuple[str, str]
) -> tuple[int, str]:
    """Run `squadiq` with a terminal for everything; return how it ended and what was shown.

    Args:
        words: of the command.
        environment: beside that of the tests.
        folder: where it runs.
        typed: in turn, a pattern that is waited for and what is typed then.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "squadiq", *words],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, left = "", list(typed)
    while data := _read(ours):
        shown += data
        if left and re.search(left[0][0], shown):
            os.write(ours, left.pop(0)[1].encode())
    os.close(ours)
    assert left == [], f"it did not ask: {shown}"
    return process.wait(60), shown.replace("\r\n", "\n")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode("utf-8", "replace")
    except OSError:  # of Linux, at the end
        return ""
