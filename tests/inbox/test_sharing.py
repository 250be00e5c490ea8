"""Results whose handlers are quick share a transaction: each has its effect exactly once, whatever the others do."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import nullcontext, suppress

import pytest
from sqlalchemy import Connection, Engine, event, insert, text
from sqlalchemy.exc import IntegrityError

from squadiq.inbox import Inbox, transaction, worker
from squadiq.inbox.calls import ClaimLostError, HandlerFailedError, RunningHandler
from squadiq.inbox.handlers import handler_of
from squadiq.inbox.leases import Mark
from squadiq.inbox.pace import MOST_TOGETHER, TOGETHER_SECONDS, Pace
from squadiq.inbox.runner import HandlerRunner
from squadiq.inbox.sharing import Sharing
from squadiq.inbox.transaction import Transaction, TransactionCall
from squadiq.queue.thread_pool import DaemonThreadPool
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import Clock, OpenInbox, effects
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, until
from tests.inbox.test_hanging import release
from tests.webhooks.processes import ROOT

__all__ = ["release"]

Effects = Callable[[], list[str]]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every handler be known as quick, on a machine that may be slow."""
    monkeypatch.setattr(Pace, "together", MOST_TOGETHER)
    monkeypatch.setattr(transaction, "TOGETHER_SECONDS", 3600.0)


def write(lead: DeliveredLead, connection: Connection) -> None:
    connection.execute(insert(effects).values(lead_id=lead.lead_id))


def run(inbox: Inbox, lead_ids: str) -> int:
    """Receive leads and handle them together."""
    for lead_id in lead_ids:
        receive(inbox, lead_id=lead_id)
    return inbox.run(once=True, concurrency=len(lead_ids))


def keep_references(opened: sqlite3.Connection, _record: object) -> None:
    opened.execute("PRAGMA foreign_keys = ON")


