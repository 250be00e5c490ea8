"""Hand processed leads over to Celery: its workers do the work, with its retries.

    WEBHOOK_SECRET=… uvicorn webhook_celery:app
    WEBHOOK_SECRET=… celery --app webhook_celery:celery worker

What travels through the broker names a lead, and nothing more: the task reads the rest from the
inbox. A result is kept in the inbox until the broker has its task, so none is lost while the
broker is away; a task may come twice, so let it do the same thing twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import Celery
from starlette.applications import Starlette
from starlette.routing import Route

from squadiq.inbox import Inbox
from squadiq.webhooks import AsgiWebhook, Callers, DeliveredLead, HeaderSecret

inbox = Inbox(os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"))
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])])
celery = Celery("leads", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))


@celery.task(acks_late=True, autoretry_for=(Exception,), retry_backoff=True, max_retries=8)
def take_outcome(campaign_id: str, lead_id: str) -> None:
    lead = inbox.latest(campaign_id, lead_id)
    if lead is not None:  # it may have been forgotten meanwhile
        print(f"processed: {lead.lead_id}", flush=True)


@inbox.on_processed
def hand_over(lead: DeliveredLead) -> None:
    take_outcome.delay(lead.campaign_id, lead.lead_id)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    handing_over = asyncio.create_task(inbox.run_async())
    yield
    inbox.stop()
    await handing_over
    inbox.close()


app = Starlette(routes=[Route("/hooks/squadiq", AsgiWebhook(inbox, callers))], lifespan=lifespan)
