"""Handlers that do not behave: that raise what is no Exception, never return, or take their process with them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest
import trio
from sqlalchemy import Connection, insert

from squadiq.inbox import Inbox, runner, worker
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import Clock, OpenInbox, effects
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, until
from tests.inbox.test_pace import Looks
from tests.inbox.timed import timed_inbox
from tests.webhooks.payloads import PERSONAL
from tests.webhooks.processes import ROOT

FOR_EVER = 3600.0


@pytest.fixture
def release() -> Generator[threading.Event]:
    """Ends every handler that hangs in a thread, when the test ends at the latest."""
    event = threading.Event()
    yield event
    event.set()


def trio_cancelled() -> BaseException:
    caught: list[BaseException] = []

    async def cancelled() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except BaseException as error:
                caught.append(error)
                raise

    trio.run(cancelled)
    return caught[0]


RAISED: list[Callable[[], BaseException]] = [
    asyncio.CancelledError,
    trio_cancelled,
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    BaseException,
    TimeoutError,
]


@pytest.mark.unmeasured
@pytest.mark.parametrize("make", RAISED)
@pytest.mark.parametrize("kind", ["async", "sync", "in_transaction"])
def test_whatever_a_handler_raises_is_counted_and_tried_again(
    tmp_path: Path, clock: Clock, kind: str, make: Callable[[], BaseException]
) -> None:
    with timed_inbox(tmp_path / "i.db", max_attempts=3, now=clock, monotonic=clock, rng=lambda: 0.0) as inbox:
        calls: list[float] = []

        def fail(_: DeliveredLead) -> None:
            calls.append(clock())
            raise make()

        async def fail_async(lead: DeliveredLead) -> None:
            fail(lead)

        def fail_in_transaction(lead: DeliveredLead, _: Connection) -> None:
            fail(lead)

        if kind == "in_transaction":
            inbox.on_processed(in_transaction=True)(fail_in_transaction)
        else:
            inbox.on_processed(fail if kind == "sync" else fail_async)
        receive(inbox)
        began = clock()
        for _ in range(40):
            inbox.run(once=True)
            clock.time += 1
        assert [called - began for called in calls] == [0, 10, 30]
        (dead_letter,) = inbox.failed()
        assert dead_letter.attempts == 3
        assert dead_letter.error.partition(" ")[0] in (type(make()).__name__, "RuntimeError")


def test_a_handler_that_cancels_its_own_task_does_not_cancel_the_worker(open_inbox: OpenInbox) -> None:
    inbox = open_inbox(max_attempts=1)

    @inbox.on_processed
    async def handle(lead: DeliveredLead) -> None:
        if lead.lead_id == "cancels":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    receive(inbox, lead_id="cancels")
    receive(inbox, lead_id="good")
    assert inbox.run(once=True) == 1
    assert [dead_letter.lead_id for dead_letter in inbox.failed()] == ["cancels"]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_handler_that_hangs_is_named_its_result_fails_and_the_others_are_handled(
    open_inbox: OpenInbox, kind: str, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = open_inbox(max_attempts=2, handler_timeout_seconds=0.2, stop_timeout_seconds=0.1)
    handled: list[str] = []

    def hang(lead: DeliveredLead) -> None:
        if lead.lead_id == "hangs":
            release.wait(DEADLINE_SECONDS * 3)
        else:
            handled.append(lead.lead_id)

    async def hang_async(lead: DeliveredLead) -> None:
        if lead.lead_id == "hangs":
            await asyncio.sleep(FOR_EVER)
        handled.append(lead.lead_id)

    inbox.on_processed(hang if kind == "sync" else hang_async)
    receive(inbox, lead_id="hangs")
    for number in range(5):
        receive(inbox, lead_id=number)
    assert inbox.run(once=True, concurrency=1) == 5
    assert sorted(handled) == ["0", "1", "2", "3", "4"]
    (result,) = inbox.results("campaign-1", "hangs")
    assert (result.state, result.attempts) == ("waiting", 1)
    assert "did not return within 0.2 s" in result.error
    assert "hang" in result.error
    assert "hang" in caplog.text
    assert not [secret for secret in PERSONAL if secret in caplog.text]


def test_what_a_handler_that_hung_does_later_does_not_count(
    open_inbox: OpenInbox, clock: Clock, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = open_inbox(max_attempts=2, handler_timeout_seconds=0.2)
    returned = threading.Event()

    @inbox.on_processed
    def hang(_: DeliveredLead) -> None:
        release.wait(DEADLINE_SECONDS)
        returned.set()

    receive(inbox)

    async def main() -> None:
        running = asyncio.create_task(inbox.run_async())
        await asyncio.to_thread(until, lambda: "left to itself" in caplog.text)
        release.set()
        await asyncio.to_thread(until, lambda: "returned after all" in caplog.text)
        inbox.stop()
        assert await running == 0

    asyncio.run(main())
    assert returned.wait(DEADLINE_SECONDS)
    assert inbox.results("campaign-1", "test_lead_id")[0].state == "waiting"
    clock.time += 60
    assert inbox.run(once=True) == 1


@pytest.mark.usefixtures("effect_ids")
def test_a_handler_that_hangs_in_the_transaction_keeps_nothing(
    open_inbox: OpenInbox,
    clock: Clock,
    effect_ids: Callable[[], list[str]],
    release: threading.Event,
) -> None:
    inbox = open_inbox(max_attempts=3, handler_timeout_seconds=0.5)
    ended: list[str] = []
    calls: list[str] = []

    @inbox.on_processed(in_transaction=True)
    def write(lead: DeliveredLead, connection: Connection) -> None:
        calls.append(lead.lead_id)
        connection.execute(insert(effects).values(lead_id=lead.lead_id))
        if len(calls) == 1:
            release.wait(DEADLINE_SECONDS * 3)
            try:
                connection.execute(insert(effects).values(lead_id="too late"))
            except Exception as error:
                ended.append(type(error).__name__)
                raise

    receive(inbox, lead_id="hangs")
    assert inbox.run(once=True) == 0
    receive(inbox, lead_id="good")  # SQLite has one writer at a time: it must be free again
    assert inbox.run(once=True) == 1
    release.set()
    until(lambda: ended)
    clock.time += 60
    assert inbox.run(once=True) == 1
    assert sorted(effect_ids()) == ["good", "hangs"]


@pytest.mark.parametrize("how", ["stop", "cancel"])
@pytest.mark.parametrize("kind", ["async", "stubborn", "sync", "in_transaction"])
def test_stopping_takes_no_longer_than_it_may_whatever_hangs(
    open_inbox: OpenInbox,
    kind: str,
    how: str,
    release: threading.Event,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.SHORTEST_SECONDS", 0.05)
    inbox = open_inbox(handler_timeout_seconds=FOR_EVER, stop_timeout_seconds=0.1)
    entered = threading.Event()
    ended = asyncio.Event()

    def hang(_: DeliveredLead) -> None:
        entered.set()
        release.wait(DEADLINE_SECONDS * 3)

    def hang_in_transaction(lead: DeliveredLead, _: Connection) -> None:
        hang(lead)

    async def hang_async(_: DeliveredLead) -> None:
        entered.set()
        await asyncio.sleep(FOR_EVER)

    async def be_stubborn(_: DeliveredLead) -> None:
        entered.set()
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue

    if kind == "in_transaction":
        inbox.on_processed(in_transaction=True)(hang_in_transaction)
    else:
        inbox.on_processed({"async": hang_async, "stubborn": be_stubborn, "sync": hang}[kind])
    receive(inbox)

    async def main() -> None:
        running = asyncio.create_task(inbox.run_async())
        await asyncio.to_thread(entered.wait, DEADLINE_SECONDS)
        if how == "stop":
            inbox.stop()
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert await running == 0
        else:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await running
        ended.set()

    asyncio.run(main())
    (result,) = inbox.results("campaign-1", "test_lead_id")
    assert (result.state, result.attempts) == ("waiting", 0 if kind == "async" else 1)
    assert ("left to itself" in caplog.text) is (kind != "async")


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ["sync", "to_thread"])
def test_a_process_ends_although_a_handler_never_returns(tmp_path: Path, kind: str) -> None:
    program = f"""
