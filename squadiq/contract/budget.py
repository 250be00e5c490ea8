"""Hits of the quota that a run holds: some are needed together, so that what one begins another surely ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from squadiq.errors import QuotaError, QuotaWaitError
from squadiq.quota import QuotaStore
from squadiq.quota.client import HeldSlot, QuotaClient, SlotSteps, run_blocking

TIMEOUT_SECONDS = 30.0
LEASE_SECONDS = TIMEOUT_SECONDS + 1.0
PATIENCE_SECONDS = 600.0
"""How long a run waits for hits while others spend them."""
PAUSE_SECONDS = 60.0
"""How long everybody who shares the quota waits after a 429."""

Slot = Sequence[HeldSlot]
"""What one request needs: a slot of every store."""
_T = TypeVar("_T")


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
    _quota: QuotaClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._quota = QuotaClient(self.now, lambda: max(0.0, self.left_seconds), lambda: LEASE_SECONDS)

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
            RunStoppedError: a store cannot say so.
        """
        with _stopping():
            return min(store.snapshot().limit for store in self.stores)

    def take(self, number: int) -> list[Slot]:
        """Return as many hits, which may all be sent at once from now on.

        Raises:
            RunStoppedError: they cannot be had in time; then none is kept.
        """
        taken = self._take([*self.stores] * number)
        width = len(self.stores)
        return [taken[place : place + width] for place in range(0, len(taken), width)]

    def take_spare(self) -> Slot:
        """Return a hit that was taken before, its lease begun anew; a new one if there is none.

        Raises:
            RunStoppedError: it cannot be had in time.
        """
        return self._take((), self.spare.pop()) if self.spare else self._take(self.stores)

    def complete(self, slot: Slot, *, throttled: bool) -> None:
        """Say that a response has arrived, and whether it was a 429."""
        self._do(self._quota.complete(slot, pause_seconds=PAUSE_SECONDS if throttled else None))

    def let_go(self, slot: Slot) -> None:
        """Say that a request was never sent."""
        self._do(self._quota.give_back(slot))

    def give_back(self) -> None:
        """Let go of what was taken and not used."""
        while self.spare:
            self.let_go(self.spare.pop())

    def _take(self, stores: Sequence[QuotaStore], held: Slot = ()) -> Slot:
        longest = max(0.0, min(PATIENCE_SECONDS, self._ends - self.now()))
        return self._do(self._quota.take(stores, longest, held))

    def _do(self, steps: SlotSteps[_T]) -> _T:
        with _stopping():
            return run_blocking(steps, self.sleep)


@contextmanager
def _stopping() -> Generator[None]:
    try:
        yield
    except QuotaWaitError:
        raise RunStoppedError("no hits of the quota were free in time") from None
    except QuotaError as error:
        raise RunStoppedError(str(error)) from None
