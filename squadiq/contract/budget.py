"""Hits of the quota that a run holds: some are needed together, so that what one begins another surely ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from squadiq.errors import QuotaError
from squadiq.quota import QuotaStore, Reservation

TIMEOUT_SECONDS = 30.0
LEASE_SECONDS = TIMEOUT_SECONDS + 1.0
PATIENCE_SECONDS = 600.0
"""How long a run waits for hits while others spend them."""

Slot = tuple[tuple[QuotaStore, Reservation], ...]


class RunStoppedError(Exception):
    """A run ends before its end: the budget is spent, or the service asks for it."""


@dataclass
class HitBudget:
    """Take hits of which each must be given by every store: the share of this run, and what is shared by all.

    Args:
        stores: quotas.
        sleep: waits.
        now: tells the time that `sleep` lets pass, in seconds.
    """

    stores: Sequence[QuotaStore]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    spare: list[Slot] = field(default_factory=list[Slot])
    _ends: float = math.inf

    def hurry(self, seconds: float) -> None:
        """Let everything that is still to come end in this time."""
        self._ends = self.now() + seconds

    @property
    def in_a_hurry(self) -> bool:
        """Whether everything has to end in time."""
        return self._ends < math.inf

    @property
    def left_seconds(self) -> float:
        """How long a request may take."""
        return min(TIMEOUT_SECONDS, self._ends - self.now())

    def at_most(self) -> int:
        """Return how many hits there can be at once.

        Raises:
            StoppedError: a store cannot say so.
        """
        with _stopping():
            return min(store.snapshot().limit for store in self.stores)

    def take(self, number: int) -> list[Slot]:
        """Return as many hits, which may all be sent at once from now on.

        Raises:
            StoppedError: they cannot be had in time; then none is kept.
        """
        taken: list[tuple[QuotaStore, Reservation]] = []
        try:
            with _stopping():
                for _ in range(number):
                    for store in self.stores:
                        taken.append((store, store.reserve(LEASE_SECONDS)))  # noqa: PERF401 - a later one may fail
                self._wait(taken, max(reservation.wait_seconds for _, reservation in taken))
        except BaseException:
            _give_back(taken)
            raise
        width = len(self.stores)
        return [tuple(taken[place : place + width]) for place in range(0, len(taken), width)]

    def take_spare(self) -> Slot:
        """Return a hit that was taken before, its lease begun anew; a new one if there is none.

        Raises:
            StoppedError: it cannot be had in time.
        """
        if not self.spare:
            return self.take(1)[0]
        slot = self.spare.pop()
        with _stopping():
            self._wait(slot, _again(slot))
        return slot

    def give_back(self) -> None:
        """Let go of what was taken and not used."""
        while self.spare:
            _give_back(self.spare.pop())

    def _wait(self, taken: Sequence[tuple[QuotaStore, Reservation]], wait: float) -> None:
        until = min(self._ends, self.now() + PATIENCE_SECONDS)
        while wait > 0:
            if self.now() + wait > until:
                raise RunStoppedError("no hits of the quota were free in time")
            self.sleep(wait)
            wait = _again(taken)


@contextmanager
def _stopping() -> Generator[None]:
    try:
        yield
    except QuotaError as error:
        raise RunStoppedError(str(error)) from None


def _again(taken: Sequence[tuple[QuotaStore, Reservation]]) -> float:
    """Ask for all again: the lease of those that are held begins anew, so that none runs out meanwhile."""
    return max([store.confirm(reservation, LEASE_SECONDS) for store, reservation in taken])


def _give_back(taken: Sequence[tuple[QuotaStore, Reservation]]) -> None:
    for store, reservation in taken:
        store.give_back(reservation)
