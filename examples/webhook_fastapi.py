"""Receive processed leads in a FastAPI application, and handle them in the same process.

    WEBHOOK_SECRET=… uvicorn webhook_fastapi:app

SquadIQ's operations team gets https://your.host/hooks/squadiq and the header X-Webhook-Secret.
A Starlette application does the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from squadiq.inbox import Inbox
from squadiq.webhooks import AsgiWebhook, Callers, DeliveredLead, HeaderSecret

inbox = Inbox(os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"))
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])])


@inbox.on_processed
async def take_outcome(lead: DeliveredLead) -> None:
    print(f"processed: {lead.lead_id}", flush=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    handling = asyncio.create_task(inbox.run_async())
    yield
    inbox.stop()
    await handling
    inbox.close()


app = FastAPI(lifespan=lifespan)
app.router.add_route("/hooks/squadiq", AsgiWebhook(inbox, callers))
