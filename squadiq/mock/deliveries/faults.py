"""When and how each delivery is sent: pure functions of a seed, so that the worst can be had again.

Seconds are those of the leads, which pass at `speed`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from squadiq.mock.settings import Trouble

BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
BURST_SECONDS = 10.0
"""With bursts everything is held back to the next multiple of this."""
CUT_AT_MOST = 6
"""Attempts of one delivery that may be cut: each arrives in the end."""

Cut = Literal["in the body", "before the response"]


@dataclass(frozen=True, slots=True)
class DeliveryFault:
    """Hold how one attempt is sent."""

    slow: bool = False
    cut: Cut | None = None

    @property
    def words(self) -> list[str]:
        """What is wrong with the attempt on purpose; empty if nothing is."""
        return ["slow"] * self.slow + [f"cut {self.cut}"] * (self.cut is not None)


def send_times(trouble: frozenset[Trouble], seed: int, result: str, processed_at: float) -> list[float]:
    """Return when the copies of a result are first sent, at least one.

    Args:
        trouble: kinds of trouble that are wanted.
        seed: of the mock.
        result: names the result: campaign, lead and time.
        processed_at: when the lead was processed, in seconds since the epoch.
    """
    chance = random.Random(f"{seed} {result}")
    copies = 1 + (chance.choice((1, 1, 2, 3)) if "duplicates" in trouble and chance.random() < 0.3 else 0)
    times: list[float] = []
    for copy in range(copies):
        moment = processed_at + (chance.uniform(0, 5) if copy else 0)
        if "reorder" in trouble:
            moment += chance.uniform(0, 5)
        if "delays" in trouble and chance.random() < 0.1:
            moment += chance.uniform(10, 60)
        if "bursts" in trouble:
            moment += -moment % BURST_SECONDS
        times.append(moment)
    return times


def fault_of(trouble: frozenset[Trouble], seed: int, delivery: int, attempt: int) -> DeliveryFault:
    """Return how an attempt, counted from 1, of a delivery is sent."""
    chance = random.Random(f"{seed} {delivery} {attempt}")
    slow, cut = chance.random() < 0.1, chance.random() < 0.25
    place: Cut = "in the body" if chance.random() < 0.5 else "before the response"
    return DeliveryFault(
        slow="slow" in trouble and slow,
        cut=place if "cuts" in trouble and cut and attempt <= CUT_AT_MOST else None,
    )


def delivery_backoff_seconds(seed: int, delivery: int, attempt: int) -> float:
    """Return how long to wait after an attempt, counted from 1, that was not answered with 201."""
    longest: float = min(LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 30))
    return longest * random.Random(f"{seed} {delivery} {attempt} backoff").uniform(0.75, 1)
