"""The mock's clock: it can run fast and be moved forward."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_SECONDS = 1_000_000_000
"""Seconds, some 31 years, that a clock may be moved at once: the year keeps its four digits."""


class Clock:
    """Tell two times: that of the leads, which runs at `speed`, and that of the caller's hits.

    Both move together when the clock is moved forward. Hits keep the caller's pace because a
    `Retry-After` is waited for in the caller's seconds.
    """

    def __init__(self, start: float, *, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._speed = speed
        self._monotonic = monotonic
        self._began = self._since = monotonic()
        self._moved = self._arrivals_moved = 0.0

    def now(self) -> float:
        """Return the time of the leads, in seconds since the epoch."""
        return self._start + (self._monotonic() - self._since) * self._speed + self._moved

    def arrival(self) -> float:
        """Return the time of a hit, in seconds since the clock was made."""
        return self._monotonic() - self._began + self._arrivals_moved

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        self._moved += seconds
        self._arrivals_moved += seconds

    def set(self, now: float) -> None:
        """Let it be a time for the leads, be it earlier or later; hits keep theirs."""
        self._start, self._since, self._moved = now, self._monotonic(), 0.0
