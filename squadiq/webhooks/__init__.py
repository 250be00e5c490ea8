"""Receiving what SquadIQ sends: the webhook `leadProcessed`, at an endpoint of yours."""

from __future__ import annotations

from squadiq.webhooks.asgi import AsgiWebhook
from squadiq.webhooks.callers import BasicCredentials, Callers, HeaderSecret, Request, Secret, UrlSecret
from squadiq.webhooks.endpoint import Answer, AsyncReceiver, Receiver
from squadiq.webhooks.parsing import MAX_BODY_BYTES, DeliveredLead, DeliveryError, parse
from squadiq.webhooks.wsgi import WsgiWebhook

__all__ = [
    "MAX_BODY_BYTES",
    "Answer",
    "AsgiWebhook",
    "AsyncReceiver",
    "BasicCredentials",
    "Callers",
    "DeliveredLead",
    "DeliveryError",
    "HeaderSecret",
    "Receiver",
    "Request",
    "Secret",
    "UrlSecret",
    "WsgiWebhook",
    "parse",
]
