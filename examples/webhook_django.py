"""Receive processed leads in a Django project; they are handled beside it.

    WEBHOOK_SECRET=… gunicorn webhook_django:application
    WEBHOOK_SECRET=… squadiq inbox run webhook_django:inbox

SquadIQ's operations team gets https://your.host/hooks/squadiq and the header X-Webhook-Secret.
The project is in one file here. In yours the handler stands in a module `squadiq_handlers` of one of your apps, and
`manage.py squadiq_inbox` finds it.
"""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

from squadiq.webhooks import DeliveredLead, HeaderSecret

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["squadiq.integrations.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.urandom(32).hex(),
    SQUADIQ={
        "INBOX": os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"),
        "CALLERS": [HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])],
    },
)

from squadiq.integrations.django import inbox, lead_processed_view  # noqa: E402 - the settings above are read here


@inbox.on_processed
def take_outcome(lead: DeliveredLead) -> None:
    print(f"processed: {lead.lead_id}", flush=True)


urlpatterns = [path("hooks/squadiq", lead_processed_view)]
application = get_wsgi_application()
