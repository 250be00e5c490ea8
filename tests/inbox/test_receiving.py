"""What the inbox keeps: each processing result once, durable before it is acknowledged, ordered by `processed_at`."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event, text

from squadiq.errors import ConfigurationError
from squadiq.inbox import Inbox, InboxError
from squadiq.inbox.store import EPOCH, Arrival, InboxStore, second_of
from squadiq.inbox.tables import INBOX
from squadiq.queue.database import database_url, open_database
from squadiq.webhooks import parse
from tests.inbox.conftest import Clock, OpenInbox
from tests.inbox.timed import timed_inbox
from tests.webhooks.payloads import PERSONAL, delivery


def receive(inbox: Inbox, **changes: Any) -> None:
    inbox.receive(parse(delivery(**changes), {}))


def test_what_is_received_is_there_for_everybody_at_once(open_inbox: OpenInbox, clock: Clock) -> None:
    receive(open_inbox(), shoe_size=43)
    found = open_inbox().results("campaign-1", "test_lead_id")
    assert [(result.state, result.attempts, result.error) for result in found] == [("waiting", 0, "")]
    assert found[0].received_at.timestamp() == clock()
    assert found[0].processed_at == datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)
    assert found[0].payload == found[0].lead.raw_payload == delivery(shoe_size=43)
    assert found[0].lead.model_extra == {"shoe_size": 43}


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"processed_at": "2018-12-03T14:37:54"},
        {"processed_at": "2018-12-03T20:07:54+05:30"},
        {"processed_at": "2018-12-03T14:37:54.999999Z"},
        {"latest_recording_url": None, "contact_name": "Another", "lead_responses": {}},
    ],
)
def test_the_same_result_is_one_however_it_is_written(open_inbox: OpenInbox, again: dict[str, Any]) -> None:
    inbox = open_inbox()
    receive(inbox)
    receive(inbox, **again)
    assert inbox.counts() == {"waiting": 1, "handled": 0, "failed": 0}
    assert inbox.results("campaign-1", "test_lead_id")[0].payload == delivery()


def test_a_lead_id_is_one_as_number_and_as_text(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    for lead_id in (1, 1.0, "1"):
        receive(inbox, lead_id=lead_id)
    assert len(inbox.results("campaign-1", "1")) == 1


def test_results_of_other_leads_campaigns_and_times_are_others(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    for changes in ({}, {"lead_id": "b"}, {"campaign_id": "campaign-2"}, {"processed_at": "2018-12-03T14:37:55Z"}):
        receive(inbox, **changes)
    assert inbox.counts()["waiting"] == 4


def test_the_order_is_that_of_processing_not_that_of_arrival(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    for outcome, minute in (("second", 2), ("third", 3), ("first", 1)):
        receive(inbox, lead_outcome=outcome, processed_at=f"2018-12-03T14:0{minute}:00Z")
    assert [result.lead.lead_outcome for result in inbox.results("campaign-1", "test_lead_id")] == [
        *("first", "second", "third")
    ]
    latest = inbox.latest("campaign-1", "test_lead_id")
    assert latest is not None
    assert latest.lead_outcome == "third"
    assert inbox.latest("campaign-1", "nobody") is None


@given(
    moment=st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    minutes=st.integers(-1439, 1439),
    microsecond=st.integers(0, 999_999),
)
def test_a_second_does_not_depend_on_how_it_is_written(moment: datetime, minutes: int, microsecond: int) -> None:
    aware = moment.replace(tzinfo=UTC, microsecond=0)
    written = aware.astimezone(timezone(timedelta(minutes=minutes))).replace(microsecond=microsecond)
    assert EPOCH + timedelta(seconds=second_of(written)) == aware


@pytest.mark.parametrize("processed_at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_times_at_the_edges_of_the_calendar_can_be_listed(open_inbox: OpenInbox, processed_at: str) -> None:
    inbox = open_inbox()
    receive(inbox, processed_at=processed_at)
    assert inbox.results("campaign-1", "test_lead_id")[0].processed_at.year in (1, 9999)


def test_text_in_any_script_and_escaped_nuls_are_kept(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    body = delivery(lead_id="आशा-🙂", contact_name="ஆஷா", lead_responses={"a": "x\0y"})
    inbox.receive(parse(body, {}))
    assert inbox.results("campaign-1", "आशा-🙂")[0].payload == body


@contextmanager
def writing_held(database: str) -> Generator[None]:
    """Keep everybody else from writing to an inbox."""
    engine = create_engine(database_url(database, INBOX), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))
        else:
            connection.execute(text("BEGIN"))
            connection.execute(text("LOCK TABLE squadiq_inbox_results IN EXCLUSIVE MODE"))
        yield
        connection.execute(text("ROLLBACK"))
    engine.dispose()


def test_simultaneous_deliveries_share_a_commit_and_none_is_acknowledged_before_it(database: str, clock: Clock) -> None:
    commits: list[object] = []
    note = commits.append
    engine = open_database(database_url(database, INBOX), INBOX)
    engine.dispose()
    leads = [parse(delivery(lead_id=number), {}) for number in range(100)]

    async def deliver(inbox: Inbox) -> None:
        await inbox.receive_async(leads[0])
        event.listen(Engine, "commit", note)
        with writing_held(database):
            waiting = [asyncio.create_task(inbox.receive_async(lead)) for lead in leads]
            done, _ = await asyncio.wait(waiting, timeout=0.2)
            assert not done
        await asyncio.gather(*waiting)
        event.remove(Engine, "commit", note)

    with timed_inbox(database, now=clock) as inbox:
        asyncio.run(deliver(inbox))
        assert inbox.counts()["waiting"] == len(leads)
    assert 1 <= len(commits) <= 2


def test_more_than_one_commit_holds_are_stored_in_several(open_inbox: OpenInbox, database: str) -> None:
    inbox = open_inbox()
    receive(inbox)

    async def deliver() -> None:
        with writing_held(database):
            tasks = [
                asyncio.create_task(inbox.receive_async(parse(delivery(lead_id=number), {}))) for number in range(600)
            ]
            await asyncio.wait(tasks, timeout=0.05)
        await asyncio.gather(*tasks)

    asyncio.run(deliver())
    assert inbox.counts()["waiting"] == 601


def test_a_delivery_that_cannot_be_stored_is_an_error_that_names_nobody(open_inbox: OpenInbox, database: str) -> None:
    inbox = open_inbox()
    receive(inbox)
    engine = create_engine(database_url(database, INBOX))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE squadiq_inbox_results RENAME TO away"))
    with pytest.raises(InboxError, match=r"no such table|UndefinedTable") as caught:
        receive(inbox, lead_id="b")
    with pytest.raises(InboxError):
        asyncio.run(inbox.receive_async(parse(delivery(lead_id="c"), {})))
    assert caught.value.__suppress_context__
    assert not [secret for secret in PERSONAL if secret in repr(caught.value)]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO squadiq_inbox_results"))
    engine.dispose()
    receive(inbox, lead_id="b")
    assert inbox.counts()["waiting"] == 2


def test_a_caller_that_no_longer_waits_does_not_disturb_the_others(open_inbox: OpenInbox, database: str) -> None:
    inbox = open_inbox()
    receive(inbox)

    async def deliver() -> None:
        with writing_held(database):
            tasks = [asyncio.create_task(inbox.receive_async(parse(delivery(lead_id=n), {}))) for n in range(3)]
            await asyncio.wait(tasks, timeout=0.05)
            tasks[1].cancel()
        await asyncio.gather(tasks[0], tasks[2])

    asyncio.run(deliver())
    assert inbox.counts()["waiting"] == 4


def test_a_loop_that_has_ended_does_not_disturb_the_others(open_inbox: OpenInbox, database: str) -> None:
    inbox = open_inbox()
    receive(inbox)

    async def give_up() -> None:
        task = asyncio.create_task(inbox.receive_async(parse(delivery(lead_id="b"), {})))
        await asyncio.wait([task], timeout=0.05)
        task.cancel()

    with writing_held(database):
        asyncio.run(give_up())
    receive(inbox, lead_id="c")
    assert inbox.counts()["waiting"] == 3


def test_a_sqlite_inbox_is_durable_private_and_overwrites_what_it_deletes(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite3"
    engine = open_database(database_url(path, INBOX), INBOX)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "secure_delete")
        }
    assert pragmas == {"synchronous": 2, "journal_mode": "wal", "secure_delete": 1}
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    engine.dispose()


@pytest.mark.parametrize(("set_by_server", "kept"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_a_postgresql_inbox_waits_for_the_disk_whatever_the_server_is_set_to(
    postgres_url: str, set_by_server: str, kept: str
) -> None:
    url = database_url(postgres_url, INBOX).update_query_dict({"options": f"-csynchronous_commit={set_by_server}"})
    engine = open_database(url, INBOX)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == kept
    engine.dispose()


def test_an_inbox_may_be_opened_by_many_at_once(database: str) -> None:
    together = threading.Barrier(6)
    failed: list[BaseException] = []

    def open_and_receive(number: int) -> None:
        with Inbox(database) as inbox:
            together.wait(20)
            try:
                receive(inbox, lead_id=number)
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=open_and_receive, args=(number,)) for number in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with Inbox(database) as inbox:
        assert inbox.counts()["waiting"] == together.parties


def test_a_closed_inbox_opens_again(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.close()
    receive(inbox)
    inbox.close()
    inbox.close()
    assert inbox.counts()["waiting"] == 1


FORK = """
import os, sys
from squadiq.inbox import Inbox
from squadiq.webhooks import parse
from tests.webhooks.payloads import delivery
inbox, never_opened = Inbox(sys.argv[1]), Inbox(sys.argv[1])
inbox.receive(parse(delivery(lead_id="before"), {}))
child = os.fork()
inbox.receive(parse(delivery(lead_id="child" if child == 0 else "parent"), {}))
if child == 0:
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
inbox.receive(parse(delivery(lead_id="after"), {}))
print(inbox.counts()["waiting"])
"""


def test_parent_and_child_of_a_fork_use_connections_of_their_own(database: str) -> None:
    root = str(Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, database], cwd=root, capture_output=True, text=True, check=False
    )
    assert (ran.stdout.strip(), ran.stderr) == ("4", "")


FORK_WHILE_OPENING = """
import os, sys, threading
from squadiq.inbox import Inbox
inbox = Inbox(sys.argv[1])
stop = threading.Event()