import asyncio, threading
from squadiq.inbox import Inbox
from squadiq.webhooks import parse
from tests.webhooks.payloads import delivery
inbox = Inbox({str(tmp_path / "inbox.sqlite3")!r}, handler_timeout_seconds=0.2, stop_timeout_seconds=0.2)
entered = threading.Event()

def hang(lead):
    entered.set()
    threading.Event().wait()

async def hang_in_thread(lead):
    await asyncio.to_thread(hang, lead)

inbox.on_processed({"hang" if kind == "sync" else "hang_in_thread"})
inbox.receive(parse(delivery(), {{}}))
assert inbox.run(once=True) == 0
inbox.close()
print("done")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "done"), ran.stderr


def test_only_so_many_calls_are_left_to_themselves_and_then_it_is_said_what_hangs(
    open_inbox: OpenInbox,
    clock: Clock,
    release: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(runner, "HANGING_AT_MOST", 3)
    turns = Looks(monkeypatch)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    inbox = open_inbox(handler_timeout_seconds=0.05)
    calls: list[str] = []
    handled: list[str] = []

    @inbox.on_processed
    def hang(lead: DeliveredLead) -> None:
        calls.append(lead.lead_id)
        release.wait(DEADLINE_SECONDS * 3)
        handled.append(lead.lead_id)

    for number in range(8):
        receive(inbox, lead_id=number)
    running = threading.Thread(target=partial(inbox.run, concurrency=1))
    running.start()
    until(lambda: "NOTHING IS HANDLED" in caplog.text)
    before = len(turns)
    until(lambda: len(turns) >= before + 3)
    assert len(calls) == 3
    assert "hang (3)" in caplog.text
    assert caplog.text.count("NOTHING IS HANDLED") == 1
    release.set()
    until(lambda: len(set(handled)) == 8)
    inbox.stop()
    running.join(DEADLINE_SECONDS)
    assert not running.is_alive()
    assert clock() == Clock()()


def test_with_so_many_left_to_themselves_a_single_run_ends(
    open_inbox: OpenInbox, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "HANGING_AT_MOST", 2)
    inbox = open_inbox(handler_timeout_seconds=0.05)
    calls: list[str] = []

    @inbox.on_processed
    def hang(lead: DeliveredLead) -> None:
        calls.append(lead.lead_id)
        release.wait(DEADLINE_SECONDS * 3)

    for number in range(5):
        receive(inbox, lead_id=number)
    assert inbox.run(once=True, concurrency=1) == 0
    assert len(calls) == 2


def test_a_handler_that_blocks_the_loop_is_named_and_loses_its_result(
    database: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.SHORTEST_SECONDS", 0.05)
    handled: list[str] = []
    with (
        Inbox(database, lease_seconds=0.3, handler_timeout_seconds=0.1) as blocked,
        Inbox(database, lease_seconds=0.3) as other,
    ):

        @blocked.on_processed
        async def block(_: DeliveredLead) -> None:
            until(lambda: handled)

        @other.on_processed
        def take(lead: DeliveredLead) -> None:
            handled.append(lead.lead_id)

        receive(blocked)
        running = threading.Thread(target=partial(blocked.run, once=True))
        running.start()
        until(lambda: "blocks the event loop" in caplog.text)
        until(lambda: other.run(once=True))
        running.join(DEADLINE_SECONDS)
        assert not running.is_alive()
        assert handled == ["test_lead_id"]
        assert other.counts() == {"waiting": 0, "handled": 1, "failed": 0}
    assert "block" in caplog.text
    assert not [secret for secret in PERSONAL if secret in caplog.text]


KILLER = """
import os, sys, time
from squadiq.inbox import Inbox
inbox = Inbox(sys.argv[1], lease_seconds=0.5, max_attempts=2)

@inbox.on_processed
def handle(lead):
    if lead.lead_id == "killer":
        time.sleep(0.1)
        os._exit(9)
    if sys.argv[2] == "long":
        time.sleep(3600)

inbox.run(concurrency=4, once=sys.argv[2] == "short")
"""


@pytest.mark.unmeasured
def test_a_handler_that_kills_its_process_fails_alone(database: str) -> None:
    def run(how: str) -> int:
        command = [sys.executable, "-c", KILLER, database, how]
        return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode

    with Inbox(database) as inbox:
        for lead_id in ("a", "killer", "b", "c"):
            receive(inbox, lead_id=lead_id)
        assert run("long") == 9  # the four were claimed together, and all are lost
        deadline = time.monotonic() + 3 * DEADLINE_SECONDS
        while inbox.counts()["waiting"]:
            assert time.monotonic() < deadline, inbox.counts()
            run("short")
        assert [dead_letter.lead_id for dead_letter in inbox.failed()] == ["killer"]
        assert inbox.counts() == {"waiting": 0, "handled": 3, "failed": 1}


def test_the_error_of_an_inbox_that_a_handler_uses_is_its_failure(open_inbox: OpenInbox, tmp_path: Path) -> None:
    inbox = open_inbox(max_attempts=1)
    (tmp_path / "folder").mkdir()

    @inbox.on_processed
    def handle(_: DeliveredLead) -> None:
        Inbox(tmp_path / "folder").counts()

    receive(inbox)
    inbox.run(once=True)
    assert inbox.failed()[0].error.startswith("InboxError at files.py")
