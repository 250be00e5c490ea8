"""`squadiq leads get | create | update | convert | disable | delete | status` on the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from squadiq import SquadIQ
from squadiq.cli import app, lead_changes
from squadiq.inbox import Inbox
from squadiq.mock.server import RunningMock, running_mock
from squadiq.outbox import Outbox
from squadiq.webhooks import parse
from tests.cli.at_a_terminal import at_a_terminal
from tests.servers import ActingServer, Action, Reply, Seen, acting_server, scripted
from tests.webhooks.payloads import delivery
from tests.webhooks.processes import Running, running

PERSONAL = ("98765", "43210", "Asha", "Rao")
GOOD = Reply(200, {})
HTML = Reply(404, b"<html>no such page</html>", {"Content-Type": "text/html"})
FILES = {
    "update": "lead_id,city\n{}",
    "convert": "lead_id,detail\n{}",
    "disable": "lead_id,x\n{}",
    "delete": "lead_id,x\n{}",
}
CHANGES = pytest.mark.parametrize("command", FILES)
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals and signals")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("SQUADIQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", "test_token")
    monkeypatch.setenv("SQUADIQ_CAMPAIGN_ID", "campaign-1")
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningMock]:
    with running_mock(rate=0) as mock:
        monkeypatch.setenv("SQUADIQ_BASE_URL", mock.url)
        yield mock


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, ["leads", *words], prog_name="squadiq")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert [word for word in PERSONAL if word in done.output] == [] or words[0] == "get"
    return done


def create(*numbers: int) -> None:
    with SquadIQ() as client:
        client.campaign().create_leads(
            {"lead_id": f"l{n}", "phone_number": f"98765432{n:02}", "contact_name": "Asha Rao"} for n in numbers
        )


def file_of(folder: Path, command: str, *lead_ids: str, value: str = "PAID") -> str:
    path = folder / f"{command}.csv"
    path.write_text(FILES[command].format("".join(f"{each},{value}\n" for each in lead_ids)), "utf-8")
    return str(path)


def state(mock: RunningMock, lead_id: str) -> dict[str, Any]:
    found = mock.lead("campaign-1", lead_id)
    assert found is not None
    return found


# One lead


def test_a_lead_is_created_changed_converted_disabled_and_deleted(mock: RunningMock) -> None:
    person = ["--phone-number", "98765 43210", "--contact-name", "Asha Rao"]
    assert run("create", "--lead-id", "l1", *person, "--set", "amount=500").output == "1 created\n"
    assert state(mock, "l1")["custom_fields"] == {"amount": 500}
    assert run("update", "l1", "--set", "pin=0411", "--set", "amount=null").output == "1 updated\n"
    assert state(mock, "l1")["custom_fields"] == {"amount": None, "pin": "0411"}
    assert run("convert", "l1", "--detail", "PAID", "--json").output == '{"converted": 1}\n'
    assert run("disable", "l1").output == "1 disabled\n"
    assert run("delete", "l1").output == "1 deleted\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("true", True),
        ('"5"', "5"),
        ("Pune", "Pune"),
        ("0411", "0411"),
        ('["a"]', ["a"]),
        ("a=b", "a=b"),
        ("[" * 100_000, "[" * 100_000),
    ],
    ids=lambda value: str(value)[:10],
)
def test_a_value_that_is_json_is_taken_as_such(text: str, value: object) -> None:
    with acting_server(GOOD) as server:
        assert run("update", "l1", "--set", f"x={text}", "--base-url", server.url).exit_code == 0
        assert server.seen[0].json == {"lead_id": "l1", "x": value}


def test_a_name_or_a_number_is_text_whatever_it_looks_like() -> None:
    with acting_server(GOOD) as server:
        words = ["--set", "contact_name=007", "--set", "phone_number=9876543210"]
        assert run("update", "l1", *words, "--base-url", server.url).exit_code == 0
        assert server.seen[0].json == {"lead_id": "l1", "contact_name": "007", "phone_number": "+919876543210"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["update"], "give one LEAD_ID with --set, or --file"),
        (["update", "l1", "--file", "x.csv"], "give one LEAD_ID with --set, or --file"),
        (["update", "l1"], "there is nothing to change"),
        (["update", "l1", "--set", "city"], "--set must be NAME=VALUE"),
        (["update", "l1", "--set", "phone_number=98765 4321"], "phone_number has 9 digits"),
        (["convert", "l1"], "give one LEAD_ID with --detail, or --file"),
        (["convert"], "give one LEAD_ID with --detail, or --file"),
        (["convert", "l1", "--detail", "x" * 33], "at most 32 characters"),
        (["disable"], "give LEAD_IDs, or --file"),
        (["delete", "l1", "--file", "x.csv"], "give LEAD_IDs, or --file"),
        (["delete", "--file", "x.csv"], "x.csv is not there, or is no file"),
        (["delete", "--file", "empty.csv"], "empty.csv is empty"),
        (["delete", "--file", "people.csv"], "no column is recognised as lead_id"),
        (["convert", "--file", "ids.csv"], "no column is recognised as detail"),
        (["convert", "--file", "ids.csv", "--detail", "PAID", "--map", "detail"], "--map must be NAME=VALUE"),
        (["delete", "--file", "ids.csv", "--map", "no such=lead_id"], "there is no column 'no such'"),
        (["update", "--file", "people.csv", "--map", "name=lead_id", "--set", "city=Pune"], "city would come from"),
        (["delete", "--file", "ids.csv", "--ledger", "/dev/null/x.sqlite3"], "The ledger of the push failed"),
        (["get", "--limit", "0"], "--limit"),
        (["get", "--processed-after", "soon"], "--processed-after"),
    ],
    ids=lambda value: " ".join(map(str, value))[:50] if isinstance(value, list) else "",  # pyright: ignore[reportUnknownArgumentType]
)
def test_what_is_wrong_is_said_before_anything_is_sent(home: Path, words: list[str], said: str) -> None:
    (home / "empty.csv").touch()
    (home / "people.csv").write_text("name,city\nAsha Rao,Pune\n", "utf-8")
    (home / "ids.csv").write_text("lead_id\nl1\n", "utf-8")
    with acting_server(GOOD) as server:
        done = run(*words, "--base-url", server.url)
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())
        assert server.seen == []


def test_without_campaign_or_token_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQUADIQ_CAMPAIGN_ID")
    assert "campaign" in run("delete", "l1").output
    monkeypatch.delenv("SQUADIQ_ACCESS_TOKEN")
    done = run("delete", "l1", "--campaign", "c-1")
    assert (done.exit_code, "access token" in done.output) == (2, True)


@pytest.mark.usefixtures("mock")
def test_of_a_single_lead_that_is_not_there_is_told_and_ends_with_2() -> None:
    for words in (["update", "no", "--set", "x=1"], ["convert", "no", "--detail", "x"], ["disable", "no"]):
        done = run(*words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "was answered with 404" in done.output


def test_those_that_are_there_are_deleted_though_others_are_not(mock: RunningMock) -> None:
    create(1, 2, 3)
    done = run("delete", "l1", "no", "l2", "l1")
    assert (done.exit_code, done.stdout) == (1, "2 deleted\n")
    assert done.stderr == "squadiq: 1 are not in campaign campaign-1\n"
    assert state(mock, "l3")["contact_name"] == "Asha Rao"


def test_the_page_of_a_proxy_is_not_taken_for_a_lead_that_is_gone() -> None:
    with acting_server(HTML) as server:
        done = run("delete", "l1", "l2", "--base-url", server.url)
        assert (done.exit_code, done.stdout, len(server.seen)) == (2, "", 1)


# Reading


@pytest.fixture
def processed(mock: RunningMock) -> RunningMock:
    create(1, 2, 3)
    mock.advance(100_000)
    return mock


@pytest.mark.usefixtures("processed")
def test_leads_are_shown_as_a_table_without_what_people_said() -> None:
    done = run("get")
    assert done.exit_code == 0
    heading, *lines = done.output.splitlines()
    assert heading.split() == ["lead_id", "outcome", "processed", "at", "responses", "to"]
    with_time = [line for line in lines if re.search(r" \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line)]
    assert {line.split()[0] for line in with_time} == {"l1", "l2", "l3"}
    assert "interested, preferred_language" in lines[0]
    assert [word for word in (*PERSONAL, "\x1b") if word in done.output] == []


@pytest.mark.usefixtures("processed")
def test_leads_are_read_whole_with_json_one_a_line() -> None:
    leads = {lead["lead_id"]: lead for lead in map(json.loads, run("get", "--json").output.splitlines())}
    assert leads.keys() == {"l1", "l2", "l3"}
    assert leads["l1"]["phone_number"] == "+919876543201"
    assert len(run("get", "--json", "--limit", "2").output.splitlines()) == 2
    assert json.loads(run("get", "--json", "--lead-id", "l2").output)["lead_id"] == "l2"


def test_times_without_a_zone_are_in_utc() -> None:
    with acting_server(Reply(200, {"count": 0, "next": None, "previous": None, "results": []})) as server:
        times = ["--processed-after", "2026-01-01", "--processed-before", "2026-01-02T00:00:01"]
        done = run("get", *times, "--base-url", server.url)
        assert (done.exit_code, len(done.output.splitlines())) == (0, 1)
        assert "1767225600" in server.seen[0].target
        assert "1767312001" in server.seen[0].target


def test_whatever_a_lead_holds_its_table_is_safe_to_look_at() -> None:
    lead = {"lead_id": "98765 43210\x1b[2J", "lead_outcome": ["odd"], "processed_at": None, "lead_responses": ["Asha"]}
    page = {"count": 1, "next": None, "previous": None, "results": [lead]}
    with acting_server(Reply(200, page)) as server:
        done = run("get", "--base-url", server.url)
        assert [word for word in (*PERSONAL, "\x1b") if word in done.output] == []


def test_a_time_that_has_no_other_zone_is_shown_as_it_is() -> None:
    lead = {"lead_id": "l1", "lead_outcome": "Connected", "processed_at": "0001-01-01T00:00:00+05:30"}
    with acting_server(Reply(200, {"count": 1, "next": None, "previous": None, "results": [lead]})) as server:
        assert "0001-01-01T00:00:00+05:30" in run("get", "--base-url", server.url).output


@ON_POSIX
@pytest.mark.usefixtures("processed")
def test_at_a_terminal_the_table_is_the_same_with_a_bold_heading(home: Path) -> None:
    code, shown = at_a_terminal(["leads", "get"], {}, home)
    assert code == 0
    assert "\x1b[1mlead_id" in shown
    code, shown = at_a_terminal(["leads", "get"], {"NO_COLOR": "1"}, home)
    assert "\x1b[3" not in shown


# Many leads


@CHANGES
def test_a_file_is_changed_and_the_plan_comes_first(mock: RunningMock, home: Path, command: str) -> None:
    create(1, 2)
    done = run(command, "--file", file_of(home, command, "l1", "nobody", "l2"))
    hits = 1 if command == "disable" else 3
    plan = f"3 rows, {hits} hits of the quota at most, about 0 minutes; 100 of 100 hits are free now\n"
    assert (done.exit_code, done.stderr) == (1, plan)
    *notes, first, code, ledger, rejected = done.stdout.splitlines()
    assert notes == ["  UTF-8, comma between cells"]
    assert re.fullmatch(r"2 done, 0 done before, \d hits", first)
    assert code.split() == ["1", "not_found"]
    assert ledger == f"ledger: {home}/state/squadiq/push.sqlite3"
    assert rejected == f"Rejected rows are in {home}/{command}.csv.rejected.csv"
    assert ",3,not_found," in Path(f"{home}/{command}.csv.rejected.csv").read_text("utf-8")
    again = run(command, "--file", file_of(home, command, "l1", "l2"), "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (
        0,
        {
            "rows": 2,
            "done": 0,
            "done_before": 2,
            "rejected": {},
            "hits": 0,
            "notes": ["UTF-8, comma between cells"],
            "ledger": f"{home}/state/squadiq/push.sqlite3",
            "rejected_file": None,
            "stopped": None,
        },
    )


@pytest.mark.usefixtures("mock")
def test_columns_are_mapped_and_one_value_is_given_to_all(home: Path) -> None:
    create(1, 2)
    path = home / "paid.csv"
    path.write_text("CRM no,name\nl1,Asha Rao\nl2,Asha Rao\n", "utf-8")
    done = run("convert", "--file", str(path), "--map", "CRM no=lead_id", "--detail", "PAID")
    assert (done.exit_code, "2 done" in done.stdout) == (0, True)
    named = ["--map", "CRM no=lead_id", "--map", "name=contact_name", "--set", "amount=5"]
    assert run("update", "--file", str(path), *named).exit_code == 0


def test_an_update_gives_what_is_set_to_all_and_what_is_in_the_row_to_each(mock: RunningMock, home: Path) -> None:
    create(1, 2)
    done = run("update", "--file", file_of(home, "update", "l1", "l2", value="7"), "--set", "source=web")
    assert (done.exit_code, "  city is sent as integer" in done.stdout.splitlines()) == (0, True)
    assert state(mock, "l2")["custom_fields"] == {"city": 7, "source": "web"}


def test_how_many_minutes_it_takes_is_told_from_the_quota(home: Path) -> None:
    lead_ids = [f"l{number}" for number in range(1201)]
    with acting_server(Reply(401, {"detail": "no"})) as server:
        done = run("delete", "--file", file_of(home, "delete", *lead_ids), "--base-url", server.url, "--yes")
        assert "1,201 rows, 1,201 hits of the quota at most, about 12 minutes; " in done.stderr
        done = run("disable", "--file", file_of(home, "disable", *lead_ids), "--base-url", server.url)
        assert "1,201 rows, 2 hits of the quota at most, about 0 minutes; " in done.stderr


def test_a_file_without_a_row_is_nothing_to_do(home: Path) -> None:
    with acting_server(GOOD) as server:
        done = run("delete", "--file", file_of(home, "delete"), "--base-url", server.url)
        assert (done.exit_code, server.seen) == (0, [])
        assert "0 done, 0 done before, 0 hits" in done.stdout


@CHANGES
@pytest.mark.parametrize(
    "trouble", [HTML, Reply(502, b"<html>", {"Retry-After": "3600"}), Reply(401, {"detail": "no"})], ids=repr
)
def test_what_is_of_no_lead_stops_and_the_same_command_goes_on(home: Path, command: str, trouble: Action) -> None:
    file = file_of(home, command, "l1", "l2")
    with acting_server(scripted(trouble, GOOD)) as server:
        words = [command, "--file", file, "--base-url", server.url]
        done = run(*words, "--json")
        told = json.loads(done.stdout)
        assert (done.exit_code, told["done"], "was answered with" in told["stopped"]) == (2, 0, True)
        assert done.stderr.splitlines()[-1].endswith("Run the same command again: it goes on where it was.")
        assert run(*words).exit_code == 0


def test_from_standard_input_there_is_no_same_command() -> None:
    with acting_server(HTML) as server:
        words = [sys.executable, "-m", "squadiq", "leads", "delete", "--file", "-", "--base-url", server.url]
        done = subprocess.run(words, input="lead_id\nl1\n", capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "0 done, 0 done before, 1 hits" in done.stdout) == (2, True)
        assert "squadiq: stopped: deleteLead was answered with 404" in done.stderr
        assert "Run the same command" not in done.stderr


@ON_POSIX
@CHANGES
@pytest.mark.unmeasured
@pytest.mark.parametrize("carried_out", [True, False])
def test_killed_in_the_middle_the_same_command_goes_on_where_it_was(
    home: Path, command: str, carried_out: bool
) -> None:
    """Whether the hit under way was carried out or not; no lead is told to be missing for that."""
    there = {f"l{number}" for number in range(5)}
    made: list[str] = []
    runs: list[subprocess.Popen[str]] = []

    def serve(seen: Seen) -> Action:
        ids = [each["lead_id"] for each in seen.json] if command == "disable" else [seen.json["lead_id"]]
        kill = "l2" in ids and len(runs) == 1
        if kill:
            runs[0].send_signal(signal.SIGKILL)
            runs[0].wait()
        if kill and not carried_out:
            return GOOD
        if not there.issuperset(ids):
            return Reply(404, {"detail": "Not found."})
        if command == "delete":
            there.difference_update(ids)
        made.extend(ids)
        return GOOD

    file = file_of(home, command, *(f"l{number}" for number in range(5)))
    with acting_server(serve) as server:

        def started() -> subprocess.Popen[str]:
            words = [sys.executable, "-m", "squadiq", "leads", command, "--file", file, "--base-url", server.url]
            return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        runs.append(started())
        runs[0].communicate(timeout=60)
        assert runs[0].returncode == -signal.SIGKILL
        runs.append(started())
        told, _ = runs[1].communicate(timeout=60)
    before = 0 if command == "disable" else 2
    assert (runs[1].returncode, f"{5 - before} done, {before} done before" in told) == (0, True), told
    assert set(made) == {f"l{number}" for number in range(5)}
    twice = {each for each in made if made.count(each) > 1}
    allowed = {"disable": set(made), "delete": set[str]()}.get(command, {"l2"}) if carried_out else set[str]()
    assert twice == allowed
    assert not list(home.glob("*.rejected.csv"))


@ON_POSIX
def test_ctrl_c_finishes_the_lead_under_way_and_says_how_to_go_on(home: Path) -> None:
    commands: list[Running] = []

    def serve(seen: Seen) -> Action:
        if seen.json["lead_id"] == "l1":
            commands[0].process.send_signal(signal.SIGINT)
            commands[0].printed("squadiq: finishing the batch under way …\n")
        return GOOD

    file = file_of(home, "delete", "l0", "l1", "l2")
    words = ["leads", "delete", "--file", file, "--base-url"]
    with acting_server(serve) as server, running("squadiq", *words, server.url, folder=home) as command:
        commands.append(command)
        assert command.process.wait(60) == 1
    told = command.log.read_text("utf-8")
    assert "2 done, 0 done before, 2 hits\n" in told
    assert "squadiq: stopped: It was interrupted. Run the same command again: it goes on where it was.\n" in told


def test_a_line_now_and_then_tells_how_far_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_changes, "LINE_EVERY_SECONDS", 0.0)
    with acting_server(scripted(GOOD, Reply(404, {"detail": "Not found."}), GOOD)) as server:
        done = run("convert", "--file", file_of(home, "convert", "l1", "l2", "l3"), "--base-url", server.url)
    assert done.stderr.splitlines()[1:] == [
        "squadiq: 1 of 3 rows",
        "squadiq: 2 of 3 rows, 1 rejected",
        "squadiq: 3 of 3 rows, 1 rejected",
    ]


@ON_POSIX
def test_at_a_terminal_a_bar_tells_how_far_it_is_and_goes_in_the_end(home: Path) -> None:
    with acting_server(scripted(Reply(404, {"detail": "Not found."}), GOOD)) as server:
        words = ["leads", "convert", "--file", file_of(home, "convert", "l1", "l2"), "--base-url", server.url]
        code, shown = at_a_terminal(words, {}, home)
    assert code == 1
    assert "2/2" in shown
    assert "rows, 1 rejected" in shown
    assert "squadiq: 1 of 2 rows" not in shown


# Asking before people are called, or lost


LIVE = "https://squadiq.invalid"
BULK = [
    ["create", "--lead-id", "l1", "--phone-number", "9876543210", "--contact-name", "Asha Rao"],
    ["delete", "l1"],
    ["disable", "l1", "l2"],
    *([command, "--file", f"{command}.csv"] for command in FILES),
]


@pytest.fixture
def way_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[ActingServer]:
    """The proxy by which anything would be sent to a live address."""
    with acting_server(Reply(502, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SQUADIQ_BASE_URL", LIVE)
        yield proxy


@pytest.mark.parametrize("words", BULK, ids=lambda words: " ".join(words[:2]))
def test_where_there_is_nobody_to_ask_nothing_is_sent_to_a_live_address(
    home: Path, way_out: ActingServer, words: list[str]
) -> None:
    for command in FILES:
        file_of(home, command, "l1", "l2")
    done = run(*words)
    assert done.exit_code == 2
    assert " at squadiq.invalid: there is nobody to ask here. Give --yes if that is meant.\n" in done.output
    assert way_out.seen == []
    assert not (home / "state" / "squadiq" / "push.sqlite3").exists()
    run(*words, "--yes")
    assert way_out.seen[0].method == "CONNECT"


def test_a_single_lead_is_disabled_without_a_question(way_out: ActingServer) -> None:
    run("disable", "l1")
    assert len(way_out.seen) > 0


@ON_POSIX
@pytest.mark.parametrize(("answer", "is_sent"), [("n", False), ("", False), ("y", True)])
def test_at_a_terminal_it_asks(home: Path, way_out: ActingServer, answer: str, is_sent: bool) -> None:
    file = file_of(home, "delete", "l1", "l2")
    question = r"deleteLead for 2 leads of campaign campaign-1 at squadiq\.invalid\. Go on\? \[y/N\]: "
    environment = {"HTTPS_PROXY": way_out.url}
    code, shown = at_a_terminal(["leads", "delete", "--file", file], environment, home, (question, f"{answer}\n"))
    assert code == (2 if is_sent else 1)
    assert "2 rows, 2 hits" in shown
    assert bool(way_out.seen) is is_sent


# What is known of a lead


def known(lead_id: str, *words: str, code: int = 0) -> dict[str, Any]:
    done = run("status", lead_id, "--json", *words)
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pushed(folder: Path, *rows: str) -> None:
    path = folder / "new.csv"
    path.write_text("lead_id,phone_number,contact_name\n" + "".join(f"{row}\n" for row in rows), "utf-8")
    run("push", str(path))


def test_of_a_lead_that_was_never_pushed_is_said_so(mock: RunningMock, home: Path) -> None:
    told = known("l1")
    assert told == {
        "push": f"there is no ledger {home}/state/squadiq/push.sqlite3",
        "outbox": "not asked; give --outbox FILE|URL",
        "inbox": "not asked; give --inbox FILE|URL",
        "squadiq": "not processed, or not there",
    }
    assert not (home / "state" / "squadiq" / "push.sqlite3").exists()
    pushed(home, "l2,9876543210,Asha Rao")
    assert known("l1")["push"] == "never pushed, as far as the ledger knows"


def test_of_a_lead_that_was_pushed_is_told_what_became_of_it_and_when(mock: RunningMock, home: Path) -> None:
    pushed(home, "l1,9876543210,Asha Rao")
    told = known("l1")["push"]
    assert (told["state"], told["source"], told["row"]) == ("created", f"{home}/new.csv", 2)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["since"])
    run("convert", "--file", file_of(home, "convert", "l1"))
    mock.advance(100_000)
    told = known("l1")
    assert list(told["changes"]) == ["convertLead"]
    assert told["squadiq"]["processed_at"].startswith("20")
    lines = run("status", "l1").output.splitlines()
    assert [line.split()[0] for line in lines] == ["push", "changes", "outbox", "inbox", "squadiq"]
    assert lines[0].startswith("push     state created, source ")


def test_of_a_lead_that_waits_or_was_refused_is_told_so_with_the_reason(home: Path) -> None:
    pages = Reply(200, {"count": 0, "next": None, "previous": None, "results": []})
    refused = Reply(400, [{"phone_number": ["This number is blocked."]}])
    for reply, state, more in [
        (Reply(401, {"detail": "no"}), "waiting", {}),
        (
            refused,
            "refused",
            {"code": "refused_phone_number", "reason": "is refused: phone_number: This number is blocked."},
        ),
    ]:

        def serve(seen: Seen, reply: Reply = reply) -> Action:
            return pages if seen.method == "GET" else reply

        with acting_server(serve) as server:
            path = home / "new.csv"
            path.write_text("lead_id,phone_number,contact_name\nl1,9876543210,Asha Rao\n", "utf-8")
            run("push", str(path), "--base-url", server.url)
            told = known("l1", "--base-url", server.url)["push"]
        assert told["state"] == state
        assert {name: told[name] for name in more} == more


def test_of_a_lead_in_the_outbox_is_told_what_became_of_it(mock: RunningMock, home: Path) -> None:
    place = str(home / "outbox.sqlite3")
    assert known("l1", "--outbox", place)["outbox"] == f"there is no file {place}"
    assert not Path(place).exists()
    with Outbox(place, linger_seconds=0.001) as outbox:
        outbox.update_lead("campaign-1", "l1", city="Pune")
        told = known("l1", "--outbox", place)["outbox"]
        assert told == {"entries": 1, "latest": "updateLead", "state": "waiting", "attempts": 0}
        with SquadIQ(mock.token, base_url=mock.url, quota="memory") as client:
            outbox.run(client, once=True)
    told = known("l1", "--outbox", place)["outbox"]
    assert (told["state"], told["code"], told["attempts"]) == ("refused", "not_found", 1)
    assert known("l2", "--outbox", place)["outbox"] == "nothing was stored"


@pytest.mark.usefixtures("mock")
def test_of_a_lead_in_the_inbox_is_told_how_far_its_handling_is(home: Path) -> None:
    place = str(home / "inbox.sqlite3")
    assert known("l1", "--inbox", place)["inbox"] == f"there is no file {place}"
    assert not Path(place).exists()
    with Inbox(place) as inbox:
        inbox.receive(parse(delivery(lead_id="l1", campaign_id="campaign-1"), {}))
    assert known("l2", "--inbox", place)["inbox"] == "nothing came"
    told = known("l1", "--inbox", place)["inbox"]
    assert (told["results"], told["state"], told["attempts"]) == (1, "waiting", 0)
    done = run("status", "l1", "--inbox", "postgresql://u:s3cret@127.0.0.1:9/x")
    assert (done.exit_code, "s3cret" in done.output) == (2, False)


def test_where_squadiq_cannot_be_asked_the_rest_is_told_all_the_same() -> None:
    with acting_server(Reply(401, {"detail": "no"})) as server:
        told = known("l1", "--base-url", server.url, code=2)
        assert told["squadiq"]["error"].startswith("getLeads was answered with 401")
        assert "push" in told
