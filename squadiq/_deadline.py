"""A deadline that holds over a whole blocking request, not over each read and write of it.

httpx gives its timeouts to every single read, so a response that drips, or one `100 Continue` after
the other, may take for ever. Within `deadline()` each read and write of the same thread gets no more
than what is left, and none begins after it. What cannot be given a time, such as the lookup of a
name or a foreign transport, is done by `in_time()`.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

import httpcore

ResultT = TypeVar("ResultT")

_WRITE_BYTES = 1 << 14
"""Written at once: so little that a connection that takes anything takes all of it."""

_thread = threading.local()


class LateError(Exception):
    """What was to be done in time is not done yet."""


@contextmanager
def deadline(within_seconds: float) -> Generator[None]:
    """Let every read and write of this thread, within the block, end in time."""
    before: float | None = getattr(_thread, "ends", None)
    _thread.ends = time.monotonic() + within_seconds
    try:
        yield
    finally:
        _thread.ends = before


def in_time(function: Callable[[], ResultT], within_seconds: float, unwanted: Callable[[ResultT], None]) -> ResultT:
    """Call a function in a thread of its own, with this one's context, and return what it returns.

    Args:
        within_seconds: how long it is waited for; it is then left alone.
        unwanted: given the result of one that was left alone, to clean up.

    Raises:
        LateError: it is not done in time. What it raises itself is raised as it is.
    """
    future: Future[ResultT] = Future()
    context = copy_context()

    def run() -> None:
        try:
            result = context.run(function)
        except BaseException as error:
            _set(future.set_exception, error)
        else:
            if not _set(future.set_result, result):
                unwanted(result)

    try:
        threading.Thread(target=run, daemon=True, name="squadiq").start()
    except RuntimeError:  # none can be had, as when the interpreter ends
        return function()
    try:
        wait([future], within_seconds)
    finally:
        late = future.cancel()
    if late:
        raise LateError
    return future.result()


def _set(setter: Callable[[Any], None], value: Any) -> bool:
    try:
        setter(value)
    except InvalidStateError:  # nobody waits any more
        return False
    return True


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """Seconds that an operation may take: those that it is given, and no more than this thread has left.

    Raises:
        Exception: `late`, if none is left.
    """
    ends: float | None = getattr(_thread, "ends", None)
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(left, timeout)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connections whose making, reads and writes keep the deadline."""

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
        """Look the name up and connect, to whichever of its addresses answers, within what is left."""
        left = _left(timeout, httpcore.ConnectTimeout)

        def connect() -> httpcore.NetworkStream:
            return self._backend.connect_tcp(host, port, left, local_address, socket_options)

        if left is None:
            return _Stream(connect())
        try:
            return _Stream(in_time(connect, left, lambda stream: stream.close()))
        except LateError:
            raise httpcore.ConnectTimeout("the deadline has passed") from None


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left = _left(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self.close()  # as a handshake that fails does
            raise
        # Python gives a timeout to a handshake as a whole.
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
