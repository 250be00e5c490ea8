"""Outcomes in a table: merged, again and again, on real databases."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from squadiq import ConfigurationError, SquadIQ
from squadiq.inbox import Inbox
from squadiq.outcomes import CampaignSource, InboxSource, OutcomesError, OutcomeTable, sync_outcomes
from squadiq.outcomes.sources import moment_of
from squadiq.webhooks.parsing import DeliveredLead
from tests.inbox.conftest import postgres_database
from tests.outcomes.conftest import FIRST_SECOND, Listing, outcome, source_of
from tests.outcomes.test_command import killed_until_done, run
from tests.servers import ActingServer, acting_server

HOUR = 60
"""Outcomes of a listing that are processed in an hour."""


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/target.sqlite3?table=outcomes"
    url = make_url(postgres_database(request.getfixturevalue("postgres_url")))
    return url.update_query_dict({"table": "outcomes"}).render_as_string(hide_password=False)


@pytest.fixture
def table(target: str) -> Iterator[OutcomeTable]:
    opened = OutcomeTable(target)
    yield opened
    opened.close()


def rows_in(table: OutcomeTable) -> list[Any]:
    with table._engine.connect() as connection:  # pyright: ignore[reportPrivateUsage]
        return list(connection.execute(table._table.select().order_by(text("processed_at, lead_id"))))  # pyright: ignore[reportPrivateUsage]


def test_what_came_is_merged_and_only_what_is_new_is_read_again(
    client: SquadIQ, listing: Listing, table: OutcomeTable
) -> None:
    listing.leads = [*map(outcome, range(3 * HOUR))]
    listing.leads[0] |= {"contact_name": "A\0B", "created_at": "2025-10-09T17:30:00+05:30", "city": "Pune"}
    listing.leads[1] |= {"latest_called_at": "one day", "created_at": "0001-01-01T00:00:00+05:30", "lead_responses": 5}
    source = source_of(client)
    done = sync_outcomes(source, table)
    assert (done.read, done.new, done.hits) == (3 * HOUR, 3 * HOUR, 1)
    listing.leads[-1]["lead_outcome"] = "Not Connected"
    listing.leads += [outcome(3 * HOUR), outcome(0, processed_at=outcome(3 * HOUR + 1)["processed_at"])]
    done = sync_outcomes(source, table)
    assert HOUR < done.read < HOUR + 5
    assert done.new == 2
    rows = rows_in(table)
    first = rows[0]
    assert len(rows) == 3 * HOUR + 2
    assert (first.lead_id, first.contact_name, first.further_fields) == ("L0", "A\ufffdB", {"city": "Pune"})
    assert first.created_at.replace(tzinfo=UTC) == datetime(2025, 10, 9, 12, tzinfo=UTC)
    assert first.lead_responses == {"interested": "Yes"}
    assert (rows[1].latest_called_at, rows[1].created_at, rows[1].lead_responses) == (None, None, 5)
    assert rows[-3].lead_outcome == "Not Connected"
    assert rows[-1].processed_at.replace(tzinfo=UTC) == moment_of(FIRST_SECOND + 60 * (3 * HOUR + 1))
    assert table.erase("c1", "L0") == 2
    assert table.erase("c1", "L0") == 0


def test_an_empty_campaign_makes_an_empty_table(source: CampaignSource, listing: Listing, table: OutcomeTable) -> None:
    listing.leads = []
    assert not table.exists()
    for _ in range(2):
        assert sync_outcomes(source, table).new == 0
    assert table.exists()


def test_an_inbox_is_merged_by_when_it_was_received(inbox: Inbox, table: OutcomeTable) -> None:
    source = InboxSource(inbox)
    assert sync_outcomes(source, table).new == 4
    inbox.receive(DeliveredLead.model_validate(outcome(9, processed_at="2020-01-01T00:00:00Z")))  # late
    done = sync_outcomes(source, table)
    assert (done.new, done.hits) == (1, 0)
    later = InboxSource(inbox, overlap_seconds=-3600)
    assert sync_outcomes(later, table).read == 0


def test_two_inboxes_in_one_table_are_read_each_from_where_it_was(
    inbox: Inbox, table: OutcomeTable, tmp_path: Path
) -> None:
    assert sync_outcomes(InboxSource(inbox, overlap_seconds=-3600), table).new == 4
    with Inbox(tmp_path / "other.sqlite3") as other:
        other.receive(DeliveredLead.model_validate(outcome(9)))
        source = InboxSource(other, overlap_seconds=-3600)
        assert [sync_outcomes(source, table).new for _ in range(2)] == [1, 0]


def test_progress_never_goes_back(table: OutcomeTable) -> None:
    table.prepare()
    for second, expected in [(5, 5), (9, 9), (7, 9)]:
        table.has_read_until("a", second)
        assert table.read_until("a") == expected
    assert table.read_until("b") is None


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("campaign_id TEXT, other TEXT", r"synced_at missing; other unknown"),
        (
            "campaign_id TEXT, lead_id TEXT, processed_at TEXT, phone_number TEXT, contact_name TEXT, "
            "lead_outcome TEXT, created_at TEXT, latest_called_at TEXT, latest_recording_url TEXT, "
            "lead_responses TEXT, further_fields TEXT, synced_at TEXT",
            "primary key must be campaign_id, lead_id, processed_at",
        ),
    ],
)
def test_a_table_of_something_else_is_left_alone(tmp_path: Path, columns: str, said: str) -> None:
    path = tmp_path / "target.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE squadiq_outcomes ({columns})")
    table = OutcomeTable(f"sqlite:///{path}")
    with pytest.raises(OutcomesError, match=said):
        table.prepare()
    table.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url", "no URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///x?table=a;b", "NAME"),
        ("sqlite:///x?table=a&table=b", "NAME"),
        ("nosuch://u:s3cret@host/x", "does not know"),
        ("oracle+oracledb://u:s3cret@host/x", "oracledb is not installed"),
    ],
)
def test_a_url_that_cannot_be_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        OutcomeTable(url)
    assert "s3cret" not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    table = OutcomeTable("postgresql://u:s3cret@127.0.0.1:1/x?table=a.b&options=-csearch_path=s3cret")
    assert "s3cret" not in repr(table)
    assert table.place == "postgresql 127.0.0.1/x, table a.b"
    with pytest.raises(OutcomesError) as failed:
        table.prepare()
    assert "s3cret" not in str(failed.value)
    with pytest.raises(OutcomesError, match="cannot be opened"):
        OutcomeTable(f"sqlite:///{tmp_path}/none/x.sqlite3")


def test_the_command_tells_what_came_of_it(listing: Listing, service: ActingServer, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/target.sqlite3"
    done = run("outcomes", "sync", "--to", target)
    assert done.exit_code == 0, done.output
    place = f"sqlite {tmp_path}/target.sqlite3, table squadiq_outcomes"
    assert (
        done.stdout
        == f"        3  outcomes read\n        3  of them new\n        1  hits of the quota\ntable: {place}\n"
    )
    listing.leads.append(outcome(5, processed_at="one day"))
    done = run("outcomes", "sync", "--to", target, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"table": place, "read": 3, "new": 0, "unreadable": 1, "hits": 1}


SYNC = """
import sys
from squadiq import SquadIQ
from squadiq.outcomes import CampaignSource, OutcomeTable, sync_outcomes
url, to = sys.argv[1:]
with SquadIQ("test_token", base_url=url, campaign_id="c1", quota="memory", max_attempts=1) as client:
    source = CampaignSource(client.campaign(), service="the same", span_leads=30)
    sync_outcomes(source, OutcomeTable(to))
