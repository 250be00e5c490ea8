"""`docs/push.md` and `docs/cli.md` are so: their commands print what stands there, their Python runs."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.mock.server import RunningMock, running_mock
from squadiq.push.phones import restored
from squadiq.push.rows import RowError
from tests.inbox.conftest import postgres_database

ROOT = Path(__file__).resolve().parents[2]
PUSH, CLI = ((ROOT / "docs" / name).read_text("utf-8") for name in ("push.md", "cli.md"))
TIME = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
VERSION = re.compile(r"\b3\.\d+\.\d+\b")


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RunningMock]:
    with running_mock(rate=0, process_after_seconds=1_000_000) as mock:
        settings = {
            "ACCESS_TOKEN": mock.token,
            "BASE_URL": mock.url,
            "CAMPAIGN_ID": "campaign-1",
            "QUOTA_URL": "memory",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"SQUADIQ_{name}", value)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setitem(sys.modules, "keyring", None)
        monkeypatch.chdir(tmp_path)
        yield mock


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def told(text: str, folder: Path) -> str:
    """What was printed, with the places and times of everybody."""
    text = text.replace(f"{folder}/state", "~/.local/state").replace(f"{folder}/config", "~/.config")
    return VERSION.sub("VERSION", TIME.sub("TIME", text))


@pytest.mark.parametrize("page", [PUSH, CLI], ids=["push", "cli"])
@pytest.mark.usefixtures("mock")
def test_the_commands_of_a_guide_print_what_stands_there(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            program, *words = shlex.split(command)
            if program == "cat":
                file = tmp_path / words[0]
                if not file.exists():
                    file.write_text(expected, "utf-8")
                assert file.read_text("utf-8") == expected
            else:
                done = CliRunner().invoke(app, words, prog_name=program)
                if "--json" not in words:
                    assert told(done.output, tmp_path) == told(expected, tmp_path), command


def test_the_python_of_the_guide_runs_as_it_stands(
    mock: RunningMock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (leads,) = re.findall(r"^\$ cat leads\.csv\n(.*?)^\$", PUSH, re.MULTILINE | re.DOTALL)
    (tmp_path / "leads.csv").write_text(leads, "utf-8")
    for block in blocks(PUSH, "python"):
        exec(compile(block, "push.md", "exec"), {"__name__": "guide"})
    assert capsys.readouterr().out.startswith("2 {")
    found = mock.lead("campaign-1", "L-2001")
    assert found is not None
    assert found["phone_number"] == "+919845099999"


def test_the_command_for_several_machines_pushes_by_a_shared_ledger(
    mock: RunningMock, tmp_path: Path, postgres_url: str
) -> None:
    (command,) = re.findall(r"^    squadiq (leads push .* --ledger postgresql://\S+)$", PUSH, re.MULTILINE)
    *words, place = shlex.split(command)
    (leads,) = re.findall(r"^\$ cat leads\.csv\n(.*?)^\$", PUSH, re.MULTILINE | re.DOTALL)
    (tmp_path / "leads.csv").write_text(leads, "utf-8")
    assert place == "postgresql://user@host/database"
    ledger = postgres_database(postgres_url)
    for created in ("3  created\n", "3  created before"):
        done = CliRunner().invoke(app, [*words, ledger], prog_name="squadiq")
        assert created in done.output
    assert mock.lead("campaign-1", "L-1005") is not None


def test_phone_numbers_become_what_the_guide_says() -> None:
    table = re.findall(r"^\| `([^`]+)` \| `(\+91\d+|phone_number_\w+)` \|$", PUSH, re.MULTILINE)
    assert len(table) > 10
    for cell, expected in table:
        try:
            became = restored(cell)
        except RowError as refused:
            became = refused.code
        assert became == expected, cell


def test_every_reason_code_is_in_the_guide_and_no_other() -> None:
    """Those of the source, where some are made of a field's name."""
    source = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "squadiq" / "push").glob("*.py")))
    source += (ROOT / "squadiq" / "settlement.py").read_text("utf-8")
    given = re.findall(r'(?:RowError\(|Refusal\(|code = )(f?)"([^"]+)"', source)
    given += [("", code) for code in re.findall(r'else "(refused)"', source)]
    given += [("", code) for code in re.findall(r'"(phone_number_[a-z_]+)"', source)]
    given += [("", code) for code in re.findall(r'write\(row, "([a-z_]+)"', source)]
    literal = {code for form, code in given if not form}
    made = {re.compile(re.sub(r"\\\{.*?\\\}", r"[a-z_]+", re.escape(code))) for form, code in given if form}
    (table,) = re.findall(r"^\| code \| \|\n\|---\|---\|\n(.*?)\n\n", PUSH, re.MULTILINE | re.DOTALL)
    named = {code for line in table.splitlines() for code in re.findall(r"`([a-z_]{3,})`", line.split("|")[1])}
    named -= {"_type"}
    assert {"not_found", "suppressed", "unknown", "phone_number_several"} <= literal
    assert literal <= named
    assert [code for code in named - literal if not any(form.fullmatch(code) for form in made)] == []
    assert [form for form in made if not any(form.fullmatch(code) for code in named)] == []
