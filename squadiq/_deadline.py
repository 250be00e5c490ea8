"""A deadline that holds over a whole blocking request, not over each read and write of it.

httpx gives its timeouts to every single read, so an answer that drips may take for ever. Within
`deadline()`, each read and write of the same thread gets no more than what is left.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import httpcore

_thread = threading.local()


@contextmanager
def deadline(within_seconds: float) -> Generator[None]:
    """Let every read and write of this thread, within the block, end in time."""
    _thread.ends = time.monotonic() + within_seconds
    yield


def _left() -> float:
    """Seconds until the deadline of this thread; never so few that a socket would not block at all."""
    ends: float = _thread.ends
    return max(0.0001, ends - time.monotonic())


class DeadlineBackend(httpcore.NetworkBackend):
    """Connections whose reads and writes keep the deadline."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within what is left."""
        return _Stream(self._backend.connect_tcp(host, port, _left(), local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
