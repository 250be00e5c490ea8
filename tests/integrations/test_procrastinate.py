"""Outbox and inbox on procrastinate: a job and what it is for are one commit, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import procrastinate
import pytest
from sqlalchemy import Engine, create_engine, text

from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.integrations.procrastinate import handle_with, send_with
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.connections import driver_connection
from squadiq.queue.database import database_url
from squadiq.webhooks import DeliveredLead, parse
from tests.outbox.conftest import CAMPAIGN, lead
from tests.outbox.test_connections import by_core, by_django, by_driver, by_session
from tests.outbox.test_crashes import storm
from tests.webhooks.payloads import PERSONAL, delivery


@pytest.fixture
def app(database: str) -> procrastinate.App:
    made = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))

    async def prepare() -> None:
        async with made.open_async():
            await made.schema_manager.apply_schema_async()

    asyncio.run(prepare())
    return made


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = create_engine(database_url(database, OUTBOX))
    yield made
    made.dispose()


def is_due(moment: datetime | None) -> bool:
    return moment is None or moment <= datetime.now(UTC)


def work(app: procrastinate.App) -> None:
    """Run all jobs that are due; those that wait for each other, too."""

    async def run() -> None:
        async with app.open_async():
            while [job for job in await app.job_manager.list_jobs_async(status="todo") if is_due(job.scheduled_at)]:
                await app.run_worker_async(wait=False, concurrency=4, install_signal_handlers=False)

    asyncio.run(run())


def jobs(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT task_name, args::text FROM procrastinate_jobs ORDER BY id"))
        return [(row[0], row[1]) for row in found]


def client_for(mock: RunningMock) -> Callable[[], SquadIQ]:
    return lambda: SquadIQ("test_token", base_url=mock.url, quota="memory")


@pytest.mark.parametrize("way", [by_core, by_session, by_driver, by_django])
def test_what_is_stored_and_its_job_are_one_commit(
    way: Any, app: procrastinate.App, database: str, engine: Engine, mock: RunningMock
) -> None:
    with Outbox(database) as outbox:
        outbox.open()
        sending = send_with(app, outbox, client_for(mock))
        with way(database) as (connection, _):
            outbox.create_leads(CAMPAIGN, [lead(1)], connection=connection)
            sending.defer(connection)
        assert (jobs(engine), outbox.counts()["waiting"]) == ([], 0), "rolled back, and a job all the same"
        with way(database) as (connection, commit):
            outbox.create_leads(CAMPAIGN, [lead(2)], connection=connection)
            sending.defer(connection)
            commit()
        assert jobs(engine) == [("squadiq.send_outbox", "{}")]
        work(app)
        assert outbox.counts()["done"] == 1
    assert mock.lead(CAMPAIGN, "L1") is None
    assert mock.lead(CAMPAIGN, "L2") is not None


def test_results_are_handled_by_jobs_that_name_nobody(app: procrastinate.App, database: str, engine: Engine) -> None:
    seen: list[tuple[str, str]] = []

    def take(lead: DeliveredLead) -> None:
        seen.append((str(lead.lead_id), lead.processed_at.isoformat()))

    with Inbox(database) as inbox:
        handle_with(app, inbox, take)
        times = ["2026-11-25T10:00:00Z", "2026-11-25T09:00:00Z", "2026-11-25T11:00:00Z"]
        for moment in times:
            inbox.receive(parse(delivery(lead_id="L1", processed_at=moment), {}))
        assert inbox.run(once=True) == 3
        assert inbox.counts()["handled"] == 3
        assert not [secret for secret in PERSONAL if secret in str(jobs(engine))]
        work(app)
        # A result that was erased meanwhile is nothing to do.
        inbox.receive(parse(delivery(lead_id="L2"), {}))
        inbox.run(once=True)
        inbox.erase("campaign-1", "L2")
        work(app)
    assert seen == [("L1", f"2026-11-25T{hour}:00:00+00:00") for hour in ("09", "10", "11")]


def test_a_handler_that_fails_is_tried_again_by_procrastinate(
    app: procrastinate.App, database: str, engine: Engine
) -> None:
    def take(lead: DeliveredLead) -> None:
        raise ValueError

    with Inbox(database) as inbox:
        handle_with(app, inbox, take)
        inbox.receive(parse(delivery(lead_id="L1"), {}))
        inbox.run(once=True)
        work(app)
    with engine.connect() as connection:
        query = text("SELECT status::text, attempts, scheduled_at > now() FROM procrastinate_jobs")
        assert [tuple(row) for row in connection.execute(query)] == [("todo", 1, True)]


def test_a_job_whose_worker_was_lost_is_tried_again(app: procrastinate.App, database: str, engine: Engine) -> None:
    seen: list[str] = []

    def take(lead: DeliveredLead) -> None:
        seen.append(str(lead.lead_id))

    with Inbox(database) as inbox:
        handle_with(app, inbox, take)
        inbox.receive(parse(delivery(lead_id="L1"), {}))
        inbox.run(once=True)
        with engine.begin() as connection:  # as a worker leaves it that is killed, an hour later
            connection.execute(
                text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
            )
            connection.execute(
                text(
                    "UPDATE procrastinate_jobs SET status = 'doing', "
                    "worker_id = (SELECT max(id) FROM procrastinate_workers)"
                )
            )
        tasks: dict[str, Any] = cast(Any, app).tasks
        [stalled] = [task for name, task in tasks.items() if name.endswith("try_stalled_again")]

        async def try_again() -> None:
            async with app.open_async():
                await stalled.func(timestamp=0)

        asyncio.run(try_again())
        work(app)
    assert seen == ["L1"]


def test_the_drivers_connection_is_that_of_the_transaction(database: str) -> None:
    for way in (by_core, by_session, by_driver, by_django):
        with way(database) as (connection, _):
            assert type(driver_connection(connection)).__module__.startswith("psycopg")


JOBS = """
import procrastinate
from squadiq import SquadIQ
from squadiq.integrations import procrastinate as integration

integration.EACH_MINUTE = "* * * * * *"  # each second: a test has no minutes
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE))
sending = integration.send_with(app, outbox, SquadIQ)

def stored(connection):
    sending.defer(connection)
"""


@pytest.mark.unmeasured
@pytest.mark.usefixtures("app")
def test_every_committed_sign_up_is_sent_once_whoever_is_killed(database: str, tmp_path: Path) -> None:
    worker = ("procrastinate", "--app=program.app", "--verbose", "worker", "--fetch-job-polling-interval=0.5")
    print(storm(database, tmp_path, people=120, kills=3, every_seconds=1.0, more=JOBS, worker=worker, ready="Starting"))
