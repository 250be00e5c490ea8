"""`squadiq doctor`: what is wrong, told in a line each, and what is not wrong is not blamed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.mock.server import running_mock
from tests.servers import Action, Reply, Reset, acting_server

TOKEN = "tok_s3cret"
PAGE: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("SQUADIQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_CAMPAIGN_ID", "c-1")
    monkeypatch.setenv("SQUADIQ_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, ["doctor", *words], prog_name="squadiq")
    assert "s3cret" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def checked(*words: str) -> dict[str, tuple[bool | None, str]]:
    """What was found, by what was looked at; the exit code agrees."""
    done = run("--json", *words)
    found = {each["what"]: (each["good"], each["said"]) for each in json.loads(done.stdout)}
    assert done.exit_code == any(good is False for good, _ in found.values())
    return found


def at(action: Action, *words: str) -> dict[str, tuple[bool | None, str]]:
    with acting_server(action) as server:
        found = checked("--base-url", server.url, *words)
        assert len(server.seen) <= 1
        return found


def page(**headers: str) -> Reply:
    return Reply(200, PAGE, headers)


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def test_all_is_well_with_a_mock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_mock() as mock:
        monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", mock.token)
        monkeypatch.setenv("SQUADIQ_BASE_URL", mock.url)
        done = run()
    lines = [line.split() for line in done.output.splitlines()]
    assert done.exit_code == 0
    assert [line[1] for line in lines] == [
        *("Python", "extras", "configuration", "quota", "address", "access", "clock", "ledger"),
    ]
    assert {line[0] for line in lines} <= {"ok", "-"}
    assert not (home / "state" / "squadiq" / "push.sqlite3").exists()
    assert "will be made by the first push" in done.output


def test_without_a_token_that_is_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQUADIQ_ACCESS_TOKEN")
    found = checked()
    good, said = found["settings"]
    assert (good, said.endswith("squadiq configure.")) == (False, True)
    assert "access token" in said
    assert found["ledger"][0] is True


def test_of_a_configuration_file_that_cannot_be_used_that_alone_is_told(home: Path) -> None:
    path = home / "config" / "squadiq" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f"[default]\naccess_token = '{TOKEN}'\n", "utf-8")
    path.chmod(0o644)
    found = checked()
    assert [what for what, (good, _) in found.items() if good is False] == ["configuration"]
    assert "chmod 600" in found["configuration"][1]
    path.chmod(0o600)
    assert checked()["configuration"] == (True, f"{path}, profile default: access_token")


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_told_and_the_address_is_not_blamed(status: int) -> None:
    found = at(Reply(status, {"detail": "Invalid token."}))
    assert found["address"] == (True, "127.0.0.1")
    assert found["access token"][0] is False
    assert "Check the access token" in found["access token"][1]


@pytest.mark.parametrize("action", [Reset()])
def test_an_address_that_nobody_answers_at_is_told(action: Action) -> None:
    for found in (checked(), at(action)):
        good, said = found["address"]
        assert (good, said.endswith(". Check the base URL, the network and a proxy")) == (False, True)
        assert "access token" not in found


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"<html>no such page</html>", {"Content-Type": "text/html"}),
        Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        Reply(500, {}),
        Reply(405, {"detail": "Method not allowed."}),
    ],
    ids=repr,
)
def test_an_address_where_somebody_else_answers_is_told(reply: Reply) -> None:
    good, said = at(reply)["address"]
    assert good is False
    assert said.startswith("127.0.0.1 does not answer as SquadIQ does: getLeads")


def test_a_campaign_that_is_not_there_or_not_named_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = at(Reply(404, {"detail": "Not found."}))
    assert (found["address"][0], found["campaign"][0]) == (True, False)
    monkeypatch.delenv("SQUADIQ_CAMPAIGN_ID")
    assert at(page())["campaign"][0] is False
    assert "campaign" not in at(page(), "--campaign", "c-1")


@pytest.mark.parametrize(
    ("seconds", "good", "said"),
    [
        (0, True, "agrees with the service's"),
        (3600, False, "differs by -3"),
        (-7200, False, "differs by 72"),
    ],
)
def test_a_clock_that_differs_is_told(seconds: float, good: bool, said: str) -> None:
    found = at(page(Date=date_in(seconds)))
    assert found["clock"][0] is good
    assert found["clock"][1].startswith(said)


@pytest.mark.parametrize(
    "date", [None, "", "soon", "Wed, 25 Nov 99999999 10:10:10 GMT", "Wed, 25 Nov 2026 10:10:10 +99999999999"]
)
def test_a_service_that_does_not_tell_its_time_is_not_blamed(date: str | None) -> None:
    headers = {} if date is None else {"Date": date}
    assert at(page(**headers))["clock"] == (None, "the service does not tell its time")


def test_a_date_without_a_zone_is_in_utc() -> None:
    assert at(page(Date=date_in(0).replace("GMT", "-0000")))["clock"][0] is True


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("sqlite:////dev/null/quota.db", "/dev/null/quota.db"),
        ("redis://user:s3cret@127.0.0.1:9", "127.0.0.1:9 cannot be used"),
        ("disk", "must be one of"),
    ],
)
def test_a_quota_that_cannot_be_kept_is_told_and_the_rest_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", value)
    found = checked()
    wrong = [words for good, words in found.values() if good is False]
    assert said in wrong[0]
    assert found["ledger"][0] is True


def test_a_spent_quota_is_no_fault_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_mock(rate=0) as mock:
        monkeypatch.setenv("SQUADIQ_BASE_URL", mock.url)
        monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", mock.token)
        from squadiq import SquadIQ

        with SquadIQ(mock.token, base_url=mock.url) as client:
            client.quota.reset()
            found = checked()
    assert found["quota"] == (True, "0 of 100 hits are free now")
    assert found["address"][0] is None
    assert "the next hit is free in" in found["address"][1]


def test_a_ledger_that_cannot_be_made_or_read_is_told(home: Path) -> None:
    (home / "file").touch()
    (home / "no.sqlite3").write_bytes(b"this is no database, but long enough to be taken for one" * 20)
    for ledger in ("/dev/null/x/ledger.sqlite3", str(home / "file" / "x"), str(home / "no.sqlite3"), str(home)):
        assert checked("--ledger", ledger)["ledger"][0] is False, ledger
    assert checked("--ledger", "mysql://x/y")["ledger"][0] is False
    assert checked("--ledger", "postgresql://u:s3cret@127.0.0.1:9/x")["ledger"][0] is False


def test_a_ledger_that_is_there_is_opened(home: Path) -> None:
    path = home / "ledger.sqlite3"
    path.touch()
    assert checked("--ledger", str(path))["ledger"] == (True, str(path))


WITHOUT = """
import sys
for name in {names!r}:
    sys.modules[name] = None
