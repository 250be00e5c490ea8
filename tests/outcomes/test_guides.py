"""`docs/outcomes.md` is so: its commands print what stands there, its Python runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.inbox import Inbox
from squadiq.mock.server import RunningMock, running_mock

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "outcomes.md").read_text("utf-8")


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RunningMock]:
    with running_mock(rate=0, process_after_seconds=100) as mock:
        for name, value in {"ACCESS_TOKEN": mock.token, "BASE_URL": mock.url, "QUOTA_URL": "memory"}.items():
            monkeypatch.setenv(f"SQUADIQ_{name}", value)
        for number in range(1, 5):
            words = ["--lead-id", f"L-{number}", "--phone-number", f"987654321{number}", "--contact-name", "Asha Rao"]
            made = CliRunner().invoke(app, ["leads", "create", *words, "--campaign", "campaign-1"])
            assert made.exit_code == 0, made.output
        mock.advance(101)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield mock


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("mock")
def test_the_commands_of_the_page_print_what_stands_there(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        inbox.counts()
    for block in blocks("console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            program, *words = shlex.split(command)
            done = CliRunner().invoke(app, words, prog_name=program)
            assert done.output.replace(str(tmp_path), "/home/asha") == expected, command


@pytest.mark.usefixtures("mock")
def test_the_python_of_the_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("python"):
        names: dict[str, Any] = {"__name__": "guide"}
        exec(compile(block, "outcomes.md", "exec"), names)
        if "collector" in names:
            REGISTRY.unregister(names["collector"])
            names["client"].close()
    assert capsys.readouterr().out.splitlines()[0] == "4"
