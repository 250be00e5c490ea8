"""The mock as an ASGI application: reads a request, hands it to the core, writes the response."""

from __future__ import annotations

import re
import time

from squadiq._extras import needs_extra
from squadiq.mock.callers import host_name, refusal_of_caller
from squadiq.mock.connection import misbehaving
from squadiq.mock.control_api import HELPERS
from squadiq.mock.core import Mock
from squadiq.mock.deliveries.waiting import until_delivered
from squadiq.mock.messages import BODY_LIMIT, MockRequest, json_response
from squadiq.mock.page.application import MockPage

with needs_extra("mock"):
    from starlette.routing import Router
    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def application(mock: Mock, page: MockPage | None = None) -> ASGIApp:
    """Return the ASGI application of a mock.

    Args:
        mock: what answers.
        page: what shows it in a browser, a new one without it.
    """
    page = page or MockPage(mock)
    allowed = frozenset(map(host_name, mock.settings.allow_hosts))

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        request = await _request(scope, receive)
        is_helper = request.path.startswith(HELPERS)
        is_page = (is_helper or request.path == "/") and page.answers(request)
        if is_helper or is_page:
            why = refusal_of_caller(scope["headers"], allowed)
            if why:
                response = json_response(403, {"detail": why})
            elif is_page:
                await page.respond(request, receive, send)
                return
            else:
                await until_delivered(mock.deliveries, request)
                response = mock.respond(request)
        else:
            began = time.perf_counter()
            fault = mock.next_fault(request)
            if fault is not None:
                response = mock.respond_wrongly(fault, request)
                send = misbehaving(fault, scope, receive, send)
            else:
                response = mock.respond(request)
            seconds = time.perf_counter() - began
            page.calls.note(mock.clock.now(), seconds, request, response, fault.kind if fault else None)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        if response.status != 204:  # RFC 9110, 8.6: that has no content, nor a length of it
            headers += [
                (b"content-type", response.media_type.encode()),
                (b"content-length", b"%d" % len(response.body)),
            ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    # No route of its own: Starlette's do not match a path with a line feed in it, and the core has the document's.
    router = Router(default=respond, redirect_slashes=False)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (respond if scope["type"] == "http" else router)(scope, receive, send)

    return answer


async def _request(scope: Scope, receive: Receive) -> MockRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "{}:{}".format(*scope["server"])
    return MockRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=await _body(receive),
        base_url=f"{scope['scheme']}://{host}",
    )


async def _body(receive: Receive) -> bytes:
    # A body that is too large is read to its end and let go: a caller who still writes reads no response.
    message = await receive()
    body, more = message.get("body", b"")[: BODY_LIMIT + 1], message.get("more_body", False)
    if more:
        body = bytearray(body)
    while more:
        message = await receive()
        body += message.get("body", b"")[: BODY_LIMIT + 1 - len(body)]
        more = message.get("more_body", False)
    return bytes(body)
