"""docs/tutorial.md is so: each step, in its order, on a mock, does what stands there."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.mock.server import RunningMock, running_mock

pytestmark = pytest.mark.unmeasured

TUTORIAL = (Path(__file__).resolve().parents[2] / "docs" / "tutorial.md").read_text("utf-8")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
BLOCK = re.compile(r"^```(text|python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SAVED_AS = re.compile(r"Save this as\s+`([^`]+)`")


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RunningMock]:
    with running_mock() as mock:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.chdir(tmp_path)
        yield mock


def steps() -> Iterator[tuple[str, str, str]]:
    """What is to be done: a file to save, or a command with what it prints."""
    for block in BLOCK.finditer(TUTORIAL):
        kind, text = block.groups()
        if kind == "console":
            for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, printed = step.partition("\n")
                yield "run", command, printed
        else:
            yield "save", SAVED_AS.findall(TUTORIAL[: block.start()])[-1], text


def told(text: str, folder: Path) -> str:
    """What was printed, with the places and times of everybody, and no spaces at the ends of lines."""
    text = TIME.sub("TIME", text.replace(f"{folder}/state", "~/.local/state"))
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_the_tutorial_works_from_its_first_line_to_its_last(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    done: list[str] = []
    for do, what, text in steps():
        program, *words = shlex.split(what)
        if do == "save":
            (tmp_path / what).write_text(text, "utf-8")
        elif program == "export":
            name, _, value = words[0].partition("=")
            monkeypatch.setenv(name, mock.url if name == "SQUADIQ_BASE_URL" else value)
        elif program == "python":
            if "outcomes.py" in words:
                mock.advance(5)
            runpy.run_path(words[0], run_name="__main__")
            assert told(capsys.readouterr().out, tmp_path) == told(text, tmp_path), what
        elif words[:1] == ["leads"]:
            if words[1] == "get":
                mock.advance(5)
            printed = CliRunner().invoke(app, words, prog_name=program).output
            assert told(printed, tmp_path) == told(text, tmp_path), what
        done.append(what)
    assert [what for what in done if not what.startswith("export")] == [
        "pip install 'squadiq[mock]'",
        "squadiq mock",
        "leads.csv",
        "squadiq leads push leads.csv",
        "squadiq leads push leads.csv",
        "squadiq leads get",
        "program.py",
        "python program.py",
        "outcomes.py",
        "python outcomes.py",
        "python outcomes.py",
    ]
    assert f"Access token: {mock.token}\n" in TUTORIAL
    assert (tmp_path / "leads.csv.rejected.csv").exists()
