"""`squadiq contract` asks before it sends, says what it found, and finishes what a crash has left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contract_tests.faults import FAULTS
from squadiq.cli import app
from squadiq.cli.interrupts import interruptions
from squadiq.config import BASE_URL, base_url_from
from squadiq.contract.ledger import ledger_directory
from tests.contract.recording import CAMPAIGN, DOCUMENT, PHONE_NUMBER, TOKEN, Recording, recording
from tests.servers import Action, Reply, Seen, Stall


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")


def command(*arguments: str, response: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contract", *arguments], input=response)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert TOKEN not in done.output
    assert PHONE_NUMBER not in done.output
    return done.exit_code, done.output


def at(server: Recording, *more: str) -> list[str]:
    return ["--target", server.url, "--campaign", CAMPAIGN, "--hits-per-minute", "100", *more]


def test_the_limit_of_the_quota_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_HITS", "many")
    with recording() as server:
        code, output = command(*at(server, "--yes"))
        assert server.seen == []
    assert (code, "SQUADIQ_QUOTA_HITS must be a whole number" in output) == (2, True)


def test_the_plan_comes_first_and_may_be_declined() -> None:
    with recording() as server:
        code, output = command(*at(server), response="n\n")
        assert server.seen == []
    assert code == 1
    assert output.index("Hits at most") < output.index("Go on?")


def test_a_good_service_is_reported_in_a_line_and_in_files(tmp_path: Path) -> None:
    with recording() as server:
        code, output = command(*at(server, "--report", str(tmp_path / "report")), response="y\n")
    assert (code, "0 found something" in output) == (0, True)
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"contract.html", "contract.xml"}


BAR = """
from squadiq.cli.output import progress
with progress("asking", 3) as one_more:
    one_more(True)
    one_more(False)
    input()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_a_bar_on_the_terminal_says_how_far_a_run_is_and_what_it_found() -> None:
    import pty

    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", BAR], stdin=subprocess.PIPE, stderr=end, env=environment) as asking:
        os.close(end)
        output = b""
        while b"2/3" not in output or b"1 found" not in output:
            output += os.read(terminal, 4096)
        asking.communicate(b"\n")
    os.close(terminal)
    assert b"asking" in output


def test_findings_are_shown_with_what_to_do(tmp_path: Path) -> None:
    with recording(FAULTS["previous is missing"].plant) as server:
        code, output = command(*at(server, "--yes"))
    assert code == 1
    assert "pages_hold_each_lead_once: previous of page 2" in output
    assert "to change: the server" in output
    assert "reproduce: curl -i" in output


def test_what_stays_open_and_what_ended_early_is_shown() -> None:
    with recording(leads=0) as server:
        code, output = command(*at(server, "--yes", "--max-hits", "11"))
    assert code == 1
    assert "a_lead_id_selects_its_lead: no lead of the campaign is processed yet" in output
    assert "Ended early: the budget of 11 hits is spent" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--target"),
        (["--target", "https://api.test"], "--campaign"),
        (["--target", "http://api.test", "--campaign", "c1"], "in the clear"),
        (["--target", "https://api.test", "--campaign", "c1", "--max-hits", "0"], "max_hits"),
        (["--target", "https://api.test", "--campaign", "c1", "--phone-number", PHONE_NUMBER], "--allow-writes"),
        (["--target", "https://api.test", "--campaign", "c1", "--allow-writes", "c2"], "same campaign"),
        (["--target", "https://api.test", "--campaign", "c1", "--allow-writes", "c1"], "none is ever invented"),
        (["drift"], "--har"),
        (["drift", "--har", "nowhere.har"], "cannot be read"),
    ],
)
def test_what_is_missing_or_wrong_is_named(arguments: list[str], message: str) -> None:
    code, output = command(*arguments)
    assert code == 2
    assert message in " ".join(output.replace("│", " ").split())


def test_an_empty_token_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQUADIQ_ACCESS_TOKEN")
    code, output = command("--target", "https://api.test", "--campaign", "c1")
    assert (code, "access token is empty" in output) == (2, True)


def test_leads_that_are_left_are_counted_with_the_command_that_deletes_them() -> None:
    broken = threading.Event()
    broken.set()

    with recording(
        interfere=lambda seen: Reply(500) if broken.is_set() and "/delete/" in seen.target else None
    ) as server:
        writes = ["--allow-writes", CAMPAIGN, "--phone-number", PHONE_NUMBER, "--max-hits", "40"]
        code, output = command(*at(server, "--yes", *writes))
        assert (code, "squadiq contract clean-up" in output) == (1, True)
        code, output = command("clean-up", *at(server))
        assert (code, "1 ledgers" in output) == (1, True)
        broken.clear()
        assert command("clean-up", *at(server)) == (0, "1 ledgers, 0 leads left behind\n")
        assert server.mock.counts(CAMPAIGN)["created"] == 5
        assert command("clean-up", *at(server)) == (0, "0 ledgers, 0 leads left behind\n")


