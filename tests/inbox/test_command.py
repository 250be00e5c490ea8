"""`squadiq inbox`: running, listing what failed for good, replaying it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.inbox import Inbox
from squadiq.webhooks import parse
from tests.webhooks.payloads import PERSONAL, delivery
from tests.webhooks.processes import running

MODULE = """
from pathlib import Path
from squadiq.inbox import Inbox

inbox = Inbox("inbox.sqlite3", max_attempts=1)
silent = Inbox("inbox.sqlite3")
broken = Inbox("folder")
not_one = "an inbox"

@inbox.on_processed
def handle(lead):
    if Path("broken").exists():
        raise ValueError(lead.phone_number)
    # In one piece: handlers print from several threads at once.
    print(f"handled {lead.lead_id}\\n", end="", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_leads.py").write_text(MODULE, "utf-8")
    (tmp_path / "needs_more.py").write_text("import no_such_package", "utf-8")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("my_leads", "needs_more"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.fixture
def _signals() -> object:
    """The command takes SIGINT and SIGTERM for itself: give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def squadiq(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["inbox", *arguments])


@pytest.mark.usefixtures("_signals")
def test_results_are_handled_failed_listed_and_replayed(folder: Path) -> None:
    with Inbox("inbox.sqlite3") as inbox:
        for number in range(3):
            inbox.receive(parse(delivery(lead_id=9876501230 + number), {}))
    (folder / "broken").touch()
    assert "handled 0 results" in squadiq("run", "my_leads:inbox", "--once").output

    listed = squadiq("failed", "my_leads:inbox")
    first, second, third, count = listed.output.splitlines()
    assert count == "3 failed"
    assert first.split("\t")[:5] == ["1", "campaign-1", "…30", "2018-12-03T14:37:54+00:00", "1"]
    assert third.split("\t")[5].startswith("ValueError at my_leads.py:")
    assert not [secret for secret in PERSONAL if secret in listed.output + second]

    some = squadiq("replay", "my_leads:inbox", "2", "99", str(10**30), "98")
    assert (some.exit_code, "1 will be handled anew" in some.output) == (1, True)
    assert [line for line in some.output.splitlines() if "no result" in line] == [
        f"squadiq: no result {number} has failed. `squadiq inbox failed` lists them." for number in (98, 99, 10**30)
    ]
    assert squadiq("replay", "my_leads:inbox", "2").exit_code == 1  # it has no longer failed
    assert "2 will be handled anew" in squadiq("replay", "my_leads:inbox", "--all").output
    (folder / "broken").unlink()
    assert "handled 3 results" in squadiq("run", "my_leads:inbox", "--once", "--concurrency=2").output
    assert "0 failed" in squadiq("failed", "my_leads:inbox").output


@pytest.mark.usefixtures("_signals", "folder")
def test_dead_letters_of_a_file_are_listed_for_programs_and_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with Inbox("inbox.sqlite3") as inbox:
        inbox.receive(parse(delivery(lead_id="[red]L7[/]"), {}))
    Path("broken").touch()
    squadiq("run", "my_leads:inbox", "--once")
    [row] = json.loads(squadiq("failed", "inbox.sqlite3", "--json").output)
    assert row.pop("error").startswith("ValueError at my_leads.py:")
    assert row == {
        "id": 1,
        "campaign_id": "campaign-1",
        "lead_id": "[red]L7[/]",
        "processed_at": "2018-12-03T14:37:54+00:00",
        "attempts": 1,
    }
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    shown = click.unstyle(squadiq("failed", "inbox.sqlite3").output).splitlines()
    assert shown[0].split() == ["id", "campaign_id", "lead_id", "processed_at", "attempts", "error"]
    assert shown[1].split()[:3] == ["1", "campaign-1", "[red]L7[/]"]
    assert "1 will be handled anew" in squadiq("replay", "inbox.sqlite3", "--all").output
    assert json.loads(squadiq("failed", "inbox.sqlite3", "--json").output) == []


def test_replay_wants_ids_or_all(folder: Path) -> None:
    assert folder
    for arguments in ([], ["1", "--all"]):
        wrong = squadiq("replay", "my_leads:inbox", *arguments)
        assert wrong.exit_code == 2
        assert "give ids, or --all" in wrong.output


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("my_leads", "module:variable"),
        (":inbox", "module:variable"),
        ("no_such_leads:inbox", "no module 'no_such_leads'"),
        ("my_leads:nothing", "not an Inbox"),
        ("my_leads:not_one", "not an Inbox"),
    ],
)
def test_a_target_that_is_no_inbox_is_told(folder: Path, target: str, reason: str) -> None:
    assert folder
    wrong = squadiq("run", target)
    assert wrong.exit_code == 2
    assert reason in " ".join(wrong.output.replace("│", "").split())


def test_a_module_that_needs_another_says_so_itself(folder: Path) -> None:
    assert folder
    assert isinstance(squadiq("failed", "needs_more:inbox").exception, ModuleNotFoundError)


def test_an_inbox_that_cannot_be_made_is_told_in_a_line(folder: Path) -> None:
    (folder / "wrong_leads.py").write_text("from squadiq.inbox import Inbox\ninbox = Inbox('no/such/folder')", "utf-8")
    failed = squadiq("failed", "wrong_leads:inbox")
    assert failed.exit_code == 2
    assert failed.output.startswith("squadiq: The inbox's folder")


@pytest.mark.usefixtures("_signals")
def test_errors_are_told_in_a_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder
    monkeypatch.delenv("SQUADIQ_ACCESS_TOKEN", raising=False)
    for arguments, reason in [
        (["failed", "my_leads:broken"], "cannot be opened"),
        (["replay", "my_leads:broken", "--all"], "cannot be opened"),
        (["run", "my_leads:silent", "--once"], "The inbox has no handler"),
        (["run", "my_leads:inbox", "--once", "--backfill=campaign-1"], "SQUADIQ_ACCESS_TOKEN"),
    ]:
        failed = squadiq(*arguments)
        assert failed.exit_code == 2
        told = failed.output.splitlines()[-1]
        assert told.startswith("squadiq: ")
        assert reason in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_command_finishes_and_ends_when_it_is_told_to(folder: Path, number: signal.Signals) -> None:
    with running("squadiq", "inbox", "run", "my_leads:inbox", folder=folder) as command:
        command.printed("handling results of Inbox")
        with Inbox("inbox.sqlite3") as inbox:
            inbox.receive(parse(delivery(), {}))
        command.printed("handled test_lead_id")
        command.process.send_signal(number)
        assert command.process.wait(20) == 0
    assert "handled 1 results" in command.log.read_text("utf-8")


def test_what_was_missed_is_read_from_a_campaign(folder: Path) -> None:
    from squadiq import SquadIQ
    from squadiq.mock.server import running_mock

    with running_mock(rate=0) as mock:
        with SquadIQ(access_token=mock.token, base_url=mock.url) as client:
            leads = [
                {"lead_id": f"lead-{number}", "phone_number": f"98765012{number:02}", "contact_name": "Asha"}
                for number in range(3)
            ]
            client.campaign("campaign-1").create_leads(leads)
            mock.advance(60)
        environment = {"SQUADIQ_ACCESS_TOKEN": mock.token, "SQUADIQ_BASE_URL": mock.url}
        arguments = ["inbox", "run", "my_leads:inbox", "--backfill=campaign-1"]
        with running("squadiq", *arguments, folder=folder, **environment) as command:
            for number in range(3):
                command.printed(f"handled lead-{number}")


def test_the_command_names_the_extra_that_it_needs() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import squadiq.inbox"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'squadiq[inbox]'" in failed.stderr
