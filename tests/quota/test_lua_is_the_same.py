"""The arithmetic in Redis is that of `slots.py`, to the last bit, on any history."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from uuid import uuid4

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from squadiq.quota import MemoryStore, QuotaStore, QuotaWaitError, RedisStore, Reservation
from tests.quota.virtual import Clock

Step = tuple[str, int, float, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["reserve", "reserve", "confirm", "completed", "give_back", "throttled", "wait", "wait", "reset"]
        ),
        st.integers(0, 30),
        st.floats(-1.0, 12.0).map(lambda number: round(number, 3)) | st.sampled_from([1e9, 1e308]),
        st.sampled_from([0, 0, 0, 1, 2, 6, 100]),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 7), steps=STEPS)
@example(limit=1, steps=[("completed", 0, 0.0, 0), ("wait", 0, -1.0, 0), ("wait", 0, 2.0, 0), ("reserve", 1, 0.0, 0)])
def test_the_arithmetic_in_redis_equals_that_in_python(redis_url: str, limit: int, steps: list[Step]) -> None:
    clock = Clock(1_700_000_000.123456)
    here = MemoryStore(limit, 5.0, now=clock, holders=count(1).__next__)
    there = RedisStore(redis_url, uuid4().hex, limit, 5.0, server_now=clock, holders=count(1).__next__)
    try:
        asked: list[Reservation] = []
        for step in [("reserve", 0, 1.0, 0), *steps]:
            results = [take(step, store, clock, asked) for store in (here, there)]
            assert results[0] == results[1], step
            if isinstance(results[0], Reservation):
                asked.append(results[0])
            if step[0] == "wait":
                clock.now += min(step[2], 12.0)
            assert here.snapshot() == there.snapshot(), step
    finally:
        there.close()


def take(step: Step, store: QuotaStore, clock: Callable[[], float], asked: list[Reservation]) -> object:
    what, which, seconds, keep_free = step
    if what == "wait":
        return None
    if what == "reset":
        store.reset()
        return None
    if what == "reserve":
        try:
            return store.reserve(abs(seconds), None if which % 2 else float(which), keep_free=keep_free)
        except QuotaWaitError as refused:
            return refused.wait_seconds
    reservation = asked[which % len(asked)] if asked else Reservation(99, 0.0, 0.0)
    if what == "confirm":
        return store.confirm(reservation, abs(seconds))
    if what == "throttled":
        store.throttled(reservation, seconds if seconds < 1e9 else float("inf"))
    elif what == "completed":
        store.completed(reservation)
    else:
        store.give_back(reservation)
    return None