"""


@pytest.mark.unmeasured
def test_killed_syncs_have_each_outcome_once(target: str, table: OutcomeTable) -> None:
    listing = Listing(*map(outcome, range(60)))
    listing.largest_page = 10
    table.prepare()
    table.has_read_until("the same c1", FIRST_SECOND - 1)
    with acting_server(listing) as server:
        assert killed_until_done(listing, ["-c", SYNC], server.url, target, every=22) > 0
        listing.before = lambda hit: None
        at_once = [subprocess.Popen([sys.executable, "-c", SYNC, server.url, target]) for _ in range(2)]
        assert [each.wait() for each in at_once] == [0, 0]
    assert [row.lead_id for row in rows_in(table)] == [f"L{number}" for number in range(60)]


def test_two_syncs_at_once_meet_at_the_key(target: str, source: CampaignSource, listing: Listing) -> None:
    """The one that finds the row of the other does its batch again."""
    first, second = OutcomeTable(target), OutcomeTable(target)
    for each in (first, second):
        each.prepare()
    sync_outcomes(source, first)
    known = second._known  # pyright: ignore[reportPrivateUsage]
    calls: list[int] = []

    def not_seen_at_first(connection: Any, keys: Any) -> set[Any]:
        calls.append(len(keys))
        return set[Any]() if len(calls) == 1 else known(connection, keys)

    second._known = not_seen_at_first  # type: ignore[method-assign]
    listing.leads[0]["lead_outcome"] = "Not Connected"
    assert sync_outcomes(CampaignSource(source._campaign, service="another"), second).new == 0  # pyright: ignore[reportPrivateUsage]
    assert calls == [3, 3]
    assert rows_in(first)[0].lead_outcome == "Not Connected"
    second._known = lambda connection, keys: set[Any]()  # type: ignore[method-assign]
    with pytest.raises(OutcomesError, match=r"IntegrityError|UniqueViolation"):
        sync_outcomes(CampaignSource(source._campaign, service="a third"), second)  # pyright: ignore[reportPrivateUsage]
    for each in (first, second):
        each.close()


def test_two_first_runs_make_one_table(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = OutcomeTable(target), OutcomeTable(target)
    first.prepare()

    def fails(_: object) -> None:
        raise OutcomesError("it is there already")

    monkeypatch.setattr(second, "_again", fails)
    second.prepare()
    engine = create_engine(second._url)  # pyright: ignore[reportPrivateUsage]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE outcomes"))
    engine.dispose()
    with pytest.raises(OutcomesError, match="there already"):
        second.prepare()
    for each in (first, second):
        each.close()