def test_clean_up_refuses_a_ledger_of_another_service() -> None:
    with recording(interfere=lambda seen: Reply(500) if "/delete/" in seen.target else None) as server:
        writes = ["--allow-writes", CAMPAIGN, "--phone-number", PHONE_NUMBER, "--max-hits", "40"]
        command(*at(server, "--yes", *writes))
    code, output = command("clean-up", "--target", "https://api.test", "--campaign", CAMPAIGN)
    assert (code, "at another address" in output) == (2, True)


def test_clean_up_finishes_what_a_killed_run_has_left() -> None:
    reached = threading.Event()

    def stall(seen: Seen) -> Action | None:
        if "/convert/" in seen.target and not reached.is_set():
            reached.set()
            return Stall()
        return None

    with recording(interfere=stall) as server:
        arguments = at(server, "--yes", "--allow-writes", CAMPAIGN, "--phone-number", PHONE_NUMBER, "--max-hits", "99")
        killed = subprocess.Popen(
            [sys.executable, "-m", "squadiq", "contract", *arguments], stdout=subprocess.DEVNULL, env=dict(os.environ)
        )
        try:
            assert reached.wait(60)
        finally:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        assert server.mock.counts(CAMPAIGN)["created"] > 5
        assert command("clean-up", *at(server)) == (0, "1 ledgers, 0 leads left behind\n")
        assert server.mock.counts(CAMPAIGN)["created"] == 5


WRITES = ["--yes", "--allow-writes", CAMPAIGN, "--phone-number", PHONE_NUMBER, "--max-hits", "99"]


@contextmanager
def interrupted() -> Generator[tuple[Recording, subprocess.Popen[str]]]:
    """A run that has created leads and waits for a response that does not come."""
    reached = threading.Event()

    def interfere(seen: Seen) -> Action | None:
        if "/convert/" not in seen.target:
            return None
        reached.set()
        return Stall()

    with recording(interfere=interfere) as server:
        command = [sys.executable, "-m", "squadiq", "contract", *at(server), *WRITES]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)
        ) as process:
            try:
                assert reached.wait(60)
                yield server, process
            finally:
                process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program hears")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_interrupted_deletes_its_leads_and_says_so(number: signal.Signals) -> None:
    with interrupted() as (server, process):
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Ended early: it was interrupted" in output
        assert "left behind" not in output
        assert "Traceback" not in output
        assert server.mock.counts(CAMPAIGN)["created"] == 5
    assert list(ledger_directory().iterdir()) == []


