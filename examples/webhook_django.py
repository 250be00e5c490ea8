"""Receive processed leads in a Django project; they are handled beside it.

    WEBHOOK_SECRET=… gunicorn webhook_django:application
    WEBHOOK_SECRET=… squadiq inbox run webhook_django:inbox

SquadIQ's operations team gets https://your.host/hooks/squadiq and the header X-Webhook-Secret.
The project is in one file here; in yours, `squadiq_webhook` is a view like any other.
"""

from __future__ import annotations

import os

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from squadiq.inbox import Inbox
from squadiq.webhooks import Callers, DeliveredLead, HeaderSecret, WsgiWebhook

inbox = Inbox(os.environ.get("SQUADIQ_INBOX", "squadiq-inbox.sqlite3"))
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])])
webhook = WsgiWebhook(inbox, callers)


@inbox.on_processed
def take_outcome(lead: DeliveredLead) -> None:
    print(f"processed: {lead.lead_id}", flush=True)


@csrf_exempt
def squadiq_webhook(request: WSGIRequest) -> HttpResponse:
    response = webhook.respond(request.environ)
    return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


urlpatterns = [path("hooks/squadiq", squadiq_webhook)]

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(32).hex())
application = get_wsgi_application()
