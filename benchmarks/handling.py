"""Handling results from the inbox, beside receiving them, and beside procrastinate on the same PostgreSQL.

Handlers and tasks do nothing, so that what is measured is the queue. `python -m benchmarks.handling`
measures this alone.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import procrastinate
from procrastinate.types import JSONValue
from sqlalchemy import Connection

from benchmarks import Row
from benchmarks.webhooks import delivery
from squadiq.inbox import Inbox
from squadiq.webhooks import DeliveredLead, parse
from tests.inbox import postgres

RESULTS = 2_000
RECEIVERS = 256
"""Deliveries that are on their way at the same time."""

CONCURRENCY = 4
"""Of handlers and of procrastinate's tasks: the inbox's own default."""


def rows() -> Iterator[Row]:
    """Measure and give the lines of the table."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            received, handled = rates(f"{folder}/{kind}.sqlite3", kind)
            yield _beside_receiving(kind, "SQLite", received, handled)
    with postgres.running() as server:
        theirs = jobs_per_second(postgres.new_database(server))
        for kind in KINDS:
            received, handled = rates(postgres.new_database(server), kind)
            yield _beside_receiving(kind, "PostgreSQL", received, handled)
            figures = f"{handled:,.0f}/s, {theirs:,.0f}/s"
            yield Row(f"inbox: {kind} handled/s on PostgreSQL", "procrastinate", handled / theirs, ">= 1", figures)


def _beside_receiving(kind: str, database: str, received: float, handled: float) -> Row:
    figures = f"{handled:,.0f}/s, {received:,.0f}/s"
    return Row(f"inbox: {kind} handled/s on {database}", "received/s", handled / received, ">= 0.3", figures)


def rates(database: str, kind: str) -> tuple[float, float]:
    """Return how many results a second are received, and then handled by one worker."""
    leads = [parse(delivery(number), {}) for number in range(RESULTS + 1)]
    with Inbox(database) as inbox:
        KINDS[kind](inbox)
        inbox.receive(leads.pop())
        assert inbox.run(once=True) == 1  # what is done once only is not measured
        with timed() as receiving:
            asyncio.run(receive(inbox, leads))
        with timed() as handling:
            assert inbox.run(once=True, concurrency=CONCURRENCY) == RESULTS
    return RESULTS / receiving[0], RESULTS / handling[0]


async def receive(inbox: Inbox, leads: list[DeliveredLead]) -> None:
    """Receive leads as a busy endpoint does: many wait for the same commit."""
    left = iter(leads)

    async def one_after_another() -> None:
        for lead in left:
            await inbox.receive_async(lead)

    await asyncio.gather(*(one_after_another() for _ in range(RECEIVERS)))


def plain(inbox: Inbox) -> None:
    """Register a function."""

    @inbox.on_processed
    def take(_: DeliveredLead) -> None: ...


def asynchronous(inbox: Inbox) -> None:
    """Register an async function."""

    @inbox.on_processed
    async def take(_: DeliveredLead) -> None: ...


def in_transaction(inbox: Inbox) -> None:
    """Register a function that takes part in the transaction."""

    @inbox.on_processed(in_transaction=True)
    def take(_lead: DeliveredLead, _connection: Connection) -> None: ...


KINDS: dict[str, Callable[[Inbox], None]] = {
    "plain": plain,
    "async": asynchronous,
    "in_transaction": in_transaction,
}


def jobs_per_second(database: str) -> float:
    """Return how many jobs a second one worker of procrastinate runs, with an async task: the faster kind."""
    return asyncio.run(_jobs_per_second(database))


async def _jobs_per_second(database: str) -> float:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    logging.getLogger("procrastinate").setLevel(logging.WARNING)

    @app.task
    async def take(payload: str) -> None: ...

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        payloads: list[dict[str, JSONValue]] = [{"payload": delivery(number).decode()} for number in range(RESULTS)]
        await take.batch_defer_async(*payloads)
        with timed() as working:
            await app.run_worker_async(wait=False, concurrency=CONCURRENCY, install_signal_handlers=False)
        done = await app.job_manager.list_jobs_async(status="succeeded")
        assert len(list(done)) == RESULTS
    return RESULTS / working[0]


@contextmanager
def timed() -> Generator[list[float]]:
    """Put the seconds that the block takes into the list."""
    seconds: list[float] = []
    began = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - began)


if __name__ == "__main__":
    for row in rows():
        print(f"{row.what:45} {row.compared_with:15} {row.ratio:6.2f} {row.goal:8} {row.figures}")