"""


def without(folder: Path, names: list[str], environment: Mapping[str, str], *words: str) -> Any:
    (folder / "sitecustomize.py").write_text(WITHOUT.format(names=names), "utf-8")
    variables = {**os.environ, "PYTHONPATH": str(folder), **environment}
    command = [sys.executable, "-m", "squadiq", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=variables)


def test_extras_that_are_missing_are_named_with_their_command(home: Path) -> None:
    done = without(home, ["psycopg", "schemathesis", "sqlalchemy"], {}, "doctor", "--json")
    found = {each["what"]: (each["good"], each["said"]) for each in json.loads(done.stdout)}
    said = "not installed: inbox, postgres, contract; pip install 'squadiq[NAME]' where needed"
    assert found["extras"] == (None, said)
    assert found["ledger"] == (
        False,
        "sqlalchemy is not installed. Install it with: pip install 'squadiq[push]'",
    )


def test_commands_that_need_a_missing_extra_name_it_in_a_line(home: Path) -> None:
    (home / "leads.csv").write_text("lead_id\nl1\n", "utf-8")
    for words in (["delete", "--file", str(home / "leads.csv")], ["status", "l1"]):
        done = without(home, ["sqlalchemy"], {}, "leads", *words)
        assert done.returncode == 2
        assert done.stderr == ("squadiq: sqlalchemy is not installed. Install it with: pip install 'squadiq[push]'\n")
