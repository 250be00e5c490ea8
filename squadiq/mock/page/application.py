"""The page over ASGI: its documents, its style and script, its buttons, and its stream of events."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from importlib import resources
from urllib.parse import parse_qsl

from squadiq._extras import needs_extra
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest
from squadiq.mock.page.accept import prefers_page
from squadiq.mock.page.calls import CallLog
from squadiq.mock.page.events import EventStreams
from squadiq.mock.page.layout import clock_face, whole_page
from squadiq.mock.page.pieces import ROOT, Asked, View
from squadiq.mock.page.routes import act, asked_of, view_of

with needs_extra("mock"):
    from starlette.types import Receive, Send

EVENTS = "/_mock/events"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ASSETS = {"style.css": "text/css", "script.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HTML = "text/html; charset=utf-8"
_ALWAYS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not no-referrer: a form would then be sent with the Origin "null", as from another site.
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
)


class MockPage:
    """Show a mock in a browser.

    Args:
        mock: what is shown.

    Who may see it is asked before, as for every helper endpoint.
    """

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self.calls = CallLog()
        self.streams = EventStreams(mock, self.calls)

    def answers(self, request: MockRequest) -> bool:
        """Return whether a request is for the page."""
        if request.path == "/":
            return request.method in ("GET", "HEAD") and prefers_page(request.headers.get("accept", ""))
        return request.path == EVENTS or request.path.startswith(f"{ROOT}/")

    async def respond(self, request: MockRequest, receive: Receive, send: Send) -> None:
        """Answer a request for the page."""
        if request.path == EVENTS:
            await self._stream(request, receive, send)
        elif request.method == "POST":
            done = act(self._mock, request)
            if isinstance(done, View):
                await self._document(done, Asked("/"), send)
            else:
                await _send(send, 303, b"", "text/plain", (b"location", done.encode()))
        elif request.method not in ("GET", "HEAD"):
            await _send(send, 405, b"", "text/plain", (b"allow", b"GET, HEAD, POST"))
        elif (name := request.path.removeprefix(f"{ROOT}/")) in _ASSETS:
            asset = resources.files("squadiq.mock.page").joinpath("assets", name).read_bytes()
            await _send(send, 200, asset, f"{_ASSETS[name]}; charset=utf-8")
        else:
            asked = asked_of(f"{request.path}?{request.query}")
            await self._document(view_of(self._mock, self.calls, asked), asked, send)

    async def _document(self, view: View, asked: Asked, send: Send) -> None:
        clock = clock_face(self._mock.clock.now(), self._mock.settings.speed)
        text = whole_page(view, asked, clock)
        await _send(send, view.status, text.encode("utf-8", "replace"), _HTML)

    async def _stream(self, request: MockRequest, receive: Receive, send: Send) -> None:
        asked = asked_of(dict(parse_qsl(request.query)).get("page", "/"))
        if request.method != "GET":
            await _send(send, 405, b"", "text/plain", (b"allow", b"GET"))
        elif view_of(self._mock, self.calls, asked).status != 200:
            await _send(send, 404, b"", "text/plain")
        elif self.streams.is_full:
            await _send(send, 503, b"", "text/plain")
        else:
            await self._events(asked, receive, send)

    async def _events(self, asked: Asked, receive: Receive, send: Send) -> None:
        over = asyncio.Event()
        gone = asyncio.ensure_future(receive())  # the request was read to its end: what follows is that its caller left
        gone.add_done_callback(lambda _: over.set())
        try:
            await _start(send, 200, "text/event-stream")
            async with aclosing(self.streams.changes(asked, over)) as changes:
                async for event in changes:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: int, media_type: str, *headers: tuple[bytes, bytes]) -> None:
    all_headers = [(b"content-type", media_type.encode()), *headers, *_ALWAYS]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})


async def _send(send: Send, status: int, body: bytes, media_type: str, *headers: tuple[bytes, bytes]) -> None:
    await _start(send, status, media_type, (b"content-length", b"%d" % len(body)), *headers)
    await send({"type": "http.response.body", "body": body})
