"""Commands run as a user runs them, in processes of their own, from a folder of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 40


@dataclass(frozen=True)
class Running:
    """A command that runs, and what it has printed so far."""

    process: subprocess.Popen[bytes]
    log: Path

    def printed(self, pattern: str, within_seconds: float = DEADLINE_SECONDS) -> re.Match[str]:
        """Wait until a pattern is printed.

        Raises:
            AssertionError: it has ended or is silent; with what it has printed.
        """
        deadline = time.monotonic() + within_seconds
        while (match := re.search(pattern, self.log.read_text("utf-8"))) is None:
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < deadline, self.log.read_text("utf-8")
            time.sleep(0.01)
        return match

    def ends(self) -> int:
        """Tell it to end, and return its exit status.

        Raises:
            AssertionError: it does not; with what it has printed, and where each of its threads is.
        """
        self.process.terminate()
        try:
            return self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(self.log.read_text("utf-8")) from None

    def port(self) -> int:
        """Wait until a server tells where it listens."""
        return int(self.printed(r"http://127\.0\.0\.1:(\d+)")[1])


@contextmanager
def running(module: str, *arguments: str, folder: Path, **environment: str) -> Generator[Running]:
    """Run `python -m module …` until the block ends."""
    log = folder / f"{module}-{time.monotonic_ns()}.log"
    path = os.pathsep.join([str(folder), str(ROOT / "examples")])
    with log.open("wb") as writing:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            stdout=writing,
            stderr=writing,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **environment},
        )
    try:
        yield Running(process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
