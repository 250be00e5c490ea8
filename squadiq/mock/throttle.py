"""The rate limit as a sliding log of arrival times."""

from __future__ import annotations

import math
from collections import deque


class Throttle:
    """Count the hits of each business over the last window; a refused hit is not counted."""

    def __init__(self, hits: int, window_seconds: float) -> None:
        self._hits = hits
        self._window_seconds = window_seconds
        self._logs: dict[str, deque[float]] = {}

    def hits_counted(self, business: str, now: float) -> tuple[int, int]:
        """Return how many hits of the last window are counted, and how many may be; 0 for no limit."""
        log = self._logs.get(business, ())
        return sum(arrival > now - self._window_seconds for arrival in log), self._hits

    def retry_after_seconds(self, business: str, now: float) -> int:
        """Count a hit and return 0, or return the whole seconds after which one will be counted again."""
        if self._hits == 0:
            return 0
        log = self._logs.setdefault(business, deque())
        while log and log[0] <= now - self._window_seconds:
            log.popleft()
        if len(log) < self._hits:
            log.append(now)
            return 0
        return max(1, math.ceil(log[0] + self._window_seconds - now))
