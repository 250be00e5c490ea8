"""Have procrastinate's workers send what is in an outbox, and handle what is in an inbox.

A job is deferred in the transaction that it belongs to: the one that stores in the outbox, or the one that
notes a result as handed over. `docs/scaling.md` says what is promised.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from squadiq._extras import needs_extra

with needs_extra("procrastinate"):
    from procrastinate import App, RetryStrategy, SyncPsycopgConnector
    from procrastinate.manager import JobManager
    from procrastinate.tasks import configure_task

from sqlalchemy import Connection

from squadiq.client import SquadIQ
from squadiq.inbox import Inbox
from squadiq.outbox import Outbox
from squadiq.queue.connections import driver_connection
from squadiq.webhooks import DeliveredLead

if TYPE_CHECKING:
    from procrastinate.jobs import JobDeferrer

log = logging.getLogger("squadiq.integrations")

EACH_MINUTE = "* * * * *"
STALLED_SECONDS = 60.0
"""A worker that was not heard of for this long is lost, and its jobs are tried again."""

_RETRIES = RetryStrategy(max_attempts=8, exponential_wait=3)


class OutboxJobs:
    """Defers jobs that send what is in an outbox; made by `send_with`."""

    def __init__(self, name: str, queue: str) -> None:
        self._name = name
        self._queue = queue

    def defer(self, connection: Any) -> None:
        """Have the outbox looked at once a transaction commits.

        Args:
            connection: the one with which you have stored: of SQLAlchemy, Django or psycopg.
        """
        _deferrer(self._name, connection, queue=self._queue).defer()


def send_with(app: App, outbox: Outbox, client: Callable[[], SquadIQ], *, queue: str = "squadiq") -> OutboxJobs:
    """Let the workers of an app send what is in an outbox: for each `defer`, and every minute what is left.

    Args:
        app: with procrastinate's tables in the same PostgreSQL as the outbox.
        outbox: what is sent.
        client: makes the client that sends; called in each job.
        queue: of the jobs.
    """
    name = "squadiq.send_outbox"

    def send_outbox(timestamp: int = 0) -> None:
        with client() as opened:
            sent = outbox.run(opened, once=True)
        log.info("carried out %d entries", sent)

    task: Any = app.task(name=name, queue=queue)(send_outbox)
    app.periodic(cron=EACH_MINUTE)(task)
    return OutboxJobs(name, queue)


def handle_with(app: App, inbox: Inbox, handler: Callable[[DeliveredLead], object], *, queue: str = "squadiq") -> None:
    """Let the workers of an app handle the results of an inbox.

    `squadiq inbox run` hands them over: the job and the note that it did are one commit. A job names the lead
    and the time, and nothing more of a person; of one lead, jobs run one after another. A job that fails is tried
    again by procrastinate, eight times, later and later.

    Args:
        app: with procrastinate's tables in the same PostgreSQL as the inbox.
        inbox: its results are handed over.
        handler: a function, not async, that is called with each processed lead, at least once.
        queue: of the jobs.
    """
    name = f"squadiq.handle.{handler.__module__}.{handler.__qualname__}"

    def handle(campaign_id: str, lead_id: str, processed_at: str) -> None:
        moment = datetime.fromisoformat(processed_at)
        for result in inbox.results(campaign_id, lead_id):
            if result.processed_at == moment:
                handler(result.lead)

    async def try_stalled_again(timestamp: int) -> None:
        for job in await app.job_manager.get_stalled_jobs(task_name=name, seconds_since_heartbeat=STALLED_SECONDS):
            await app.job_manager.retry_job(job)

    def hand_over(lead: DeliveredLead, connection: Connection) -> None:
        of_lead = hashlib.blake2b(f"{lead.campaign_id}\0{lead.lead_id}".encode(), digest_size=16).hexdigest()
        deferrer = _deferrer(name, connection, queue=queue, lock=f"{name} {of_lead}")
        deferrer.defer(campaign_id=lead.campaign_id, lead_id=lead.lead_id, processed_at=lead.processed_at.isoformat())

    hand_over.__qualname__ = f"hand_over_to.{name}"
    app.task(name=name, queue=queue, retry=_RETRIES)(handle)
    stalled: Any = app.task(name=f"{name}.try_stalled_again", queue=queue)(try_stalled_again)
    app.periodic(cron=EACH_MINUTE)(stalled)
    inbox.on_processed(in_transaction=True)(hand_over)


def _deferrer(name: str, connection: Any, **options: Any) -> JobDeferrer:
    # Of the connection alone: whether, and how, the app is open makes no difference.
    manager = JobManager(SyncPsycopgConnector())
    return configure_task(name=name, job_manager=manager, connection=driver_connection(connection), **options)
