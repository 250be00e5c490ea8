"""Real servers for the webhook's applications, on free loopback ports, within the process that tests."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server

KINDS = ("asgi", "wsgi")


@dataclass(frozen=True)
class Answered:
    """A response as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server(uvicorn.Server):
    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(app, access_log=False, log_level="critical", proxy_headers=False, ws="none")
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: hostile requests fill pages."""


@contextmanager
def serving(kind: str, app: Any) -> Generator[int]:
    """Serve an ASGI or a WSGI application; give its port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listening.getsockname()[1]
    if kind == "asgi":
        server = _Server(app)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert server.ready.wait(20)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()
    else:
        with closing(listening):
            flat = make_server(
                "127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler, fd=listening.fileno()
            )
            thread = threading.Thread(target=flat.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield port
            finally:
                flat.shutdown()
                thread.join()
                flat.server_close()


def send(
    port: int,
    body: bytes | Iterable[bytes] = b"",
    *,
    method: str = "POST",
    path: str = "/",
    headers: dict[str, str] | None = None,
) -> Answered:
    """Send one request; an iterable body goes in chunks."""
    told = {"Content-Type": "application/json", **(headers or {})}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, told, encode_chunked=not isinstance(body, bytes))
        response = connection.getresponse()
        return Answered(response.status, response.headers, response.read())


def send_raw(port: int, request: bytes, *, hang_up: bool = False) -> bytes:
    """Send bytes as they are; return what comes back until the server hangs up or is silent for a while."""
    response = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        try:
            connection.sendall(request)
            if hang_up:
                return b""
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                response += chunk
        except (ConnectionError, TimeoutError):
            return response
    return response
