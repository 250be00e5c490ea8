"""Servers in processes of their own, so that what they cost is not counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def server(*command: str) -> Generator[str]:
    """Run `python -m …`, which must print its address, until the block ends; give the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        found = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
        yield next(address[0] for address in found if address)
    finally:
        process.terminate()
        process.wait()
