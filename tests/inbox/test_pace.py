"""How much a worker does: no more handlers at once than it may, and no more looks than it needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from squadiq.inbox import Inbox, worker
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import OpenInbox
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, take, until


@contextmanager
def statements() -> Generator[list[str]]:
    """The statements that are sent to databases while the block runs."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_as_many_handlers_run_at_once_as_they_may_and_no_more(
    open_inbox: OpenInbox, kind: str, concurrency: int
) -> None:
    inbox = open_inbox()
    lock = threading.Lock()
    running: set[str] = set()
    most: list[int] = []
    full = threading.Event()

    def enter(lead: DeliveredLead) -> None:
        with lock:
            running.add(lead.lead_id)
            most.append(len(running))
            if len(running) >= concurrency:
                full.set()

    def leave(lead: DeliveredLead) -> None:
        with lock:
            running.discard(lead.lead_id)

    def handle(lead: DeliveredLead) -> None:
        enter(lead)
        assert full.wait(DEADLINE_SECONDS)
        leave(lead)

    async def handle_async(lead: DeliveredLead) -> None:
        enter(lead)
        assert await asyncio.to_thread(full.wait, DEADLINE_SECONDS)
        leave(lead)

    inbox.on_processed(handle if kind == "sync" else handle_async)
    for number in range(3 * concurrency):
        receive(inbox, lead_id=number)
    assert inbox.run(once=True, concurrency=concurrency) == 3 * concurrency
    assert max(most) == concurrency


@contextmanager
def worker_of(inbox: Inbox, concurrency: int) -> Generator[None]:
    thread = threading.Thread(target=lambda: inbox.run(concurrency=concurrency))
    thread.start()
    try:
        yield
    finally:
        inbox.stop()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


class Looks(list[int]):
    """Counts the turns of a worker's loop, by how many places were free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        count = worker.Worker._free  # pyright: ignore[reportPrivateUsage]

        def noted(of: worker.Worker) -> int:
            self.append(count(of))
            return self[-1]

        monkeypatch.setattr(worker.Worker, "_free", noted)


def test_a_worker_whose_places_are_taken_waits_without_asking_the_database(
    open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600)
    turns = Looks(monkeypatch)
    inbox = open_inbox()
    entered: list[str] = []
    go_on = threading.Event()

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        entered.append(lead.lead_id)
        assert go_on.wait(DEADLINE_SECONDS)

    for number in range(5):
        receive(inbox, lead_id=number)
    with worker_of(inbox, concurrency=2):
        until(lambda: len(entered) == 2)
        until(lambda: turns and turns[-1] == 0)
        before = len(turns)
        with statements() as sent:
            for _ in range(20):
                inbox._wake()  # pyright: ignore[reportPrivateUsage]
            go_on.wait(0.2)
            assert sent == []
        assert len(turns) - before <= 20 + 1  # one for each time that it was woken
        go_on.set()
        until(lambda: len(entered) == 5)


def test_an_idle_worker_looks_once_and_then_only_when_it_is_time(
    open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600)
    turns = Looks(monkeypatch)
    inbox = open_inbox()
    inbox.on_processed(take)
    with statements() as sent, worker_of(inbox, concurrency=4):
        until(lambda: turns)
        threading.Event().wait(0.2)
        assert turns == [4]
        looked = len(sent)
        assert looked <= 4  # the time, what was lost, what is due, on a connection that still answers
        inbox._wake()  # pyright: ignore[reportPrivateUsage]
        until(lambda: len(turns) == 2)
        until(lambda: len(sent) > looked)


def test_an_idle_worker_looks_again_when_it_is_time(open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    turns = Looks(monkeypatch)
    inbox = open_inbox()
    inbox.on_processed(take)
    with worker_of(inbox, concurrency=4):
        until(lambda: len(turns) >= 5)


def test_a_worker_that_handles_nothing_renews_nothing(open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 3600)
    turns = Looks(monkeypatch)
    inbox = open_inbox(lease_seconds=0.01)
    inbox.on_processed(take)
    with statements() as sent, worker_of(inbox, concurrency=4):
        until(lambda: turns)
        threading.Event().wait(0.2)
        assert not [statement for statement in sent if statement.startswith("UPDATE")]
