"""Environments of tools: made once, made anew when their lock changes, and left by a message when pip fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tool_environment

from tests.project.test_set_up import empty_wheel

pytestmark = pytest.mark.unmeasured


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one package that holds nothing, and is on this disk alone."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    digest = empty_wheel(tmp_path, "nothing", "1.0")
    path = tmp_path / "tools.lock"
    path.write_text(f"nothing==1.0 --hash=sha256:{digest}\n", "utf-8")
    return path


def test_nothing_is_done_where_the_lock_is_what_was_installed(tmp_path: Path) -> None:
    lock, installed = tmp_path / "tools.lock", tmp_path / tool_environment.INSTALLED
    lock.write_text("nothing==1.0\n", "utf-8")
    assert not tool_environment.is_installed(lock, installed)
    installed.write_text("nothing==1.0\n", "utf-8")
    tool_environment.ensure(tmp_path, lock, "test")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["installed.lock", "tools.lock"]
    lock.write_text("nothing==1.1\n", "utf-8")
    assert not tool_environment.is_installed(lock, installed)


@pytest.mark.soak
def test_an_environment_is_made_once_and_anew_when_its_lock_changes(
    lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "environment"
    tool_environment.ensure(folder, lock, "test")
    assert "test: setting up tools (once)" in capsys.readouterr().err
    python = tool_environment.program(folder, "python")
    found = "from importlib.metadata import version; print(version('nothing'))"
    assert subprocess.run([python, "-c", found], capture_output=True, text=True, check=True).stdout == "1.0\n"

    tool_environment.ensure(folder, lock, "test")
    assert capsys.readouterr().err == ""

    lock.write_text("missing==1.0 --hash=sha256:00\n", "utf-8")
    with pytest.raises(SystemExit, match=r"test: pip could not install requirements/tools\.lock"):
        tool_environment.ensure(folder, lock, "test")
    assert not tool_environment.is_installed(lock, folder / tool_environment.INSTALLED)
