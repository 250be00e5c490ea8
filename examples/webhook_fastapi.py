"""Receive processed leads in a FastAPI application, and handle them in the same process.

    WEBHOOK_SECRET=… uvicorn webhook_fastapi:app

SquadIQ's operations team gets https://your.host/hooks/squadiq and the header X-Webhook-Secret.
"""

from __future__ import annotations

import os

from fastapi import FastAPI

from squadiq.inbox import Inbox
from squadiq.integrations.fastapi import webhook_router
from squadiq.webhooks import Callers, DeliveredLead, HeaderSecret

inbox = Inbox(os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"))
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])])


@inbox.on_processed
async def take_outcome(lead: DeliveredLead) -> None:
    print(f"processed: {lead.lead_id}", flush=True)


app = FastAPI(lifespan=inbox.lifespan)
app.include_router(webhook_router(inbox, callers))
