"""A PostgreSQL that is stopped without a word: nobody waits for ever, and all goes on when it does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Connection, create_engine, text

from squadiq.inbox import Inbox, InboxError
from squadiq.inbox.tables import INBOX
from squadiq.queue import database
from squadiq.queue.database import database_url
from squadiq.webhooks import AsgiWebhook, DeliveredLead, WsgiWebhook, parse
from tests.inbox.conftest import postgres_database
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, take, until
from tests.webhooks.payloads import delivery
from tests.webhooks.serving import KINDS, send, serving

FOR_EVER = 3600.0


@pytest.fixture
def database_that_can_be_stopped(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if "SQUADIQ_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("only a server of our own can be stopped")
    url = postgres_database(postgres_url)
    with Inbox(url) as inbox:
        inbox.counts()  # to make the tables may take longer than is allowed from now on
    monkeypatch.setattr(database, "SILENT_SECONDS", 0.75)
    monkeypatch.setattr(database, "CONNECT_SECONDS", 2)
    return url


@contextmanager
def stopped(url: str) -> Generator[None]:
    """Stop all processes of the server of a database while the block runs."""
    engine = create_engine(database_url(url, INBOX))
    with engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        server = _processes("-o", "ppid=", "-p", str(backend))
    engine.dispose()
    processes: list[int] = []
    for group in (server, None):  # first the one that starts the others
        found = group or _processes("-o", "pid=", "--ppid", str(server[0]))
        processes += found
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def _processes(*arguments: str) -> list[int]:
    found = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=True).stdout
    return [int(number) for number in found.split()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_delivery_to_a_silent_database_gets_503_in_time(database_that_can_be_stopped: str, kind: str) -> None:
    webhook = AsgiWebhook if kind == "asgi" else WsgiWebhook
    with (
        Inbox(database_that_can_be_stopped, store_within_seconds=0.3) as inbox,
        serving(kind, webhook(inbox)) as port,
        ThreadPoolExecutor(8) as together,
    ):
        until(lambda: send(port, delivery(lead_id="before")).status == 201)  # a busy machine may take its time

        def deliver(number: int) -> int:
            return send(port, delivery(lead_id=f"lost-{number}")).status  # gives up after 30 s

        with stopped(database_that_can_be_stopped):
            assert set(together.map(deliver, range(16))) == {503}
        until(lambda: send(port, delivery(lead_id="after")).status == 201)
        assert inbox.results("campaign-1", "after")


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_is_silent_from_the_start_keeps_no_delivery_waiting(
    database_that_can_be_stopped: str, kind: str
) -> None:
    webhook = AsgiWebhook if kind == "asgi" else WsgiWebhook
    with Inbox(database_that_can_be_stopped, store_within_seconds=0.3) as inbox, serving(kind, webhook(inbox)) as port:
        with stopped(database_that_can_be_stopped):
            assert [send(port, delivery()).status for _ in range(3)] == [503] * 3
        until(lambda: send(port, delivery()).status == 201)


def test_a_worker_survives_a_silent_database_and_goes_on(
    database_that_can_be_stopped: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.POLL_SECONDS", 0.01)
    handled: list[str] = []
    entered, go_on = threading.Event(), threading.Event()
    with Inbox(database_that_can_be_stopped, lease_seconds=0.9) as inbox:

        @inbox.on_processed
        def handle(lead: DeliveredLead) -> None:
            entered.set()
            assert go_on.wait(DEADLINE_SECONDS)
            handled.append(lead.lead_id)

        receive(inbox, lead_id="before")
        running = threading.Thread(target=inbox.run)
        running.start()
        assert entered.wait(DEADLINE_SECONDS)
        with stopped(database_that_can_be_stopped):
            until(lambda: "cannot look for results" in caplog.text and "cannot renew leases" in caplog.text)
            go_on.set()
            until(lambda: "It will be handled again" in caplog.text)
        until(lambda: _stored(inbox, "after"))
        until(lambda: _handled(inbox) == 2)
        inbox.stop()
        running.join(DEADLINE_SECONDS)
        assert not running.is_alive()
    assert set(handled) == {"before", "after"}


def test_a_worker_on_a_silent_database_can_be_stopped(
    database_that_can_be_stopped: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Inbox(database_that_can_be_stopped, stop_timeout_seconds=1.0) as inbox:
        inbox.on_processed(take)
        running = threading.Thread(target=inbox.run)
        running.start()
        until(lambda: inbox._workers)  # pyright: ignore[reportPrivateUsage]
        with stopped(database_that_can_be_stopped):
            until(lambda: "cannot look for results" in caplog.text)
            inbox.stop()
            running.join(DEADLINE_SECONDS)
            assert not running.is_alive()


def test_a_handler_may_take_longer_in_its_transaction_than_a_statement_of_ours(
    database_that_can_be_stopped: str,
) -> None:
    with Inbox(database_that_can_be_stopped) as inbox:

        @inbox.on_processed(in_transaction=True)
        def handle(_: DeliveredLead, connection: Connection) -> None:
            connection.execute(text("SELECT pg_sleep(1.5)"))

        receive(inbox)
        assert inbox.run(once=True) == 1


def test_an_asgi_receiver_that_never_responses_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("squadiq.webhooks.asgi.STORE_WITHIN_SECONDS", 0.1)

    class Silent:
        async def receive_async(self, _: DeliveredLead, /) -> None:
            await asyncio.sleep(FOR_EVER)

    with serving("asgi", AsgiWebhook(Silent())) as port:
        assert send(port, delivery()).status == 503


def test_what_nobody_waits_for_any_more_is_not_written_when_the_database_is_back(
    database_that_can_be_stopped: str,
) -> None:
    with Inbox(database_that_can_be_stopped, store_within_seconds=0.2) as inbox:
        until(lambda: _stored(inbox, "before"))
        with stopped(database_that_can_be_stopped):
            for number in range(4):
                with pytest.raises(InboxError, match=r"not stored within 0\.2 s"):
                    receive(inbox, lead_id=number)
                with pytest.raises(InboxError, match=r"not stored within 0\.2 s"):
                    asyncio.run(inbox.receive_async(parse(delivery(lead_id=f"async-{number}"), {})))
        until(lambda: _stored(inbox, "after"))
        assert inbox.counts()["waiting"] <= 3  # "before", "after", and the one that was being written


def _handled(inbox: Inbox) -> int:
    """How many are handled; a connection from before may be broken still, which is told once."""
    try:
        return inbox.counts()["handled"]
    except InboxError:
        return 0


def _stored(inbox: Inbox, lead_id: str) -> bool:
    try:
        receive(inbox, lead_id=lead_id)
    except InboxError:
        return False
    return True
