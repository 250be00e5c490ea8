"""A load generator: many connections, each sending its next request as soon as it has a response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import uvloop

TOKEN = "test_token"


def request(url: str, path: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def requests_per_second(
    url: str,
    status: int,
    next_request: Callable[[], bytes],
    connections: int,
    seconds: float,
    took: list[float] | None = None,
) -> float:
    """Send for some seconds and count the responses; the seconds that each took are added to `took`.

    Raises:
        RuntimeError: a response has another status.
    """
    return uvloop.run(_load(url, str(status).encode(), next_request, connections, seconds, took))


async def _load(
    url: str,
    status: bytes,
    next_request: Callable[[], bytes],
    connections: int,
    seconds: float,
    took: list[float] | None,
) -> float:
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(url).netloc.partition(":")
    failed: asyncio.Future[None] = loop.create_future()
    opened = [
        await loop.create_connection(lambda: _Connection(status, next_request, failed, took), host, int(port))
        for _ in range(connections)
    ]
    began = time.perf_counter()
    for _, connection in opened:
        connection.send()
    done, _ = await asyncio.wait([failed], timeout=seconds)
    responses = sum(connection.responses for _, connection in opened)
    lasted = time.perf_counter() - began
    for transport, _ in opened:
        transport.abort()
    if done:
        failed.result()
    return responses / lasted


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        status: bytes,
        next_request: Callable[[], bytes],
        failed: asyncio.Future[None],
        took: list[float] | None,
    ) -> None:
        self.responses = 0
        self._took = took
        self._sent = 0.0
        self._status = status
        self._next_request = next_request
        self._failed = failed
        self._missing = -1
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._next_request())

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._received += data
            head, end, body = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            if head[9:12] != self._status and not self._failed.done():
                self._failed.set_exception(RuntimeError(f"answered with {head[9:12].decode()}: {body[:200]!r}"))
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._missing = int(length) - len(body)
            self._received = b""
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = -1
            self.responses += 1
            if self._took is not None:
                self._took.append(time.perf_counter() - self._sent)
            self.send()
