"""The webhook as a WSGI application, to be run alone or mounted in Flask, Django and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from squadiq.webhooks.callers import Callers, WebhookRequest
from squadiq.webhooks.endpoint import Endpoint, EndpointResponse, Receiver, checked_receiver
from squadiq.webhooks.parsing import MAX_BODY_BYTES, content_length

Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Read = Callable[[int], bytes]


class WsgiWebhook:
    """Takes deliveries at whatever path it is reached by, and acknowledges what the receiver has stored.

    Args:
        receiver: where processed leads go, such as an `Inbox`.
        callers: who may deliver; without it anyone may.
        max_body_bytes: deliveries with more are refused.

    Raises:
        ConfigurationError: one of them is not what it should be.
    """

    def __init__(
        self, receiver: Receiver, callers: Callers | None = None, *, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._receiver = checked_receiver(receiver, "receive")
        self._endpoint = Endpoint(callers, max_body_bytes=max_body_bytes)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        response = self.respond(environ)
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", list(response.headers))
        return [response.body]

    def respond(self, environ: Environ) -> EndpointResponse:
        """Return the response to one request, for a view of a framework that keeps the WSGI environment."""
        request = _request(environ)
        refusal = self._endpoint.refusal(request)
        if refusal is not None:
            return refusal
        lead = self._endpoint.read(request, _body(environ, request, self._endpoint.max_body_bytes))
        if isinstance(lead, EndpointResponse):
            return lead
        try:
            self._receiver.receive(lead)
        except Exception as error:  # whatever went wrong, the delivery is not stored
            return self._endpoint.not_stored(error)
        return self._endpoint.stored(lead)


def _request(environ: Environ) -> WebhookRequest:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        headers.pop(header := name.replace("_", "-").lower(), None)  # it was `Content_Type`: the server knows better
        if environ.get(name):
            headers[header] = environ[name]
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return WebhookRequest(environ["REQUEST_METHOD"], path, headers, environ.get("REMOTE_ADDR"))


def _body(environ: Environ, request: WebhookRequest, most: int) -> bytes:
    """The body, or its beginning if it has more than `most` bytes, or what came of it before the caller hung up."""
    length = content_length(request.headers)
    left = min(most + 1, length) if length is not None else most + 1
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""
    read: Read = environ["wsgi.input"].read
    body = bytearray()
    while left:
        try:
            chunk = read(left)
        except Exception:  # each server has its own word for a caller that hung up
            break
        if not chunk:
            break
        body += chunk
        left -= len(chunk)
    return bytes(body)