def open_and_close():
    while not stop.is_set():
        inbox._open()
        inbox.close()

thread = threading.Thread(target=open_and_close)
thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(inbox.counts()["waiting"])
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""


def test_a_fork_while_the_inbox_is_opened_leaves_the_child_one_that_works(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK_WHILE_OPENING, str(tmp_path / "inbox.db")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    for database, reason in [
        ("sqlite://", "file"),
        ("sqlite:///:memory:", "file"),
        ("mysql://host/name", "not in mysql"),
        ("not a url://", "URL"),
        (str(tmp_path / "missing" / "inbox.sqlite3"), "missing does not exist"),
    ]:
        with pytest.raises(ConfigurationError, match=reason):
            Inbox(database)
    with pytest.raises(ConfigurationError, match="lease_seconds"):
        Inbox(tmp_path / "inbox.sqlite3", lease_seconds=0)
    with pytest.raises(ConfigurationError, match="max_attempts"):
        Inbox(tmp_path / "inbox.sqlite3", max_attempts=0)


def test_a_path_and_a_url_name_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite3"
    with Inbox(path) as by_path, Inbox(f"sqlite:///{path}") as by_url, Inbox(database_url(path, INBOX)) as by_made_url:
        receive(by_path)
        assert by_url.counts() == by_made_url.counts() == by_path.counts()


def test_a_file_that_is_no_inbox_is_told_without_opening_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a database, and long enough to be read as the head of one " * 20, "utf-8")
    with pytest.raises(InboxError, match="cannot be opened"):
        Inbox(tmp_path / "folder").counts()
    with pytest.raises(InboxError, match="failed"):
        Inbox(tmp_path / "text").counts()


def test_no_repr_shows_a_password_or_anything_about_a_person(tmp_path: Path) -> None:
    assert "s3cret" not in repr(Inbox("postgresql://user:s3cret@localhost/name"))
    arrival = Arrival("campaign-1", "lead", datetime.now(UTC), delivery())
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        receive(inbox, lead_id="9876501234")
        result = inbox.results("campaign-1", "9876501234")[0]
    assert result.shown_lead_id == "…34"
    shown = repr([arrival, result, result.lead])
    assert not [secret for secret in PERSONAL if secret in shown]


def test_the_same_result_twice_in_one_commit_is_one(database: str) -> None:
    store = InboxStore(open_database(database_url(database, INBOX), INBOX), now=lambda: 0.0)
    same = [Arrival("c", "a", EPOCH, b"{}"), Arrival("c", "a", EPOCH + timedelta(milliseconds=1), b"{ }")]
    counted = store.add(same), store.add(same), store.counts()["waiting"]
    store.engine.dispose()
    assert counted == (1, 0, 1)
