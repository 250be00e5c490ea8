"""`squadiq outcomes` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.inbox import Inbox
from tests.cli.at_a_terminal import at_a_terminal
from tests.outcomes.conftest import Listing, outcome
from tests.servers import ActingServer, Action, Reset, acting_server


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="squadiq")


@pytest.mark.usefixtures("service")
def test_an_export_tells_what_came_of_it(listing: Listing, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    done = run("outcomes", "export", path)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"        3  outcomes in 10 columns\n        1  hits of the quota\nfile: {path}\n"
    listing.leads.append(outcome(1, processed_at="one day"))
    done = run("outcomes", "export", path, "--json", "--responses", "json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["outcomes"], told["unreadable"], told["hits"], told["resumed"]) == (3, 1, 1, 0)
    assert told["columns"][-1] == "lead_responses"


@pytest.mark.usefixtures("service")
def test_a_time_without_an_offset_is_one_of_the_files_zone(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    # 1,760,000,060 seconds are 14:24:20 in India
    done = run("outcomes", "export", path, "--since", "2025-10-09T14:24:20", "--json")
    assert json.loads(done.stdout)["outcomes"] == 2
    done = run("outcomes", "export", path, "--since", "2025-10-09T08:54:20", "--zone", "UTC", "--json")
    assert json.loads(done.stdout)["outcomes"] == 2
    done = run("outcomes", "export", path, "--since", "2025-10-09T08:54:20Z", "--until", "2025-10-09", "--json")
    assert json.loads(done.stdout)["outcomes"] == 2


@pytest.mark.usefixtures("service")
def test_times_that_leave_nothing_between_them_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text("before", "utf-8")
    done = run("outcomes", "export", path, "--since", "2025-10-09", "--until", "2025-10-08")
    assert done.exit_code == 2
    assert path.read_text("utf-8") == "before"


def test_an_export_of_an_inbox_needs_no_token(inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, database = tmp_path / "outcomes.parquet", str(tmp_path / "inbox.sqlite3")
    assert json.loads(run("outcomes", "export", path, "--from", database, "--json").stdout)["outcomes"] == 4
    done = run("outcomes", "export", path, "--from", database, "--campaign", "c2")
    assert done.stdout.startswith("        1  outcomes in 10 columns\nfile: ")
    (tmp_path / "own_app.py").write_text(f"from squadiq.inbox import Inbox\ninbox = Inbox({database!r})\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert json.loads(run("outcomes", "export", path, "--from", "own_app:inbox", "--json").stdout)["outcomes"] == 4
    done = run("outcomes", "export", path, "--from", tmp_path / "none.sqlite3")
    assert done.exit_code == 2
    assert "there is no file" in done.stderr
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_long_export_says_how_far_it_is(
    service: ActingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.cli.outcomes.LINE_EVERY_SECONDS", 0.0)
    done = run("outcomes", "export", tmp_path / "outcomes.csv")
    assert "squadiq: 3 outcomes read in 1 hits\n" in done.stderr
    code, shown = at_a_terminal(["outcomes", "export", "outcomes.csv"], {"SQUADIQ_BASE_URL": service.url}, tmp_path)
    assert code == 0
    assert "3  outcomes in 10 columns" in shown


EXPORT = """
import datetime, sys
from squadiq import SquadIQ
from squadiq.outcomes import CampaignSource, export_outcomes
url, path = sys.argv[1:]
with SquadIQ("test_token", base_url=url, campaign_id="c1", quota="memory", max_attempts=1) as client:
    since = datetime.datetime.fromtimestamp(1_760_000_000, datetime.UTC)
    export_outcomes(CampaignSource(client.campaign(), service=url, span_leads=10), path, since=since)
"""


def killed_until_done(
    listing: Listing, command: Sequence[str], url: str, *rest: str, every: int, most_kills: int = 2
) -> int:
    """Run a program that is killed after so many hits, until it ends well; return how often it was killed."""
    kills = 0
    while True:
        running = subprocess.Popen([sys.executable, *command, url, *rest], stderr=subprocess.PIPE)
        last = listing.hits + every if kills < most_kills else 1_000_000

        def kill(hit: int, running: subprocess.Popen[bytes] = running, last: int = last) -> Action | None:
            if hit < last:
                return None
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            return Reset()

        listing.before = kill
        said = running.communicate()[1]
        if running.returncode == 0:
            return kills
        assert running.returncode == -signal.SIGKILL, said
        kills += 1


@pytest.mark.unmeasured
def test_a_killed_export_goes_on_and_has_each_outcome_once(tmp_path: Path) -> None:
    listing = Listing(*map(outcome, range(60)))
    listing.largest_page = 10
    path = tmp_path / "outcomes.jsonl"
    with acting_server(listing) as server:
        assert killed_until_done(listing, ["-c", EXPORT], server.url, str(path), every=20) > 0
    rows = [json.loads(line)["lead_id"] for line in path.read_text("utf-8").splitlines()]
    assert rows == [f"L{number}" for number in range(60)]
    assert os.listdir(tmp_path) == ["outcomes.jsonl"]
