"""How many results a worker claims beyond those that it handles, and how many share a transaction. Pure."""

from __future__ import annotations

import math

AHEAD_SECONDS = 0.25
"""What is claimed ahead is begun within about this time, or other workers might have begun it earlier."""

MOST_AHEAD = 128
"""As many results at most are claimed ahead: when the worker is lost, each of them is handled alone."""

TOGETHER_SECONDS = 0.025
"""No handler is called in a shared transaction later than this: its locks are held meanwhile, and in SQLite
deliveries wait for it."""

MOST_TOGETHER = 64
"""As many results at most share a transaction: when it comes to nothing, each is handled once more."""

_WEIGHT = 1 / 8
"""Of the latest call in the average."""


class Pace:
    """Goes by how long calls of handlers take: with slow ones, nothing is claimed ahead and nothing shared.

    Args:
        concurrency: calls that run at the same time.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._average = math.inf

    @property
    def ahead(self) -> int:
        """How many results to have ready; none until a call has ended."""
        return min(MOST_AHEAD, int(AHEAD_SECONDS * self._concurrency / max(self._average, 1e-6)))

    @property
    def together(self) -> int:
        """How many results may share a transaction; one until a call has ended."""
        return max(1, min(MOST_TOGETHER, int(TOGETHER_SECONDS / max(self._average, 1e-6))))

    def took(self, seconds: float) -> None:
        """Learn how long a call took."""
        known = seconds if math.isinf(self._average) else self._average
        self._average = known + (seconds - known) * _WEIGHT

    def stall(self) -> None:
        """Know nothing any more: no call has ended for long."""
        self._average = math.inf
