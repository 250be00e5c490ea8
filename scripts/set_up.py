"""Make .venv: what requirements/dev.lock pins, and the project itself as an editable install.

    python scripts/set_up.py

It runs before anything is installed, on whatever Python 3 the user has: it needs the standard library
alone, and no syntax that is newer than 3.7, so that it can say what is wrong with an old one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from typing import Callable, TextIO  # noqa: UP035 - collections.abc.Callable cannot be subscripted in 3.8

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements", "dev.lock")
OLDEST = (3, 11)
TELL_EVERY_SECONDS = 5.0
WIDTH = 30
LAST_LINES = 20


def main() -> int:
    """Set .venv up, saying what is done and how far it is; return an exit code."""
    problem = what_is_missing(sys.version_info[:2], sys.executable)
    if problem:
        return _fail(problem)
    _say("Setting up .venv (once; about a minute)")
    import venv

    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    python = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
    problem = (
        install(python, LOCK)
        or _run(python, "install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", ROOT)
        or _run(python, "check")
    )
    return _fail(problem) if problem else 0


def what_is_missing(version: tuple[int, ...], executable: str) -> str:
    """Return what has to be done before .venv can be made, or an empty text."""
    number = ".".join(map(str, version))
    if version < OLDEST:
        return f"squadiq needs Python 3.11 or newer, and this is {number}. Say which to use: make PYTHON=python3.x"
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        return (
            f"{executable} cannot make virtual environments: it comes without {' and '.join(missing)}.\n"
            f"On Debian and Ubuntu: sudo apt install python{number}-venv. Then run make again."
        )
    return ""


def install(python: str, lock: str) -> str:
    """Install exactly what a complete lock pins, resolving nothing; return what pip said if it failed.

    Without `--no-deps` pip 23.2 takes the newest release in place of the pinned one for a name that
    some package asks for with an extra, and stops because that release has no hash.
    """
    progress = Progress(sys.stderr, count_pins(lock))
    said = []
    with _pip(python, "install", "--no-deps", "--require-hashes", "-r", lock) as pip:
        for line in pip.stdout or ():
            said.append(line)
            if line.startswith(("Collecting ", "Ignoring ")):
                progress.advance()
            elif line.startswith("Installing collected packages"):
                progress.unpack()
    progress.end()
    return "".join(said[-LAST_LINES:]) if pip.returncode else ""


def count_pins(lock: str) -> int:
    """Return how many packages a lock pins."""
    with open(lock, encoding="utf-8") as lines:
        return sum("==" in line and not line.startswith((" ", "#")) for line in lines)


class Progress:
    """How far the packages are: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self, stream: TextIO, total: int, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._total = total
        self._now = now
        self._done = 0
        self._told = now()

    def advance(self) -> None:
        """One more package is being fetched."""
        self._done += 1
        if self._terminal:
            bar = "#" * (WIDTH * min(self._done, self._total) // self._total)
            self._write(f"\r  fetching packages [{bar.ljust(WIDTH)}] {self._done} of {self._total}")
        elif self._now() - self._told >= TELL_EVERY_SECONDS:
            self._told = self._now()
            self._write(f"  fetching packages: {self._done} of {self._total}\n")

    def unpack(self) -> None:
        """All are here, and are unpacked: about half of the time."""
        self._write(f"\r\033[K  unpacking {self._done} packages" if self._terminal else "  unpacking packages\n")

    def end(self) -> None:
        """Leave the line to what comes next."""
        self._write("\r\033[K" if self._terminal else "")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _run(python: str, *arguments: str) -> str:
    """Run pip, and return what it said if it failed."""
    with _pip(python, *arguments) as pip:
        said = pip.communicate()[0]
    return f"pip {arguments[0]} failed:\n{said}" if pip.returncode else ""


def _pip(python: str, *arguments: str) -> subprocess.Popen[str]:
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(problem: str) -> int:
    _say(f"set-up: {problem}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
