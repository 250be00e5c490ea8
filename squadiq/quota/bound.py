"""The time that a thread has for what it does on the server of a quota, from a lookup to the last byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

_thread = threading.local()


@contextmanager
def bounded(within_seconds: float) -> Generator[None]:
    """Let everything that this thread does on the server of a quota, within the block, end in time."""
    _thread.ends, _thread.bytes_read = time.monotonic() + within_seconds, 0
    yield


def left() -> float:
    """Return the seconds that are left to this thread.

    Raises:
        TimeoutError: none are.
    """
    seconds: float = _thread.ends - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time is up")
    return seconds


def bytes_read(more: int) -> int:
    """Return how many bytes this thread has read within the block, with so many more."""
    _thread.bytes_read += more
    total: int = _thread.bytes_read
    return total
