"""The worker: what it waits for, what it survives, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from squadiq import SquadIQ
from squadiq.errors import ConfigurationError
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox, OutboxError
from squadiq.outbox.sending import BatchSender
from squadiq.outbox.store import Batch, ClaimsLostError
from squadiq.queue.clock import Time
from tests.outbox.conftest import CAMPAIGN, drain, lead
from tests.outbox.test_sending import Service
from tests.servers import Action, Reply, Seen, acting_server


@contextmanager
def at_work(outbox: Outbox, client: SquadIQ, **options: int) -> Generator[threading.Thread]:
    """Run a worker until the block ends."""
    worker = threading.Thread(target=outbox.run, args=[client], kwargs=options)
    worker.start()
    try:
        yield worker
    finally:
        outbox.stop()
        worker.join(30)
        assert not worker.is_alive()


def test_leads_that_come_one_by_one_are_sent_as_lists_after_a_moment(database: str, mock: RunningMock) -> None:
    with (
        Outbox(database, linger_seconds=1.0) as outbox,
        SquadIQ("test_token", base_url=mock.url, quota="memory") as client,
        at_work(outbox, client),
    ):
        for number in range(20):
            outbox.create_leads(CAMPAIGN, [lead(number)])
        while outbox.counts()["done"] != 20:
            pass
        assert client.quota.snapshot().free_now >= 90


def test_a_worker_that_is_stopped_finishes_what_it_is_at(outbox: Outbox) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def wait(seen: Seen, number: int) -> Action | None:
        under_way.set()
        assert go_on.wait(30)
        return None

    outbox.create_leads(CAMPAIGN, [lead(1)])
    service = Service(wait)
    with (
        acting_server(service) as server,
        SquadIQ("test_token", base_url=server.url, quota="memory") as client,
        at_work(outbox, client, concurrency=1) as worker,
    ):
        assert under_way.wait(30)
        outbox.create_leads(CAMPAIGN, [lead(2)])
        outbox.stop()
        assert worker.is_alive()
        go_on.set()
    assert outbox.counts() == {"waiting": 1, "done": 1, "refused": 0, "unknown": 0}
    outbox.close()
    assert outbox.counts()["waiting"] == 1, "using it opens it again"


def test_a_worker_waits_for_a_hit_and_gives_back_what_it_has(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    hits = threading.Semaphore(0)
    service = Service(lambda _seen, _number: hits.release())
    with (
        acting_server(service) as server,
        SquadIQ("test_token", base_url=server.url, quota="memory", quota_hits=1, quota_window_seconds=1.5) as client,
        at_work(outbox, client),
    ):
        outbox.create_leads(CAMPAIGN, [lead(1)])
        assert hits.acquire(timeout=30)
        outbox.create_leads(CAMPAIGN, [lead(2)])
        outbox.update_lead(CAMPAIGN, "L1", city="Pune")
        assert all(hits.acquire(timeout=30) for _ in range(2))
        while outbox.counts()["done"] != 3:
            pass
    # Waiting is no failure: it is not told, and no attempt.
    assert not caplog.records
    assert outbox.entries(CAMPAIGN, "L2")[0].attempts == 1


def test_a_lease_is_renewed_while_a_request_takes_long(database: str) -> None:
    renewals, seen_twice = threading.Semaphore(0), threading.Event()

    def slow(seen: Seen, number: int) -> Action | None:
        if number > 1:
            seen_twice.set()
        for _ in range(4):
            assert renewals.acquire(timeout=30)
        return None

    with Outbox(database, lease_seconds=0.6, linger_seconds=0.001) as outbox:
        outbox.create_leads(CAMPAIGN, [lead(1)])
        store = outbox._store()  # pyright: ignore[reportPrivateUsage]
        renew = store.renew

        def counted(*args: object, **kwargs: float) -> None:
            renew(*args, **kwargs)  # type: ignore[arg-type]
            renewals.release()

        store.renew = counted  # type: ignore[method-assign, assignment]
        with acting_server(Service(slow)) as server:
            assert drain(outbox, server.url) == 1
    assert not seen_twice.is_set()


def test_what_another_worker_took_over_is_left_to_it(outbox: Outbox, user_engine: Engine) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1)])
    store = outbox._store()  # pyright: ignore[reportPrivateUsage]
    batch = store.claim(lease_seconds=60, largest=10, allow_duplicates=False)
    assert isinstance(batch, Batch)
    with user_engine.begin() as connection:
        connection.execute(text("UPDATE squadiq_outbox_entries SET claim = 'another'"))
    with acting_server(Service()) as server, SquadIQ("test_token", base_url=server.url, quota="memory") as client:
        sender = BatchSender(store, client.campaign, repeat_creates=True, rng=lambda: 0.0)
        with pytest.raises(ClaimsLostError):
            sender.send(batch)
        assert server.seen == []


def test_a_worker_survives_what_goes_wrong_around_it(
    outbox: Outbox, mock: RunningMock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising: list[BaseException] = [ClaimsLostError(), OutboxError("It is gone."), ValueError("9876543210")]
    send = BatchSender.send

    def trouble(self: BatchSender, batch: Batch) -> object:
        if raising:
            store.again(batch.claims, sent=False)
            raise raising.pop(0)
        return send(self, batch)

    monkeypatch.setattr(BatchSender, "send", trouble)
    outbox.create_leads(CAMPAIGN, [lead(1)])
    store = outbox._store()  # pyright: ignore[reportPrivateUsage]
    with caplog.at_level(logging.WARNING, "squadiq.outbox"):
        assert drain(outbox, mock.url) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the lease of a batch ended while it was sent; it is left to whoever has it",
        "It is gone. What was sent comes back when its lease ends.",
        "a batch could not be sent (ValueError); it comes back when its lease ends",
    ]


def test_a_database_that_is_away_for_a_while_is_told_and_tried_again(
    outbox: Outbox, mock: RunningMock, caplog: pytest.LogCaptureFixture, user_engine: Engine
) -> None:
    outbox.open()
    with user_engine.begin() as connection:
        connection.execute(text("ALTER TABLE squadiq_outbox_entries RENAME TO away"))
    with (
        SquadIQ("test_token", base_url=mock.url, quota="memory") as client,
        caplog.at_level(logging.WARNING, "squadiq.outbox"),
        at_work(outbox, client),
    ):
        while not caplog.records:
            pass
        with user_engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO squadiq_outbox_entries"))
        outbox.create_leads(CAMPAIGN, [lead(1)])
        while outbox.counts()["done"] != 1:
            pass
    assert caplog.messages[0].startswith("cannot look for entries, and will try again: The outbox's database failed")


def test_leases_that_cannot_be_renewed_are_told(
    database: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    def until_told(seen: Seen, number: int) -> Action | None:
        assert told.wait(30)
        return None

    def fails(*_args: object, **_more: object) -> None:
        told.set()
        raise OutboxError("It is gone.")

    with Outbox(database, lease_seconds=3.0, linger_seconds=0.001) as outbox:
        outbox.create_leads(CAMPAIGN, [lead(1)])
        monkeypatch.setattr(outbox._store(), "renew", fails)  # pyright: ignore[reportPrivateUsage]
        with acting_server(Service(until_told)) as server:
            drain(outbox, server.url)
    assert "cannot renew leases, and will try again: It is gone." in caplog.messages


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("linger_seconds", 0),
        ("lease_seconds", "60"),
        ("duplicate_phone_numbers", "maybe"),
        ("normalise_phone_numbers", 1),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(database: str, setting: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        Outbox(database, **{setting: value})  # type: ignore[arg-type]


def test_an_outbox_says_where_it_is_and_no_password() -> None:
    assert "s3cret" not in repr(Outbox("postgresql://me:s3cret@db/leads"))


def test_a_refusal_says_nothing_of_anybody(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1)])
    echo = Reply(400, [{"contact_name": ["Asha with +919800000001 is bad."]}])
    with acting_server(echo) as server:
        drain(outbox, server.url)
    [entry] = outbox.failed()
    assert "Asha" not in entry.reason + caplog.text
    assert "9800000001" not in entry.reason + caplog.text + repr(entry)


def test_a_clock_that_goes_back_is_kept_anew_and_holds_nothing_up(database: str, mock: RunningMock) -> None:
    readings = [1000.0]

    class TimedOutbox(Outbox):
        _time = Time(time.time, lambda: readings[-1], lambda: 0.0)

    with TimedOutbox(database, linger_seconds=0.001) as outbox:
        outbox.create_leads(CAMPAIGN, [lead(1)])
        assert drain(outbox, mock.url) == 1
    readings.append(5.0)  # the machine was started anew
    with TimedOutbox(database, linger_seconds=0.001) as outbox:
        assert drain(outbox, mock.url) == 0
        outbox.create_leads(CAMPAIGN, [lead(2)])
        assert drain(outbox, mock.url) == 1
        outbox._store().renew([], lease_seconds=1.0)  # pyright: ignore[reportPrivateUsage]
