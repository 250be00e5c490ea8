"""Handlers get every result: retried, failed for good and replayed, by one worker at a time, in order for each lead."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, insert, text

from squadiq.errors import ConfigurationError
from squadiq.inbox import Inbox, worker
from squadiq.inbox.handlers import place_of
from squadiq.inbox.leases import Mark, ResultClaim
from squadiq.inbox.store import EPOCH, Arrival, InboxStore
from squadiq.inbox.tables import INBOX, results
from squadiq.queue.backoff import LONGEST_RETRY_SECONDS, backoff_seconds
from squadiq.queue.database import database_url, open_database
from squadiq.webhooks import DeliveredLead, parse
from tests.inbox.conftest import Clock, OpenInbox, effects, look_at_the_clock
from tests.inbox.test_receiving import writing_held
from tests.webhooks.payloads import PERSONAL, PHONE_NUMBER, delivery

DEADLINE_SECONDS = 20


def receive(inbox: Inbox, **changes: Any) -> None:
    inbox.receive(parse(delivery(**changes), {}))


def take(_: DeliveredLead) -> None:
    """Handle a lead by doing nothing."""


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that another thread or process makes true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)


def test_handlers_sync_and_async_get_each_result_once(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    got: list[tuple[str, DeliveredLead]] = []
    loops: list[object] = []

    @inbox.on_processed
    def plain(lead: DeliveredLead) -> None:
        got.append(("plain", lead))

    @inbox.on_processed
    async def later(lead: DeliveredLead) -> None:
        loops.append(asyncio.get_running_loop())
        got.append(("later", lead))

    async def main() -> None:
        assert await inbox.run_async(once=True) == 2
        assert loops == [asyncio.get_running_loop()] * 2

    receive(inbox, lead_id="a")
    receive(inbox, lead_id="b")
    asyncio.run(main())
    assert inbox.run(once=True) == 0
    assert Counter((name, lead.lead_id) for name, lead in got) == Counter(
        (name, lead_id) for name in ("plain", "later") for lead_id in "ab"
    )
    assert got[0][1].raw_payload == delivery(lead_id=got[0][1].lead_id)
    assert inbox.counts() == {"waiting": 0, "handled": 2, "failed": 0}


def test_a_failing_handler_is_tried_again_then_failed_and_replayed(
    open_inbox: OpenInbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = open_inbox(max_attempts=3)
    calls: list[float] = []
    broken = True

    @inbox.on_processed
    def fail(lead: DeliveredLead) -> None:
        calls.append(clock())
        if broken:
            raise ValueError(f"cannot reach {lead.phone_number}")

    receive(inbox)
    started = clock()
    for _ in range(40):
        inbox.run(once=True)
        clock.time += 1
    assert [called - started for called in calls] == [0, 10, 30]
    assert inbox.counts() == {"waiting": 0, "handled": 0, "failed": 1}
    (dead_letter,) = inbox.failed()
    assert (dead_letter.state, dead_letter.attempts) == ("failed", 3)
    assert dead_letter.error.startswith("ValueError at test_handling.py:")
    assert "failed for good after 3 attempts" in caplog.text
    assert not [secret for secret in PERSONAL if secret in caplog.text + repr(dead_letter)]

    broken = False
    assert inbox.replay([dead_letter.id + 1]) == 0
    assert inbox.replay([dead_letter.id]) == 1
    assert inbox.replay() == 0
    assert inbox.run(once=True) == 1
    assert inbox.results("campaign-1", "test_lead_id")[0].error == ""
    assert inbox.counts()["handled"] == 1


def test_a_handler_that_has_succeeded_is_not_called_again_because_another_fails(
    open_inbox: OpenInbox, clock: Clock
) -> None:
    inbox = open_inbox()
    calls: list[str] = []

    @inbox.on_processed
    def good(_: DeliveredLead) -> None:
        calls.append("good")

    @inbox.on_processed
    def fails_once(_: DeliveredLead) -> None:
        calls.append("fails_once")
        if calls.count("fails_once") == 1:
            raise ValueError

    receive(inbox)
    inbox.run(once=True)
    clock.time += 60
    inbox.run(once=True)
    assert calls == ["good", "fails_once", "fails_once"]
    assert inbox.counts()["handled"] == 1


def test_a_result_whose_remaining_handlers_are_gone_is_handled(open_inbox: OpenInbox, clock: Clock) -> None:
    before, after = open_inbox(), open_inbox()

    def good(_: DeliveredLead) -> None: ...

    def bad(_: DeliveredLead) -> None:
        raise ValueError

    for handler in (good, bad):
        before.on_processed(handler)
    after.on_processed(good)
    receive(before)
    before.run(once=True)
    clock.time += 60
    assert after.run(once=True) == 1
    assert after.counts()["handled"] == 1


def test_what_a_handler_writes_in_the_transaction_is_there_exactly_once(
    open_inbox: OpenInbox, clock: Clock, effect_ids: Callable[[], list[str]]
) -> None:
    inbox = open_inbox()
    attempts: Counter[str] = Counter()

    @inbox.on_processed(in_transaction=True)
    def note(lead: DeliveredLead, connection: Connection) -> None:
        connection.execute(insert(effects).values(lead_id=lead.lead_id))
        attempts[lead.lead_id] += 1
        if lead.lead_id == "b" and attempts["b"] < 3:
            raise ValueError(PHONE_NUMBER)

    for lead_id in "abc":
        receive(inbox, lead_id=lead_id)
    for _ in range(4):
        inbox.run(once=True)
        clock.time += 60
    assert attempts == {"a": 1, "b": 3, "c": 1}
    assert sorted(effect_ids()) == ["a", "b", "c"]


def test_a_worker_that_lost_its_lease_writes_nothing(
    open_inbox: OpenInbox, clock: Clock, effect_ids: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    slow, quick = open_inbox(lease_seconds=60), open_inbox()
    handled: list[str] = []

    @slow.on_processed
    def dawdle(_: DeliveredLead) -> None:
        clock.time += 61  # as if it had been stopped; nobody renews by this clock
        quick.run(once=True)

    @slow.on_processed(in_transaction=True)
    def write_late(lead: DeliveredLead, connection: Connection) -> None:
        raise AssertionError("the result belongs to another worker")

    @quick.on_processed
    def take(lead: DeliveredLead) -> None:
        handled.append(lead.lead_id)

    receive(slow)
    assert slow.run(once=True) == 0
    assert handled == ["test_lead_id"]
    assert "its lease ended" in caplog.text
    assert slow.counts()["handled"] == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_note_after_the_lease_does_not_count(open_inbox: OpenInbox, database: str, clock: Clock, fails: bool) -> None:
    inbox = open_inbox(lease_seconds=60)
    store = look_at_the_clock(InboxStore(open_database(database_url(database, INBOX), INBOX), clock, clock))
    claims: list[ResultClaim] = []

    @inbox.on_processed
    def dawdle(_: DeliveredLead) -> None:
        clock.time += 61
        claims.extend(store.claim(1, lease_seconds=60, max_attempts=8))
        if fails:
            raise ValueError

    receive(inbox)
    handled = inbox.run(once=True)
    (result,) = inbox.results("campaign-1", "test_lead_id")
    held = store.mark_all([Mark(claims[0], frozenset({"done"}), finished=True)])
    store.engine.dispose()
    assert (handled, result.state, result.error, held) == (0, "waiting", "", [True])


def test_a_lease_is_renewed_while_a_handler_runs_however_long(database: str) -> None:
    lease_seconds = 1.5  # a renewal may be a second late on a busy machine
    finish, started = threading.Event(), threading.Event()
    with Inbox(database, lease_seconds=lease_seconds) as inbox, Inbox(database) as other:

        @inbox.on_processed
        def run_long(_: DeliveredLead) -> None:
            started.set()
            assert finish.wait(DEADLINE_SECONDS)

        @other.on_processed
        def steal(_: DeliveredLead) -> None:
            raise AssertionError("the result belongs to another worker")

        receive(inbox)
        running = threading.Thread(target=partial(inbox.run, once=True))
        running.start()
        assert started.wait(DEADLINE_SECONDS)
        end = time.monotonic() + 2 * lease_seconds
        while time.monotonic() < end:
            assert other.run(once=True) == 0
        finish.set()
        running.join()
        assert other.counts() == {"waiting": 0, "handled": 1, "failed": 0}


def test_a_result_of_a_killed_worker_comes_back_until_its_last_attempt(
    open_inbox: OpenInbox, database: str, clock: Clock
) -> None:
    inbox = open_inbox(max_attempts=2)
    store = look_at_the_clock(InboxStore(open_database(database_url(database, INBOX), INBOX), clock, clock))

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None:
        raise AssertionError("both attempts were the killed worker's")

    receive(inbox)
    for _ in range(2):  # a worker claims it and is never heard of again
        assert len(store.claim(1, lease_seconds=60, max_attempts=2)) == 1
        clock.time += 59
        assert store.claim(1, lease_seconds=60, max_attempts=2) == []
        clock.time += 2
    assert inbox.run(once=True) == 0
    assert [dead_letter.error for dead_letter in inbox.failed()] == ["the worker was lost while handling it"]
    store.engine.dispose()


def test_after_a_loss_each_result_is_handled_alone(open_inbox: OpenInbox, database: str, clock: Clock) -> None:
    inbox = open_inbox(max_attempts=1)
    store = look_at_the_clock(InboxStore(open_database(database_url(database, INBOX), INBOX), clock, clock))
    for lead_id in "abcd":
        receive(inbox, lead_id=lead_id)
    of = {inbox.results("campaign-1", lead_id)[0].id: lead_id for lead_id in "abcd"}
    (killer,) = (number for number, lead_id in of.items() if lead_id == "b")

    def claim(held: set[int] | None = None) -> list[ResultClaim]:
        return store.claim(4, lease_seconds=60, max_attempts=1, held=held or set())

    assert {of[claimed.id] for claimed in claim()} == set("abcd")
    clock.time += 61
    receive(inbox, lead_id="new")
    assert claim(held={99}) == []  # one that handles something waits until it can take one alone
    for _ in range(4):
        (alone,) = claim()
        assert alone.alone
        assert alone.attempts == 1
        if alone.id != killer:
            assert store.mark_all([Mark(alone, frozenset({"handler"}), finished=True)]) == [True]
    clock.time += 61
    assert [inbox_result.lead_id for inbox_result in inbox.failed()] == []
    (claimed,) = claim()
    assert not claimed.alone
    assert [dead_letter.lead_id for dead_letter in inbox.failed()] == ["b"]
    assert inbox.counts() == {"waiting": 1, "handled": 3, "failed": 1}
    store.engine.dispose()


def test_several_workers_never_handle_one_result_at_the_same_time(database: str) -> None:
    handling: Counter[str] = Counter()
    done: list[str] = []
    overlapped: list[str] = []
    lock = threading.Lock()

    def handle(lead: DeliveredLead) -> None:
        with lock:
            handling[lead.lead_id] += 1
            if handling[lead.lead_id] > 1:
                overlapped.append(lead.lead_id)
        time.sleep(0)
        with lock:
            handling[lead.lead_id] -= 1
            done.append(f"{lead.lead_id} {lead.processed_at:%S}")

    inboxes = [Inbox(database) for _ in range(3)]
    for inbox in inboxes:
        inbox.on_processed(handle)
    for second in range(3):
        for lead_id in range(15):
            receive(inboxes[0], lead_id=lead_id, processed_at=f"2018-12-03T14:37:0{second}Z")
    threads = [threading.Thread(target=partial(inbox.run, once=True)) for inbox in inboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inboxes[0].run(once=True)
    assert inboxes[0].counts()["handled"] == 45
    assert not overlapped
    assert sorted(done) == sorted({*done})
    by_lead = {lead_id: [entry for entry in done if entry.split()[0] == lead_id] for lead_id in map(str, range(15))}
    assert all(entries == sorted(entries) for entries in by_lead.values())
    for inbox in inboxes:
        inbox.close()


def test_a_later_result_waits_for_the_earlier_ones_of_its_lead(open_inbox: OpenInbox, clock: Clock) -> None:
    inbox = open_inbox(max_attempts=2)
    calls: list[str] = []

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        calls.append(lead.lead_outcome)
        if lead.lead_outcome == "first":
            raise ValueError

    receive(inbox, lead_outcome="second", processed_at="2018-12-03T14:00:02Z")
    receive(inbox, lead_outcome="other", processed_at="2018-12-03T14:00:03Z", lead_id="other")
    receive(inbox, lead_outcome="first", processed_at="2018-12-03T14:00:01Z")
    inbox.run(once=True, concurrency=1)
    assert calls == ["first", "other"]
    clock.time += 60
    inbox.run(once=True, concurrency=1)
    assert calls == ["first", "other", "first", "second"]


def test_looking_for_results_uses_the_index_of_those_that_wait(tmp_path: Path) -> None:
    engine = open_database(database_url(tmp_path / "inbox.sqlite3", INBOX), INBOX)
    plans: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *_more: object) -> None:
        if statement.startswith("SELECT"):
            plan = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.append(" ".join(str(step[3]) for step in plan))

    store = InboxStore(engine, Clock(), Clock())
    store.add([Arrival("campaign-1", "a", EPOCH, delivery())])
    event.listen(engine, "before_cursor_execute", explain)
    assert len(store.claim(1, lease_seconds=60, max_attempts=8)) == 1
    assert len(plans) == 5
    looks = [plan for plan in plans if "squadiq_inbox_results USING" in plan]
    assert [plan.partition("USING INDEX ")[2].split()[0] for plan in looks] == [
        *("squadiq_inbox_claimed", "squadiq_inbox_waiting", "squadiq_inbox_waiting")
    ]
    assert "TEMP B-TREE" not in looks[2]
    engine.dispose()


def test_a_result_is_handled_as_soon_as_it_is_received(open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600)
    inbox = open_inbox()
    handled = threading.Event()

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None:
        handled.set()

    running = threading.Thread(target=inbox.run)
    running.start()
    until(lambda: inbox._workers)  # pyright: ignore[reportPrivateUsage]
    (running_worker,) = inbox._workers  # pyright: ignore[reportPrivateUsage]
    receive(inbox)
    assert handled.wait(DEADLINE_SECONDS)
    inbox.stop()
    running.join(DEADLINE_SECONDS)
    assert not running.is_alive()
    running_worker.wake()  # as a delivery may that comes while the loop ends
    assert inbox.counts()["handled"] == 1


def test_a_result_that_another_process_received_is_seen_by_looking(
    open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    inbox, other = open_inbox(), open_inbox()
    handled = threading.Event()

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None:
        handled.set()

    running = threading.Thread(target=inbox.run)
    running.start()
    receive(other)
    assert handled.wait(DEADLINE_SECONDS)
    inbox.close()
    running.join(DEADLINE_SECONDS)


def test_a_cancelled_worker_gives_async_results_back_and_waits_for_the_others(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    entered: list[str] = []
    finished: list[str] = []
    release = threading.Event()

    @inbox.on_processed
    async def wait_for_ever(lead: DeliveredLead) -> None:
        if lead.lead_id == "async":
            entered.append("async")
            await asyncio.Event().wait()

    @inbox.on_processed
    def block(lead: DeliveredLead) -> None:
        entered.append(lead.lead_id)
        assert release.wait(DEADLINE_SECONDS)
        finished.append(lead.lead_id)

    async def main() -> None:
        running = asyncio.create_task(inbox.run_async())
        await asyncio.to_thread(until, lambda: len(entered) == 2)
        running.cancel()
        asyncio.get_running_loop().call_later(0.02, release.set)
        with pytest.raises(asyncio.CancelledError):
            await running

    receive(inbox, lead_id="async")
    receive(inbox, lead_id="sync")
    asyncio.run(main())
    assert finished == ["sync"]
    states = [inbox.results("campaign-1", name)[0] for name in ("async", "sync")]
    assert [(state.state, state.attempts) for state in states] == [("waiting", 0), ("handled", 1)]


def test_a_worker_that_is_cancelled_while_it_claims_gives_back_what_it_gets(
    open_inbox: OpenInbox, database: str
) -> None:
    inbox = open_inbox()
    receive(inbox)
    inbox.on_processed(take)

    async def main() -> None:
        claiming = threading.Event()

        def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
            if "squadiq_inbox_results" in statement:
                claiming.set()

        engine = inbox._open().engine  # pyright: ignore[reportPrivateUsage]
        with writing_held(database):
            event.listen(engine, "before_cursor_execute", note)
            running = asyncio.create_task(inbox.run_async())
            assert await asyncio.to_thread(claiming.wait, DEADLINE_SECONDS)
            running.cancel()
            done, _ = await asyncio.wait({running}, timeout=0.05)
            assert not done
        with pytest.raises(asyncio.CancelledError):
            await running
        event.remove(engine, "before_cursor_execute", note)

    asyncio.run(main())
    assert inbox.results("campaign-1", "test_lead_id")[0].attempts == 0
    assert inbox.run(once=True) == 1


def test_a_payload_that_cannot_be_read_fails_for_good_and_the_worker_goes_on(
    open_inbox: OpenInbox, database: str
) -> None:
    inbox = open_inbox(max_attempts=1)
    inbox.on_processed(take)
    receive(inbox, lead_id="broken")
    engine = create_engine(database_url(database, INBOX))
    with engine.begin() as connection:
        connection.execute(results.update().values(payload=b"[]"))
    engine.dispose()
    receive(inbox, lead_id="good")
    assert inbox.run(once=True) == 1
    assert inbox.counts() == {"waiting": 0, "handled": 1, "failed": 1}


def take_away(database: str, *, back: bool = False) -> None:
    """Let the inbox's table be missing for a while, or bring it back."""
    names = ("away", "squadiq_inbox_results") if back else ("squadiq_inbox_results", "away")
    engine = create_engine(database_url(database, INBOX))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE {} RENAME TO {}".format(*names)))
    engine.dispose()


