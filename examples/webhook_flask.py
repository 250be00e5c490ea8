"""Receive processed leads in a Flask application; they are handled beside it.

    WEBHOOK_SECRET=… gunicorn webhook_flask:app
    WEBHOOK_SECRET=… squadiq inbox run webhook_flask:inbox

SquadIQ's operations team gets https://your.host/hooks/squadiq and the header X-Webhook-Secret.
"""

from __future__ import annotations

import os

from flask import Flask

from squadiq.inbox import Inbox
from squadiq.integrations.flask import webhook_blueprint
from squadiq.webhooks import Callers, DeliveredLead, HeaderSecret

inbox = Inbox(os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"))
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])])


@inbox.on_processed
def take_outcome(lead: DeliveredLead) -> None:
    print(f"processed: {lead.lead_id}", flush=True)


app = Flask(__name__)
app.register_blueprint(webhook_blueprint(inbox, callers))
