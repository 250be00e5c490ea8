"""Have Celery's workers send what is in an outbox, and handle what is in an inbox.

A broker knows nothing of a transaction, so a task may come twice; what is lost with a broker, or between a commit and
its task, is found again every minute. `docs/scaling.md` says what is promised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from squadiq._extras import needs_extra

with needs_extra("celery"):
    import celery  # type: ignore[import-untyped]

from squadiq.client import SquadIQ
from squadiq.inbox import Inbox
from squadiq.outbox import Outbox
from squadiq.webhooks import DeliveredLead

log = logging.getLogger("squadiq.integrations")

EACH_MINUTE_SECONDS = 60.0


class OutboxTasks:
    """Asks for what is in an outbox to be sent; made by `send_with`."""

    def __init__(self, task: Any) -> None:
        self._task = task

    def delay(self) -> None:
        """Have the outbox looked at; call it after your commit.

        Raises:
            kombu.exceptions.OperationalError: the broker is away. What is stored is sent within a minute all the same.
        """
        self._task.delay()


def send_with(app: celery.Celery, outbox: Outbox, client: Callable[[], SquadIQ]) -> OutboxTasks:
    """Let the workers of an app send what is in an outbox: for each `delay`, and every minute what is left.

    The minute is kept by Celery's beat: run `celery beat`, or a worker with `--beat`.

    Args:
        app: the application.
        outbox: what is sent.
        client: makes the client that sends; called in each task.
    """

    def send_outbox() -> None:
        with client() as opened:
            sent = outbox.run(opened, once=True)
        log.info("carried out %d entries", sent)

    known: Any = app  # without types
    task: Any = known.task(name="squadiq.send_outbox", acks_late=True, ignore_result=True)(send_outbox)
    schedule: dict[str, Any] = {**(known.conf.beat_schedule or {})}
    schedule[task.name] = {"task": task.name, "schedule": EACH_MINUTE_SECONDS}
    known.conf.beat_schedule = schedule
    return OutboxTasks(task)


def handle_with(app: celery.Celery, inbox: Inbox, handler: Callable[[DeliveredLead], object]) -> None:
    """Let the workers of an app handle the results of an inbox.

    `squadiq inbox run` hands them over. A result stays in the inbox until the broker has its task. A task names
    the lead and the time, and nothing more of a person. One that fails is tried again by Celery, eight times,
    later and later.

    Args:
        app: the application.
        inbox: its results are handed over.
        handler: a function, not async, that is called with each processed lead, at least once.
    """

    def handle(campaign_id: str, lead_id: str, processed_at: str) -> None:
        moment = datetime.fromisoformat(processed_at)
        for result in inbox.results(campaign_id, lead_id):
            if result.processed_at == moment:
                handler(result.lead)

    name = f"squadiq.handle.{handler.__module__}.{handler.__qualname__}"
    retries: dict[str, Any] = {"autoretry_for": (Exception,), "retry_backoff": True, "max_retries": 8}
    known: Any = app  # without types
    task: Any = known.task(name=name, acks_late=True, reject_on_worker_lost=True, ignore_result=True, **retries)(handle)

    def hand_over(lead: DeliveredLead) -> None:
        task.delay(lead.campaign_id, lead.lead_id, lead.processed_at.isoformat())

    hand_over.__qualname__ = f"hand_over_to.{name}"
    inbox.on_processed(hand_over)