class Transactions(list[tuple[list[str], list[str]]]):
    """Notes of each transaction which leads were in it, and which of them were called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        run = Transaction.run

        def noted(of: Transaction) -> None:
            try:
                run(of)
            finally:
                leads = [one.lead.lead_id for one in of.calls]
                self.append((leads, [one.lead.lead_id for one in of.calls if one.called]))

        monkeypatch.setattr(Transaction, "run", noted)


def test_a_transaction_is_shared_only_by_handlers_known_to_be_quick() -> None:
    pace = Pace(1)
    assert pace.together == 1
    pace.took(0.0)
    assert pace.together == MOST_TOGETHER
    pace.stall()
    pace.took(TOGETHER_SECONDS / 2)
    assert pace.together == 2
    pace.took(100.0)
    assert pace.together == 1


def test_handlers_that_turn_out_to_be_quick_share_commits(open_inbox: OpenInbox, effect_ids: Effects) -> None:
    inbox = open_inbox()
    inbox.on_processed(in_transaction=True)(write)
    for number in range(120):
        receive(inbox, lead_id=number)
    commits: list[object] = []
    note = commits.append
    event.listen(Engine, "commit", note)
    try:
        assert inbox.run(once=True) == 120
    finally:
        event.remove(Engine, "commit", note)
    assert len(commits) < 120
    assert sorted(effect_ids()) == sorted(map(str, range(120)))


@pytest.mark.usefixtures("shared")
def test_one_that_raises_is_rolled_back_and_fails_and_the_others_are_committed(
    open_inbox: OpenInbox, clock: Clock, effect_ids: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = Transactions(monkeypatch)
    inbox = open_inbox()
    calls: Counter[str] = Counter()

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        write(lead, connection)
        calls[lead.lead_id] += 1
        if lead.lead_id in "be" and calls[lead.lead_id] == 1:
            raise ValueError

    assert run(inbox, "abcde") == 3
    assert transactions == [(list("abcde"), list("abcde"))]
    assert effect_ids() == ["a", "c", "d"]
    (result,) = inbox.results("campaign-1", "b")
    assert (result.state, result.attempts) == ("waiting", 1)
    assert result.error.startswith("ValueError at test_sharing.py:")
    clock.time += 60
    assert inbox.run(once=True) == 2
    assert effect_ids() == ["a", "c", "d", "b", "e"]
    assert calls == Counter("abbcdee")


@pytest.mark.usefixtures("shared")
def test_a_commit_that_fails_lets_each_be_handled_alone(open_inbox: OpenInbox, effect_ids: Effects) -> None:
    inbox = open_inbox(max_attempts=1)
    engine = inbox._open().engine  # pyright: ignore[reportPrivateUsage]
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", keep_references)
        engine.dispose()
    deferred = "DEFERRABLE INITIALLY DEFERRED"
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id VARCHAR PRIMARY KEY)"))
        connection.execute(text("INSERT INTO customers VALUES ('a'), ('b'), ('d')"))
        connection.execute(text(f"CREATE TABLE outcomes (of_id VARCHAR REFERENCES customers (id) {deferred})"))
    calls: Counter[str] = Counter()

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        calls[lead.lead_id] += 1
        write(lead, connection)
        connection.execute(text("INSERT INTO outcomes VALUES (:of_id)"), {"of_id": lead.lead_id})

    assert run(inbox, "abcd") == 3
    assert sorted(effect_ids()) == ["a", "b", "d"]
    assert [(result.lead_id, result.error.partition(" ")[0]) for result in inbox.failed()] == [("c", "IntegrityError")]
    assert calls == Counter("aabbccdd")


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("together", ["abc", "b"])
def test_a_statement_that_failed_is_no_success_where_it_leaves_nothing_to_commit(
    open_inbox: OpenInbox, effect_ids: Effects, together: str
) -> None:
    inbox = open_inbox(max_attempts=1)

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        write(lead, connection)
        if lead.lead_id == "b":
            with suppress(IntegrityError):
                connection.execute(text("INSERT INTO effects (id) SELECT min(id) FROM effects"))

    handled = run(inbox, together)
    on_sqlite = inbox._open().engine.dialect.name == "sqlite"  # pyright: ignore[reportPrivateUsage]
    assert sorted(effect_ids()) == [lead_id for lead_id in together if lead_id != "b" or on_sqlite]
    assert handled == len(effect_ids())
    assert ["a statement of" in result.error for result in inbox.failed()] == ([] if on_sqlite else [True])


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("how", ["commit", "rollback", "driver", "nested", "close"])
def test_a_handler_that_ends_the_transaction_is_called_alone_from_then_on(
    open_inbox: OpenInbox, effect_ids: Effects, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = Transactions(monkeypatch)
    inbox = open_inbox(lease_seconds=3600)

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        write(lead, connection)
        if lead.lead_id != "b":
            return
        if how == "driver":
            connection.connection.rollback()
        elif how == "nested":
            connection.begin_nested()
        else:
            getattr(connection, how)()

    run(inbox, "abc")
    run(inbox, "def")
    is_kept = how in ("commit", "nested")
    assert sorted(effect_ids()) == [lead_id for lead_id in "abcdef" if lead_id != "b" or is_kept]
    assert inbox.results("campaign-1", "b")[0].state == ("handled" if is_kept else "waiting")
    assert transactions[0] == (list("abc"), ["a", "b"])
    assert sorted(transactions[1:4]) == [(["a"], ["a"]), (["b"], ["b"]), (["c"], ["c"])]


@pytest.mark.usefixtures("shared")
def test_what_a_database_refuses_because_of_others_is_tried_once_more_alone(
    open_inbox: OpenInbox, effect_ids: Effects
) -> None:
    inbox = open_inbox(max_attempts=1)
    on_sqlite = inbox._open().engine.dialect.name == "sqlite"  # pyright: ignore[reportPrivateUsage]
    refused = "SELECT * FROM missing" if on_sqlite else "SET LOCAL statement_timeout = 1; SELECT pg_sleep(10)"
    calls: Counter[str] = Counter()

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        calls[lead.lead_id] += 1
        write(lead, connection)
        if lead.lead_id == "b" and calls["b"] == 1:
            connection.execute(text(refused))

    assert run(inbox, "abc") == 3
    assert sorted(effect_ids()) == ["a", "b", "c"]
    assert calls == Counter("abbc")


@pytest.mark.usefixtures("shared")
def test_one_that_hangs_fails_and_the_others_are_handled_alone(
    open_inbox: OpenInbox, clock: Clock, effect_ids: Effects, release: threading.Event
) -> None:
    inbox = open_inbox(handler_timeout_seconds=0.5)
    calls: Counter[str] = Counter()
    ended: list[str] = []

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        calls[lead.lead_id] += 1
        write(lead, connection)
        if lead.lead_id == "b" and calls["b"] == 1:
            release.wait(DEADLINE_SECONDS * 3)
            ended.append(lead.lead_id)

    assert run(inbox, "abc") == 2
    assert sorted(effect_ids()) == ["a", "c"]
    attempts = {result.lead_id: result.attempts for name in "abc" for result in inbox.results("campaign-1", name)}
    assert attempts == {"a": 1, "b": 1, "c": 1}
    assert "did not return within 0.5 s" in inbox.results("campaign-1", "b")[0].error
    release.set()
    until(lambda: ended)
    clock.time += 60
    assert inbox.run(once=True) == 1
    assert sorted(effect_ids()) == ["a", "b", "c"]
    assert calls == Counter("aabbc")


@pytest.mark.usefixtures("shared")
def test_a_cancelled_worker_gives_back_what_shared_a_hanging_transaction(
    open_inbox: OpenInbox, effect_ids: Effects, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.SHORTEST_SECONDS", 0.05)
    inbox = open_inbox(stop_timeout_seconds=0.1)
    entered = threading.Event()

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        write(lead, connection)
        if lead.lead_id == "b":
            entered.set()
            release.wait(DEADLINE_SECONDS * 3)

    async def main() -> None:
        running = asyncio.create_task(inbox.run_async())
        assert await asyncio.to_thread(entered.wait, DEADLINE_SECONDS)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    for lead_id in "abc":
        receive(inbox, lead_id=lead_id)
    asyncio.run(main())
    results = [inbox.results("campaign-1", lead_id)[0] for lead_id in "abc"]
    assert [(result.state, result.attempts) for result in results] == [("waiting", 0), ("waiting", 1), ("waiting", 0)]
    assert effect_ids() == []


def test_no_call_is_begun_when_the_time_of_the_transaction_is_over(
    open_inbox: OpenInbox, effect_ids: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "together", MOST_TOGETHER)
    monkeypatch.setattr(transaction, "TOGETHER_SECONDS", -1.0)
    transactions = Transactions(monkeypatch)
    inbox = open_inbox()
    inbox.on_processed(in_transaction=True)(write)
    assert run(inbox, "abc") == 3
    assert sorted(effect_ids()) == ["a", "b", "c"]
    assert [len(called) for _, called in transactions] == [1, 1, 1]
    assert transactions[0][0] == list("abc")


def test_handlers_that_become_slow_share_nothing_any_more(
    open_inbox: OpenInbox, effect_ids: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "TOGETHER_SECONDS", 3600.0)
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600.0)  # nothing is given back meanwhile
    transactions = Transactions(monkeypatch)
    monkeypatch.setattr(Pace, "together", property(lambda _: 1 if transactions else 2))
    inbox = open_inbox()
    many = 1 if inbox._open().engine.dialect.name == "sqlite" else 2  # pyright: ignore[reportPrivateUsage]
    meeting = threading.Barrier(many)

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        write(lead, connection)
        if transactions:
            meeting.wait(DEADLINE_SECONDS)

    assert run(inbox, "abcdef") == 6
    assert sorted(effect_ids()) == list("abcdef")
    assert sorted(len(leads) for leads, _ in transactions) == [1, 1, 1, 1, 2]


HANDLER = handler_of(write, in_transaction=True, others=[])


def claimed(inbox: Inbox, lead_ids: str) -> list[TransactionCall]:
    """Receive leads and claim them, to be handled by `write`."""
    for lead_id in lead_ids:
        receive(inbox, lead_id=lead_id)
    leads = {inbox.results("campaign-1", lead_id)[0].id: inbox.latest("campaign-1", lead_id) for lead_id in lead_ids}
    store = inbox._open()  # pyright: ignore[reportPrivateUsage]
    calls: list[TransactionCall] = []
    for claim in store.claim(len(lead_ids), lease_seconds=60, max_attempts=8):
        lead = leads[claim.id]
        assert lead is not None
        mark = Mark(claim, frozenset({HANDLER.name}), finished=True)
        calls.append(TransactionCall(RunningHandler(claim), HANDLER, lead, mark))
    return calls


@pytest.mark.parametrize("together", ["a", "abc"])
def test_in_a_transaction_only_those_are_called_whose_claim_is_held(
    open_inbox: OpenInbox, effect_ids: Effects, together: str
) -> None:
    inbox = open_inbox()
    store = inbox._open()  # pyright: ignore[reportPrivateUsage]
    lost, *held = calls = claimed(inbox, together)
    store.release([lost.mark.claim])
    with nullcontext() if held else pytest.raises(ClaimLostError):
        Transaction(store, calls).run()
        assert [type(one.error) for one in calls] == [ClaimLostError, *[type(None)] * len(held)]
    assert effect_ids() == [one.lead.lead_id for one in held]
    assert inbox.counts() == {"waiting": 1, "handled": len(held), "failed": 0}


@pytest.mark.parametrize("together", ["a", "abc"])
def test_a_transaction_that_was_left_before_it_began_calls_nothing(
    open_inbox: OpenInbox, effect_ids: Effects, together: str
) -> None:
    inbox = open_inbox()
    late = Transaction(inbox._open(), claimed(inbox, together))  # pyright: ignore[reportPrivateUsage]
    late.leave()
    with pytest.raises(HandlerFailedError, match="too late"):
        late.run()
    assert effect_ids() == []
    assert inbox.counts()["waiting"] == len(together)


@pytest.mark.usefixtures("shared")
def test_while_too_much_hangs_only_what_was_begun_is_handled(
    open_inbox: OpenInbox, effect_ids: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = Transactions(monkeypatch)
    inbox = open_inbox()
    calls = claimed(inbox, "abcd")
    calls[0].running.begun = calls[2].running.begun = True

    async def main() -> None:
        threads = DaemonThreadPool("test")
        store = inbox._open()  # pyright: ignore[reportPrivateUsage]
        runner = HandlerRunner(store, threads, timeout_seconds=DEADLINE_SECONDS, seconds_to_stop=lambda: 1.0)
        sharing = Sharing(runner, [HANDLER], None)
        runner.may_call.clear()
        tasks = [asyncio.create_task(sharing.call(one)) for one in calls]
        await asyncio.gather(tasks[0], tasks[2])
        tasks[1].cancel()
        assert isinstance((await asyncio.gather(tasks[1], return_exceptions=True))[0], asyncio.CancelledError)
        runner.may_call.set()
        await tasks[3]
        threads.shutdown()

    asyncio.run(main())
    first, second, third, fourth = (one.lead.lead_id for one in calls)
    assert [leads for leads, _ in transactions] == [[first, third], [fourth]]
    assert effect_ids() == [first, third, fourth]
    assert inbox.results("campaign-1", second)[0].state == "waiting"


@pytest.mark.usefixtures("shared", "effect_ids")
def test_handlers_that_share_a_transaction_run_one_after_another(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    running: list[str] = []
    most: list[int] = []

    @inbox.on_processed(in_transaction=True)
    def handle(lead: DeliveredLead, connection: Connection) -> None:
        running.append(lead.lead_id)
        write(lead, connection)
        most.append(len(running))
        running.remove(lead.lead_id)

    assert run(inbox, "abcdefgh") == 8
    assert most == [1] * 8


def test_slow_handlers_have_transactions_side_by_side(
    open_inbox: OpenInbox,
) -> None:
    inbox = open_inbox()
    many = 1 if inbox._open().engine.dialect.name == "sqlite" else 3  # pyright: ignore[reportPrivateUsage]
    meeting = threading.Barrier(many)

    @inbox.on_processed(in_transaction=True)
    def handle(_lead: DeliveredLead, _connection: Connection) -> None:
        meeting.wait(DEADLINE_SECONDS)

    assert run(inbox, "abc") == 3


KILLED = """
import os, signal, sys
from sqlalchemy import insert
from squadiq.inbox import Inbox, transaction, worker
from squadiq.inbox.pace import Pace
from tests.inbox.conftest import effects
Pace.together = 64
transaction.TOGETHER_SECONDS = 3600.0
inbox = Inbox(sys.argv[1], lease_seconds=0.5)

@inbox.on_processed(in_transaction=True)
def handle(lead, connection):
    connection.execute(insert(effects).values(lead_id=lead.lead_id))
    if lead.lead_id == "d":
        os.kill(os.getpid(), signal.SIGKILL)

inbox.run(concurrency=6, once=True)
"""


@pytest.mark.unmeasured
def test_a_worker_killed_in_a_shared_transaction_has_done_nothing(database: str, effect_ids: Effects) -> None:
    with Inbox(database, lease_seconds=0.5) as inbox:
        for lead_id in "abcdef":
            receive(inbox, lead_id=lead_id)
        command = [sys.executable, "-c", KILLED, database]
        assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == -9
        assert effect_ids() == []
        assert inbox.counts() == {"waiting": 6, "handled": 0, "failed": 0}
        inbox.on_processed(in_transaction=True)(write)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while inbox.counts()["waiting"]:
            assert time.monotonic() < deadline, inbox.counts()
            inbox.run(once=True)
        assert sorted(effect_ids()) == list("abcdef")


@pytest.fixture(autouse=True)
def _threads_end(release: threading.Event) -> Generator[None]:
    yield
    release.set()
