"""What an endpoint answers to a delivery: decisions without I/O, shared by all kinds of servers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from squadiq.errors import ConfigurationError
from squadiq.webhooks.callers import Callers, WebhookRequest
from squadiq.webhooks.parsing import MAX_BODY_BYTES, DeliveredLead, DeliveryError, content_length, parse, too_large

log = logging.getLogger("squadiq.webhooks")

Headers = tuple[tuple[str, str], ...]

RETRY_AFTER_SECONDS = 10
"""When to deliver again what could not be stored; the time that a database takes to come back."""


STORE_WITHIN_SECONDS = 10.0
"""How long a sender is kept waiting, by ASGI; a receiver that blocks has to see to that itself, as `Inbox` does."""


class Receiver(Protocol):
    """Stores processed leads, such as `squadiq.inbox.Inbox`."""

    def receive(self, lead: DeliveredLead, /) -> object:
        """Store a lead durably before returning; raise if it could not be stored within a few seconds."""
        ...


class AsyncReceiver(Protocol):
    """Stores processed leads without blocking, such as `squadiq.inbox.Inbox`."""

    async def receive_async(self, lead: DeliveredLead, /) -> object:
        """Store a lead durably before returning; raise if it could not be stored."""
        ...


ReceiverT = TypeVar("ReceiverT")


def checked_receiver(receiver: ReceiverT, method: str) -> ReceiverT:
    """Return a receiver.

    Raises:
        ConfigurationError: it has no such method.
    """
    if isinstance(receiver, type) or not callable(getattr(receiver, method, None)):
        raise ConfigurationError(f"receiver: give an Inbox, or another object that has {method}(lead).")
    return receiver


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """What to answer: status, headers and a body of JSON."""

    status: int
    body: bytes = field(repr=False)
    headers: Headers = ()


class Endpoint:
    """Decides what is answered to deliveries.

    Args:
        callers: who may deliver; without it anyone may, which is told as a warning.
        max_body_bytes: deliveries with more are refused.

    Raises:
        ConfigurationError: one of them is not what it should be.

    Source: Lead Processed Webhook, Response Status Code.
    """

    def __init__(self, callers: Callers | None = None, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        if callers is not None and not isinstance(callers, Callers):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("callers: give Callers(secrets=[…]) or the like, or None to let anyone deliver.")
        if type(max_body_bytes) is not int or max_body_bytes < 1:
            raise ConfigurationError("max_body_bytes must be a whole number of at least 1.")
        self._callers = callers or Callers()
        self.max_body_bytes = max_body_bytes
        if self._callers.anyone:
            log.warning(
                "THE WEBHOOK IS OPEN: anyone who finds its address can deliver invented leads. "
                "Agree on a secret or on networks with SquadIQ's operations team and pass them as callers=Callers(...)."
            )

    def refusal(self, request: WebhookRequest) -> EndpointResponse | None:
        """Return the response to a request whose body need not be read; None if it is to be read."""
        if not self._callers.admit(request):
            log.warning("refused a delivery from %s: not an allowed caller", request.client or "a Unix socket")
            return _response(403, {"detail": "You do not have permission to perform this action."})
        if request.method != "POST":
            return _response(405, {"detail": "Only POST is allowed."}, (("allow", "POST"),))
        if (content_length(request.headers) or 0) > self.max_body_bytes:
            return self._refused(too_large(self.max_body_bytes))
        return None

    def read(self, request: WebhookRequest, body: bytes) -> DeliveredLead | EndpointResponse:
        """Return the lead that was delivered, or the response that says what is wrong with it."""
        try:
            return parse(body, request.headers, max_body_bytes=self.max_body_bytes)
        except DeliveryError as error:
            return self._refused(error)

    def stored(self, lead: DeliveredLead) -> EndpointResponse:
        """Return the response to a delivery that is stored."""
        return _response(201, {"lead_id": lead.lead_id})

    def not_stored(self, error: Exception) -> EndpointResponse:
        """Return the response to a delivery that could not be stored, so that it may be sent again."""
        log.error("a delivery could not be stored and was answered with 503: %s", type(error).__name__)
        detail = {"detail": "The delivery could not be stored. Send it again."}
        return _response(503, detail, (("retry-after", str(RETRY_AFTER_SECONDS)),))

    def _refused(self, error: DeliveryError) -> EndpointResponse:
        log.warning("refused a delivery with %d: %s", error.status, error)
        return _response(error.status, error.fields or {"detail": str(error)})


def _response(status: int, body: Mapping[str, Any], headers: Headers = ()) -> EndpointResponse:
    content = json.dumps(body).encode()
    length = (("content-type", "application/json"), ("content-length", str(len(content))))
    return EndpointResponse(status, content, (*length, *headers))
