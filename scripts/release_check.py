"""Hold what would be released: built twice it is the same, and it works where nothing else is installed.

    python scripts/release_check.py

It writes nothing but the environment of its tools, .venv/release, pinned in requirements/release.lock.
"""

from __future__ import annotations

import filecmp
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import tool_environment

from squadiq import __version__

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv" / "release"
LOCK = ROOT / "requirements" / "release.lock"
CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")
NEXT_PYTHON = "3.14"
"""Tried where it is found, but not promised: it is no classifier yet."""
LONGEST_SECONDS = 300
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("SQUADIQ_", "PYTHON", "VIRTUAL_ENV"))
}


class CheckError(Exception):
    """Something is not as a release must be; the message says what."""


def main() -> int:
    tool_environment.ensure(TOOLS, LOCK, "release-check")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        checks: dict[str, Callable[[], str]] = {
            "CHANGELOG.md": lambda: check_changelog((ROOT / "CHANGELOG.md").read_text("utf-8"), __version__),
            "built twice": lambda: check_builds(folder),
            "twine check": lambda: check_metadata(folder / "first"),
        }
        for python, number in pythons():
            checks[f"Python {number}"] = lambda python=python, number=number: check_installed(  # type: ignore[misc]
                python, folder / "first", folder / number
            )
        return report(checks)


def report(checks: dict[str, Callable[[], str]]) -> int:
    """Do one check after the other, and tell what came of each; return 1 if one is wrong."""
    wrong = 0
    for name, check in checks.items():
        try:
            print(f"ok     {name}: {check()}", flush=True)
        except CheckError as error:
            wrong += 1
            print(f"WRONG  {name}: {error}", flush=True)
    return 1 if wrong else 0


def check_changelog(text: str, version: str) -> str:
    """Raise CheckError unless the version has a section with a date, and nothing is left above it."""
    dated = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n", text, re.MULTILINE)
    if dated is None:
        raise CheckError(f"there is no section '## [{version}] - YYYY-MM-DD'")
    if re.search(r"^- ", text[: dated.start()], re.MULTILINE):
        raise CheckError(f"something stands under Unreleased, above {version}")
    return f"has {version}"


def check_builds(folder: Path) -> str:
    """Raise CheckError unless wheel and sdist are the same from the checkout, and once more from the sdist."""
    first, second = folder / "first", folder / "second"
    _build(ROOT, first)
    (sdist,) = first.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # not in the first releases of 3.11
        archive.extractall(folder / "unpacked")
    (source,) = (folder / "unpacked").iterdir()
    _build(source, second)
    return same_files(first, second)


def same_files(first: Path, second: Path) -> str:
    """Raise CheckError unless two folders hold the same files with the same bytes."""
    names = sorted(path.name for path in first.iterdir())
    if names != sorted(path.name for path in second.iterdir()):
        raise CheckError(f"{first.name} and {second.name} have other names")
    _, different, unreadable = filecmp.cmpfiles(first, second, names, shallow=False)
    if different or unreadable:
        raise CheckError(f"not the same bytes: {', '.join(different + unreadable)}")
    return f"the same bytes: {', '.join(names)}"


def check_metadata(built: Path) -> str:
    """Raise CheckError unless the package index will take the description and the metadata."""
    _run(tool_environment.program(TOOLS, "python"), "-m", "twine", "check", "--strict", *sorted(built.iterdir()))
    return "passed"


def pythons() -> Iterator[tuple[Path, str]]:
    """Yield each Python that the project promises, and the next one, where it is on this machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = [found[1] for found in map(CLASSIFIER.fullmatch, project["classifiers"]) if found]
    for number in [*promised, NEXT_PYTHON]:
        found = next((python for python in _candidates(number) if _is_python(python, number)), None)
        if found:
            yield found, number
        else:
            print(f"-      Python {number}: not on this machine", flush=True)


def check_installed(python: Path, built: Path, folder: Path) -> str:
    """Raise CheckError unless the wheel imports bare, and with `squadiq[mock]` starts the mock."""
    (wheel,) = built.glob("*.whl")
    uv = (sys.executable, "-m", "uv", "--quiet")
    _run(*uv, "venv", "--no-project", "--python", python, folder)
    own = tool_environment.program(folder, "python")
    _run(*uv, "pip", "install", "--python", own, wheel)
    imported = _run(
        own, "-W", "error", "-c", "import squadiq; squadiq.SquadIQ('t').close(); print(squadiq.__version__)"
    )
    _run(*uv, "pip", "install", "--python", own, f"squadiq[mock] @ {wheel.as_uri()}")
    squadiq = tool_environment.program(folder, "squadiq")
    told = _run(squadiq, "--version")
    if imported.strip() != __version__ or told.strip() != f"squadiq {__version__}":
        raise CheckError(f"it says that it is {told.strip()!r}")
    started = _first_line(squadiq, "mock", "--port", "0")
    if not started.startswith("SquadIQ mock on http://127.0.0.1:"):
        raise CheckError(f"squadiq mock said {started!r}")
    return "imports, and starts the mock"


def _build(source: Path, target: Path) -> None:
    """Build wheel and sdist as of the last commit's time, so that when it is done makes no difference."""
    at = _run("git", "log", "-1", "--format=%ct", folder=ROOT).strip()
    _run(sys.executable, "-m", "hatchling", "build", "--directory", target, folder=source, SOURCE_DATE_EPOCH=at)


def _candidates(number: str) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield Path(f"python{number}")
    yield from sorted(pyenv.glob(f"versions/{number}.*/bin/python"), reverse=True)


def _is_python(python: Path, number: str) -> bool:
    """Return whether it runs: the shims of version managers stand for what may not be there."""
    try:
        return _run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip() == number
    except CheckError:
        return False


def _first_line(*command: str | Path) -> str:
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=CLEAN) as process:
        try:
            return process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def _run(*command: str | Path, folder: Path | None = None, **environment: str) -> str:
    """Run a command; raise CheckError with what it said if it failed."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**CLEAN, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckError(str(error)) from None
    if done.returncode:
        raise CheckError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
