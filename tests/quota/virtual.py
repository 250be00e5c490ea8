"""Time that passes when a test says so, and callers that live in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from squadiq.quota import MemoryStore, Reservation


@dataclass
class Clock:
    """A clock that a test moves on."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Run:
    """What a server saw: when each hit arrived, and how many hits its caller leaves free; and how long each waited."""

    arrivals: list[float] = field(default_factory=list[float])
    kept_free: list[int] = field(default_factory=list[int])
    waits: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    def of(self, keep_free: int) -> Run:
        """What it saw of those that leave at least so many hits free."""
        both = zip(self.arrivals, self.kept_free, strict=True)
        return Run([arrival for arrival, kept in both if kept >= keep_free])

    def most_within(self, window_seconds: float) -> int:
        """The most hits that a sliding log of this length ever held."""
        arrivals, first, most = sorted(self.arrivals), 0, 0
        for last, arrival in enumerate(arrivals):
            while arrivals[first] <= arrival - window_seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def run_callers(
    store: MemoryStore,
    clock: Clock,
    callers: int,
    seconds: float,
    latency: Callable[[float], float],
    seed: int = 1,
    keep_free: int = 0,
    single_calls: Sequence[float] = (),
) -> Run:
    """Let callers send one hit after another, each arriving somewhere between its sending and its response.

    Beside them come single calls, at moments from now, which leave no hit free.
    """
    random, run, end = Random(seed), Run(), clock.now + seconds
    events: list[tuple[float, int, str, Reservation | None]] = [
        (clock.now, caller, "reserve", None) for caller in range(callers)
    ]
    events += [(clock.now + after, callers + number, "reserve", None) for number, after in enumerate(single_calls)]
    heapq.heapify(events)
    asked: dict[int, float] = {}
    while events:
        clock.now, caller, what, reservation = heapq.heappop(events)
        if clock.now > end:
            break
        if what == "response":
            assert reservation is not None
            store.completed(reservation)
            if caller >= callers:
                continue
            what = "reserve"
        if what == "reserve":
            asked[caller] = clock.now
            reservation = store.reserve(30.0, keep_free=keep_free if caller < callers else 0)
            wait = reservation.wait_seconds
        else:
            assert reservation is not None
            wait = store.confirm(reservation, 30.0)
        if wait > 0:
            heapq.heappush(events, (clock.now + wait, caller, "confirm", reservation))
            continue
        took = latency(clock.now)
        run.arrivals.append(clock.now + took * random.random())
        run.kept_free.append(reservation.keep_free)
        run.waits.append((reservation.keep_free, clock.now - asked[caller]))
        heapq.heappush(events, (clock.now + took, caller, "response", reservation))
    return run
