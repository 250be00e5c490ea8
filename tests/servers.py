"""A real HTTP server on loopback that does to each request what a test says."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """Answer with a status, headers and a body."""

    status: int = 200
    body: Any = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def head_and_body(self) -> tuple[bytes, bytes]:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode(), body


@dataclass(frozen=True)
class Reset:
    """Close the connection with a reset, without a response."""


@dataclass(frozen=True)
class Stall:
    """Say nothing until the caller hangs up or the server is closed; `after` bytes of a response."""

    after: bytes = b""


@dataclass(frozen=True)
class Drip:
    """Send a good response, one byte at a time, with this many seconds in between, for as long as it is read."""

    every_seconds: float


@dataclass(frozen=True)
class Half:
    """Send the head and half of the body, then hang up."""

    reply: Reply


@dataclass(frozen=True)
class Endless:
    """Send something, and then the same again and again, until the caller hangs up or the server is closed."""

    start: bytes
    again: bytes
    every_seconds: float = 0.0


Action = Reply | Reset | Stall | Drip | Half | Endless
Handler = Callable[[Seen], Action]


class ActingServer(socketserver.ThreadingTCPServer):
    """A server on a free loopback port; `handler` says what becomes of each request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def act(self, seen: Seen) -> Action:
        with self._lock:
            self.seen.append(seen)
            return self.handler(seen)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Hanging up is what half of the tests do."""


class _Connection(socketserver.StreamRequestHandler):
    @property
    def acting(self) -> ActingServer:
        assert isinstance(self.server, ActingServer)
        return self.server

    def handle(self) -> None:
        while (seen := self._read()) is not None:
            action = self.acting.act(seen)
            if isinstance(action, Reply):
                self.wfile.write(b"".join(action.head_and_body()))
            else:
                self._misbehave(action)
                return

    def _read(self) -> Seen | None:
        line = self.rfile.readline().split()
        if not line:
            return None
        headers: dict[str, str] = {}
        while header := self.rfile.readline().strip():
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Seen(line[0].decode(), line[1].decode(), headers, body)

    def _misbehave(self, action: Reset | Stall | Drip | Half | Endless) -> None:
        if isinstance(action, Reset):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif isinstance(action, Half):
            head, body = action.reply.head_and_body()
            self.wfile.write(head + body[: len(body) // 2])
        elif isinstance(action, Endless):
            self.wfile.write(action.start)
            while not self.acting.closing.wait(action.every_seconds):
                self.wfile.write(action.again)
        elif isinstance(action, Drip):
            self.wfile.write(b"HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            while not self.acting.closing.wait(action.every_seconds):
                self.wfile.write(b" ")
                self.wfile.flush()
        else:
            self.wfile.write(action.after)
            self.wfile.flush()
            self.connection.settimeout(0.05)
            while not self.acting.closing.is_set():
                try:
                    if not self.connection.recv(1024):
                        return
                except TimeoutError:
                    continue


@contextmanager
def acting_server(handler: Handler | Action) -> Generator[ActingServer]:
    """Run a server that does what the handler says, or always the same."""
    server = ActingServer(handler if callable(handler) else lambda _: handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def scripted(*actions: Action, then: Action | None = None) -> Handler:
    """Do one thing after another, and then the last one, or `then`, for ever."""
    script = list(actions)
    last = then if then is not None else script[-1]
    return lambda _: script.pop(0) if script else last
