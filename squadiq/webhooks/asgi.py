"""The webhook as an ASGI application, to be run alone or mounted in FastAPI, Starlette and the like."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from squadiq.webhooks.callers import Callers, WebhookRequest
from squadiq.webhooks.endpoint import STORE_WITHIN_SECONDS, AsyncReceiver, Endpoint, EndpointResponse, checked_receiver
from squadiq.webhooks.parsing import MAX_BODY_BYTES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiWebhook:
    """Takes deliveries at whatever path it is reached by, and acknowledges what the receiver has stored.

    Args:
        receiver: where processed leads go, such as an `Inbox`.
        callers: who may deliver; without it anyone may.
        max_body_bytes: deliveries with more are refused.

    Raises:
        ConfigurationError: one of them is not what it should be.
    """

    def __init__(
        self, receiver: AsyncReceiver, callers: Callers | None = None, *, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._receiver = checked_receiver(receiver, "receive_async")
        self._endpoint = Endpoint(callers, max_body_bytes=max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one lifespan (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            response = await self._respond(_request(scope), receive)
            if response is not None:
                await _send(response, send)

    async def _respond(self, request: WebhookRequest, receive: Receive) -> EndpointResponse | None:
        refusal = self._endpoint.refusal(request)
        if refusal is not None:
            return refusal
        body = await _body(receive, self._endpoint.max_body_bytes)
        if body is None:
            return None
        lead = self._endpoint.read(request, body)
        if isinstance(lead, EndpointResponse):
            return lead
        try:
            async with asyncio.timeout(STORE_WITHIN_SECONDS):
                await self._receiver.receive_async(lead)
        except Exception as error:  # whatever went wrong, the delivery is not stored
            return self._endpoint.not_stored(error)
        return self._endpoint.stored(lead)


def _request(scope: Scope) -> WebhookRequest:
    client = scope.get("client")
    return WebhookRequest(scope["method"], scope["path"], _headers(scope["headers"]), client[0] if client else None)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "x-forwarded-for":
            value = re.sub(r",\s*", ", ", value)  # one header, however its proxies write it
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body, or its beginning if it has more than `most` bytes; None if the caller hung up."""
    body = bytearray()
    while len(body) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _send(response: EndpointResponse, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        phase = (await receive())["type"]
        await send({"type": f"{phase}.complete"})
        if phase == "lifespan.shutdown":
            return