def test_a_worker_outlives_a_database_that_is_away_for_a_while(
    open_inbox: OpenInbox, database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    inbox = open_inbox(lease_seconds=0.03)
    gone, back = threading.Event(), threading.Event()

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None:
        gone.set()
        assert back.wait(DEADLINE_SECONDS)

    receive(inbox)
    running = threading.Thread(target=inbox.run)
    running.start()
    assert gone.wait(DEADLINE_SECONDS)
    take_away(database)
    until(lambda: "cannot look for results" in caplog.text and "cannot renew leases" in caplog.text)
    back.set()
    until(lambda: "It will be handled again" in caplog.text)
    take_away(database, back=True)
    inbox.stop()
    running.join(DEADLINE_SECONDS)
    assert inbox.counts()["waiting"] == 1
    assert not [secret for secret in PERSONAL if secret in caplog.text]


def test_a_result_whose_failure_cannot_be_noted_comes_back_when_its_lease_ends(
    open_inbox: OpenInbox, database: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = open_inbox()
    calls: list[str] = []

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        calls.append(lead.lead_id)
        if len(calls) == 1:
            take_away(database)
            raise ValueError

    receive(inbox)
    assert inbox.run(once=True) == 0
    assert "database failed" in caplog.text
    take_away(database, back=True)
    assert inbox.run(once=True) == 0
    clock.time += 61
    assert inbox.run(once=True) == 1


def test_a_function_that_only_returns_a_coroutine_is_not_taken_for_done(open_inbox: OpenInbox) -> None:
    inbox = open_inbox(max_attempts=1)

    async def really(_: DeliveredLead) -> None: ...

    def forget_to_await(lead: DeliveredLead) -> object:
        return really(lead)

    inbox.on_processed(forget_to_await)
    receive(inbox)
    inbox.run(once=True)
    assert inbox.failed()[0].error.startswith("TypeError")


def test_handlers_that_cannot_work_are_refused_by_name(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    with pytest.raises(ConfigurationError, match="no handler"):
        inbox.run()

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None: ...

    with pytest.raises(ConfigurationError, match="handle: there is a handler"):
        inbox.on_processed(handle)

    async def write(_lead: DeliveredLead, _connection: Connection) -> None: ...

    with pytest.raises(ConfigurationError, match=r"write: .* cannot be async"):
        inbox.on_processed(in_transaction=True)(write)
    with pytest.raises(ConfigurationError, match="concurrency"):
        inbox.run(concurrency=0)
    with pytest.raises(ConfigurationError, match="backfill_every_seconds"):
        inbox.run(backfill_every_seconds=0)


@given(attempts=st.integers(1, 10_000), rng=st.floats(0, 1))
def test_waits_grow_to_an_hour_and_chance_takes_off_a_quarter_at_most(attempts: int, rng: float) -> None:
    wait, least, most = backoff_seconds(attempts, rng), *(backoff_seconds(attempts, end) for end in (1, 0))
    assert least <= wait <= most <= LONGEST_RETRY_SECONDS
    assert least == 0.75 * most
    assert most <= backoff_seconds(attempts + 1, 0)


def test_the_place_of_an_error_is_told_without_its_message() -> None:
    assert place_of(ValueError(PHONE_NUMBER)) == "ValueError"
    with pytest.raises(ZeroDivisionError) as caught:
        logging.getLogger().setLevel(1 // 0)
    assert place_of(caught.value).startswith("ZeroDivisionError at test_handling.py:")
