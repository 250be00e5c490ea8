"""Receiving what SquadIQ sends: the webhook `leadProcessed`, at an endpoint of yours."""

from __future__ import annotations

from squadiq.webhooks.asgi import AsgiWebhook
from squadiq.webhooks.callers import BasicCredentials, Callers, HeaderSecret, Secret, UrlSecret, WebhookRequest
from squadiq.webhooks.endpoint import AsyncReceiver, EndpointResponse, Receiver
from squadiq.webhooks.parsing import MAX_BODY_BYTES, DeliveredLead, DeliveryError, parse
from squadiq.webhooks.wsgi import WsgiWebhook

__all__ = [
    "MAX_BODY_BYTES",
    "AsgiWebhook",
    "AsyncReceiver",
    "BasicCredentials",
    "Callers",
    "DeliveredLead",
    "DeliveryError",
    "EndpointResponse",
    "HeaderSecret",
    "Receiver",
    "Secret",
    "UrlSecret",
    "WebhookRequest",
    "WsgiWebhook",
    "parse",
]