def _ended_by(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Interrupt a process until it ends: Python hears a signal that comes right before it begins to wait only later."""
    for _ in range(10):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=6)[0]
    raise AssertionError("it does not end")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program hears")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_says_which_command_deletes_what_is_left(number: signal.Signals) -> None:
    deleting = threading.Event()
    with interrupted() as (server, process):

        def noted(seen: Seen) -> Action:
            deleting.set()
            return Stall()

        server.interfere = noted
        process.send_signal(number)
        assert deleting.wait(60)
        output = _ended_by(process, number)
        assert process.returncode == 1
        assert "leads are left behind" in output
        assert "Traceback" not in output
        (line,) = [line for line in output.splitlines() if "To delete them: " in line]
        arguments = shlex.split(line.partition("To delete them: ")[2])
        assert arguments[:3] == ["squadiq", "contract", "clean-up"]
        server.interfere = lambda seen: None
        assert command(*arguments[2:]) == (0, "1 ledgers, 0 leads left behind\n")
        assert server.mock.counts(CAMPAIGN)["created"] == 5


def ledger_file(name: str, *lines: Any) -> Path:
    path = ledger_directory() / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line) if not isinstance(line, str) else line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("where", "created"),
    [
        ({"prefix": ""}, "u3"),
        ({"prefix": "u"}, "u3"),
        ({"prefix": "squadiq-contract-x-"}, "u3"),
        ({"prefix": None}, "u3"),
        ({"prefix": ["u3"]}, "u3"),
        ({}, "u3"),
        ({"prefix": "squadiq-contract-x-", "campaign_id": "other"}, "squadiq-contract-x-1"),
        ({"prefix": "squadiq-contract-x-", "base_url": "https://other.test"}, "squadiq-contract-x-1"),
        ({"prefix": "squadiq-contract-x-", "more": "1"}, "squadiq-contract-x-1"),
    ],
)
def test_clean_up_leaves_a_ledger_alone_that_no_run_at_this_target_has_written(
    where: dict[str, Any], created: str
) -> None:
    with recording() as server:
        first = {"base_url": server.url, "campaign_id": CAMPAIGN, **where}
        path = ledger_file("foreign", first, {"created": [created]})
        code, output = command("clean-up", *at(server))
        assert code == 2
        assert path.name in output
        assert path.exists()
        assert server.seen == []


def test_one_lead_of_somebody_else_among_those_of_a_run_keeps_all_of_them() -> None:
    prefix = "squadiq-contract-x-"
    with recording() as server:
        first = {"base_url": server.url, "campaign_id": CAMPAIGN, "prefix": prefix}
        ledger_file("mixed", first, {"created": [f"{prefix}1", "lead-of-a-customer", f"{prefix}2"]})
        assert command("clean-up", *at(server))[0] == 2
        assert server.seen == []


@pytest.mark.parametrize(
    "line", ["nonsense", "[1]", '{"created": "ab"', '{"created": [1]}', '{"deleted": ["x"]}', '{"else": 1}', "\u0085"]
)
def test_a_damaged_ledger_is_named_and_keeps_no_other_from_being_finished(line: str) -> None:
    prefix = "squadiq-contract-x-"
    with recording() as server:
        where = {"base_url": server.url, "campaign_id": CAMPAIGN, "prefix": prefix}
        damaged = ledger_file("damaged", where, {"created": [f"{prefix}1"]}, line, {"created": [f"{prefix}2"]})
        whole = ledger_file("whole", where, {"created": [f"{prefix}3"]})
        code, output = command("clean-up", *at(server))
        assert (code, "damaged.jsonl" in output, damaged.exists(), whole.exists()) == (2, True, True, False)
        assert [seen.json for seen in server.seen] == [{"lead_id": f"{prefix}3"}]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program hears")
def test_clean_up_that_is_interrupted_finishes_what_it_is_at_and_says_what_is_left() -> None:
    prefix = "squadiq-contract-x-"
    interrupted: list[str] = []

    def interrupt(seen: Seen) -> Action | None:
        if interrupted:
            return None
        interrupted.append(seen.target)
        os.kill(os.getpid(), signal.SIGTERM)
        return Stall()

    with recording(interfere=interrupt) as server:
        where = {"base_url": server.url, "campaign_id": CAMPAIGN, "prefix": prefix}
        first = ledger_file("1", where, {"created": [f"{prefix}1", f"{prefix}2"]})
        second = ledger_file("2", where, {"created": [f"{prefix}3"]})
        code, output = command("clean-up", *at(server))
        assert (code, first.exists(), second.exists()) == (1, False, True)
        assert "2 ledgers, 1 leads left behind\nTo delete them: squadiq contract clean-up --target" in output
        assert command("clean-up", *at(server)) == (0, "1 ledgers, 0 leads left behind\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program hears")
def test_a_signal_interrupts_until_it_is_not_heard_any_more() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptions() as heard:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        heard.deaf = True
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    signals: list[object] = []

    def elsewhere() -> None:
        with interruptions():
            signals.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert signals == [before]


def test_clean_up_looks_at_its_options_though_there_is_no_ledger() -> None:
    assert command("clean-up", "--target", "http://api.test", "--campaign", "c1")[0] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--phone-number", "12"], "phone_number: the 2. one is not a phone number"),
        (["--phone-number", ""], "phone_number: the 2. one"),
        (["--phone-number", "1111111111"], "phone_number: the 2. one"),
        (["--hits-per-minute", "1"], "hits_per_minute: give at least 2"),
        (["--report", "FILE"], "report: "),
        (["--report", "FILE/folder"], "report: "),
    ],
)
def test_a_wrong_option_is_found_before_the_first_hit(tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    options = [option.replace("FILE", str(tmp_path / "file")) for option in options]
    with recording() as server:
        code, output = command(*at(server), *WRITES, *options)
        assert (code, server.seen) == (2, [])
    assert message in output


def test_there_is_no_live_address_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facade's own default is the document's server; contract tests never fall back to it."""
    assert DOCUMENT.contents["servers"][0]["url"] == BASE_URL == "https://api.squadiq.in"
    monkeypatch.delenv("SQUADIQ_BASE_URL", raising=False)
    assert str(base_url_from(None, ())) == BASE_URL
    code, output = command("--campaign", CAMPAIGN, "--yes")
    assert (code, "--target" in output) == (2, True)


def test_drift_is_shown_with_how_many_calls_had_it(tmp_path: Path) -> None:
    url = f"https://api.test/api/v4/leads/responses/{CAMPAIGN}/"
    response: dict[str, Any] = {"status": 418, "headers": [], "content": {}}
    entries: list[dict[str, Any]] = [{"request": {"method": "GET", "url": url}, "response": response}] * 3
    entries.append({"request": {"method": "GET", "url": "https://api.test/"}, "response": response})
    path = tmp_path / "calls.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    code, output = command("drift", "--har", str(path))
    assert code == 1
    assert "3 x getLeads: status 418 for getLeads" in output
    assert "3 calls held against the document, 1 others left out, 1 differences" in output


def test_a_log_of_the_facade_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "calls.log"
    path.write_text('{"operation": "getLeads", "status": 200, "differences": []}\n')
    assert command("drift", "--log", str(path)) == (0, "1 calls held against the document, 0 differences\n")
