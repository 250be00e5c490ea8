"""Every rule of the quota, in virtual time, on each kind of store where the rule is the store's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from squadiq.errors import ConfigurationError
from squadiq.quota import MemoryStore, PostgresStore, QuotaStore, QuotaWaitError, RedisStore, Reservation, SQLiteStore
from squadiq.quota.slots import LONGEST_LEASE_SECONDS, LONGEST_PAUSE_WINDOWS
from squadiq.quota.store import CLOCK_RATE_MARGIN
from tests.quota.virtual import Clock, run_callers

WINDOW = 60.0
HELD = WINDOW * (1 + CLOCK_RATE_MARGIN)
Opener = Callable[..., QuotaStore]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file", "redis", "postgresql"])
def open_one(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Opener:
    """Open a store of each kind; every call opens the same quota."""

    def memory(limit: int = 2) -> QuotaStore:
        return MemoryStore(limit, WINDOW, now=clock)

    def file(limit: int = 2) -> QuotaStore:
        store = SQLiteStore(tmp_path / "quota.db", limit, WINDOW, monotonic=clock, wall=clock)
        request.addfinalizer(store.close)
        return store

    def server(limit: int = 2) -> QuotaStore:
        url: str = request.getfixturevalue("redis_url")
        store = RedisStore(url, str(tmp_path), limit, WINDOW, server_now=clock)
        request.addfinalizer(store.close)
        return store

    def database(limit: int = 2) -> QuotaStore:
        url: str = request.getfixturevalue("postgres_database")
        store = PostgresStore(url, "one", limit, WINDOW, server_now=clock)
        request.addfinalizer(store.close)
        return store

    return {"memory": memory, "file": file, "redis": server, "postgresql": database}[request.param]


def test_a_slot_is_free_one_window_after_its_response(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    first = store.reserve(5.0)
    assert first.wait_seconds == 0.0
    clock.now += 2
    store.completed(first)
    assert store.snapshot().next_free_in_seconds == pytest.approx(HELD)
    clock.now += HELD - 0.1
    assert store.snapshot().free_now == 0
    clock.now += 0.2
    assert store.reserve(5.0).wait_seconds == 0.0


def test_an_unanswered_hit_counts_until_its_lease_and_a_window_have_passed(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    store.reserve(5.0)
    clock.now += 5 + HELD - 0.1
    assert store.snapshot().free_now == 0
    clock.now += 0.2
    assert store.reserve(5.0).wait_seconds == 0.0


def test_a_hit_that_never_left_is_free_at_once(open_one: Opener) -> None:
    store = open_one(limit=1)
    store.give_back(store.reserve(5.0))
    assert store.reserve(5.0).wait_seconds == 0.0


def test_who_waits_longest_goes_next_even_if_it_looks_late(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    store.reserve(5.0)
    oldest = store.reserve(5.0)
    clock.now += 1
    older = store.reserve(5.0)
    clock.now += 2 * HELD  # by now both are taken for dead, and the slot is free
    store.completed(store.reserve(5.0))
    newest = store.reserve(5.0)
    queue = [newest, older, oldest]
    for _ in range(4):
        assert all(store.confirm(one, 5.0) > 0 for one in queue)
        clock.now += HELD / 4 + 0.001
    assert [store.confirm(one, 5.0) == 0.0 for one in queue] == [False, False, True]


def test_nobody_sleeps_longer_than_a_quarter_of_a_window_without_looking(open_one: Opener) -> None:
    store = open_one(limit=1)
    store.reserve(5.0)
    assert store.reserve(5.0).wait_seconds == HELD / 4


def test_one_who_waits_moves_up_when_another_gives_back(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    sent = store.reserve(5.0)
    ahead = store.reserve(5.0)
    clock.now += 1
    behind = store.reserve(5.0)
    store.give_back(ahead)
    assert store.snapshot().waiting == 1
    store.give_back(sent)
    assert store.confirm(behind, 5.0) == 0.0


def test_a_dead_waiter_holds_up_those_behind_it_for_half_a_window_at_most(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    sent = store.reserve(5.0)
    store.reserve(5.0)  # never heard of again
    clock.now += 1
    behind = store.reserve(5.0)
    store.give_back(sent)
    clock.now += HELD / 4
    assert store.confirm(behind, 5.0) > 0
    clock.now += HELD / 4 + 0.1
    assert store.confirm(behind, 5.0) == 0.0


def test_a_wait_that_is_too_long_is_refused_at_once_and_keeps_nothing(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    store.completed(store.reserve(5.0))
    with pytest.raises(QuotaWaitError) as refused:
        store.reserve(5.0, max_wait_seconds=10.0)
    assert refused.value.wait_seconds == pytest.approx(HELD)
    assert store.snapshot().waiting == 0
    assert store.reserve(5.0, max_wait_seconds=HELD + 1).wait_seconds > 0


def test_a_place_rounds_down_the_queue_waits_that_many_windows(open_one: Opener) -> None:
    store = open_one(limit=2)
    for _ in range(2):
        store.completed(store.reserve(5.0))
    for _ in range(5):
        store.reserve(5.0)
    snapshot = store.snapshot()
    assert snapshot.waiting == 5
    assert snapshot.next_free_in_seconds == pytest.approx(3 * HELD)


def test_more_waiting_than_free_counts_from_now(open_one: Opener) -> None:
    store = open_one(limit=2)
    first = store.reserve(5.0)
    store.completed(store.reserve(5.0))
    for _ in range(2):
        store.reserve(5.0)
    store.give_back(first)
    assert store.snapshot().free_now == 0
    assert store.snapshot().next_free_in_seconds == pytest.approx(HELD)


def test_confirming_again_begins_the_lease_anew_and_takes_no_second_slot(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    sent = store.reserve(5.0)
    clock.now += 4
    assert store.confirm(sent, 5.0) == 0.0
    assert store.snapshot().in_flight == 1
    clock.now += 5 + HELD - 1
    assert store.snapshot().free_now == 0


def test_a_response_after_its_lease_has_long_ended_counts_all_the_same(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    sent = store.reserve(5.0)
    clock.now += 5 + HELD + 1
    store.completed(sent)
    assert store.snapshot().free_now == 0


def test_one_that_leaves_hits_free_starts_only_while_more_than_those_are(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=4)
    sent = [store.reserve(5.0, keep_free=2) for _ in range(3)]
    assert [one.wait_seconds == 0.0 for one in sent] == [True, True, False]
    assert store.snapshot().free_now == 2
    assert [store.reserve(5.0).wait_seconds == 0.0 for _ in range(3)] == [True, True, False]
    for _ in range(2):  # of what comes back, the others get theirs first
        store.give_back(sent.pop(0))
    assert store.confirm(sent[0], 5.0) > 0


def test_who_leaves_hits_free_goes_after_all_who_leave_fewer_whoever_waited_longer(open_one: Opener) -> None:
    store = open_one(limit=3)
    sent = [store.reserve(5.0) for _ in range(3)]
    two, one, none = (store.reserve(5.0, keep_free=kept) for kept in (2, 1, 0))
    queue = [two, one, none]
    went: list[int] = []
    for _ in range(8):
        for each in [each for each in queue if store.confirm(each, 5.0) == 0.0]:
            queue.remove(each)
            went.append(each.keep_free)
            sent.append(each)
        store.give_back(sent.pop(0)) if sent else None
    assert went == [0, 1, 2]


def test_among_those_that_leave_as_many_free_who_waits_longest_goes_next(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=2)
    sent = store.reserve(5.0)
    older = store.reserve(5.0, keep_free=1)
    clock.now += 1
    newer = store.reserve(5.0, keep_free=1)
    store.give_back(sent)
    assert store.confirm(newer, 5.0) > 0
    assert store.confirm(older, 5.0) == 0.0


def test_those_that_wait_for_more_hold_back_nobody_and_count_for_nobody_else(open_one: Opener) -> None:
    store = open_one(limit=4)
    for _ in range(2):
        store.completed(store.reserve(5.0))
    for _ in range(50):
        assert store.reserve(5.0, keep_free=2).wait_seconds > 0
    snapshot = store.snapshot()
    assert (snapshot.free_now, snapshot.waiting, snapshot.next_free_in_seconds) == (2, 50, 0.0)
    assert [store.reserve(5.0, max_wait_seconds=0.0).wait_seconds for _ in range(2)] == [0.0, 0.0]


@pytest.mark.parametrize(("kept", "windows"), [(0, 1), (1, 2), (2, 2), (3, 4), (4, 4), (99, 4)])
def test_the_wait_of_one_that_leaves_hits_free_is_told_as_it_will_be(
    open_one: Opener, clock: Clock, kept: int, windows: int
) -> None:
    """Behind three others that leave as many; and who leaves more than there are waits for all of them."""
    store = open_one(limit=4)
    for _ in range(4):
        store.completed(store.reserve(5.0))
    for _ in range(3):
        store.reserve(5.0, keep_free=kept)
        clock.now += 0.001
    with pytest.raises(QuotaWaitError) as refused:
        store.reserve(5.0, 0.0, keep_free=kept)
    assert refused.value.wait_seconds == pytest.approx(windows * HELD - 0.003)


def test_a_429_pauses_everyone(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=2)
    sent = store.reserve(5.0)
    store.completed(sent)
    store.throttled(sent, 7.0)
    snapshot = store.snapshot()
    assert (snapshot.free_now, snapshot.paused_for_seconds, snapshot.next_free_in_seconds) == (0, 7.0, 7.0)
    assert snapshot.refused_hits == 1
    waiting = store.reserve(5.0)
    assert waiting.wait_seconds == 7.0
    clock.now += 7
    assert store.confirm(waiting, 5.0) == 0.0


@pytest.mark.parametrize("asked", [1e9, 253402300800.0, float("inf"), float("nan"), 1e308])
def test_no_429_pauses_everyone_for_longer_than_a_few_windows(open_one: Opener, clock: Clock, asked: float) -> None:
    store = open_one(limit=2)
    sent = store.reserve(5.0)
    store.completed(sent)
    store.throttled(sent, asked)
    assert store.snapshot().paused_for_seconds == pytest.approx(LONGEST_PAUSE_WINDOWS * HELD)
    clock.now += LONGEST_PAUSE_WINDOWS * HELD + 0.001
    assert store.reserve(5.0).wait_seconds == 0.0


def test_a_429_that_asks_for_less_does_not_end_a_pause(open_one: Opener) -> None:
    store = open_one(limit=2)
    for asked in (20.0, -1e9):
        store.throttled(store.reserve(5.0), asked)
    assert store.snapshot().paused_for_seconds == 20.0


@pytest.mark.parametrize("lease", [1e9, float("inf"), float("nan")])
def test_a_hit_without_a_timeout_that_is_lost_keeps_no_slot_for_ever(
    open_one: Opener, clock: Clock, lease: float
) -> None:
    store = open_one(limit=1)
    store.reserve(lease)
    clock.now += LONGEST_LEASE_SECONDS + HELD - 0.1
    assert store.snapshot().free_now == 0
    clock.now += 0.2
    assert store.snapshot().free_now == 1


def test_a_reset_counts_every_hit_as_used_just_now_and_forgets_the_rest(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=100)
    throttle(store)
    clock.now += HELD + 0.001
    throttle(store)
    sent = store.reserve(5.0)
    store.throttled(sent, 1e9)
    waiting = store.reserve(5.0)
    clock.now += 1
    store.reset()
    snapshot = store.snapshot()
    assert (snapshot.limit, snapshot.free_now, snapshot.in_flight, snapshot.waiting) == (100, 0, 0, 0)
    assert (snapshot.paused_for_seconds, snapshot.refused_hits) == (0.0, 3)  # what was refused stays so
    assert snapshot.next_free_in_seconds == pytest.approx(HELD)
    newcomer = store.reserve(5.0)
    assert store.confirm(waiting, 5.0) > 0
    clock.now += HELD / 4 + 0.001
    store.completed(sent)  # it was sent before, and counts
    clock.now += HELD * 3 / 4
    assert store.confirm(waiting, 5.0) == 0.0
    assert store.confirm(newcomer, 5.0) == 0.0
    assert store.snapshot().free_now == 97


def test_after_a_pause_all_hits_are_ours_again_however_often_it_comes(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=2)
    for _ in range(20):
        throttle(store)
        clock.now += HELD + 0.001
    assert store.snapshot().free_now == 2


def test_a_clock_that_steps_back_frees_nothing_early(open_one: Opener, clock: Clock) -> None:
    store = open_one(limit=1)
    store.completed(store.reserve(5.0))
    clock.now -= 3600
    assert store.snapshot().free_now == 0


@pytest.mark.parametrize("step", [-3600.0, -86400.0, -1000.0, -1e9])
def test_a_clock_that_steps_back_costs_no_more_than_a_moment(open_one: Opener, clock: Clock, step: float) -> None:
    """Also to 1970, and while a pause holds."""
    store = open_one(limit=1)
    sent = store.reserve(5.0)
    store.completed(sent)
    store.throttled(sent, 1e9)
    clock.now += 1
    store.snapshot()
    clock.now += step
    assert store.snapshot().free_now == 0
    clock.now += LONGEST_PAUSE_WINDOWS * HELD
    assert store.snapshot().free_now == 1


def test_the_snapshot_takes_no_hit(open_one: Opener) -> None:
    store = open_one(limit=1)
    for _ in range(3):
        assert store.snapshot().free_now == 1
    assert store.snapshot().limit == 1
    assert store.snapshot().window_seconds == WINDOW


@pytest.mark.parametrize(("limit", "window"), [(0, 60.0), (-1, 60.0), (1, 0.0), (1, float("inf")), (1, float("nan"))])
def test_a_limit_or_a_window_that_makes_no_sense_is_refused(limit: int, window: float) -> None:
    with pytest.raises(ConfigurationError, match="quota"):
        MemoryStore(limit, window)


def test_threads_never_take_more_of_one_in_memory_than_there_is() -> None:
    store, got = MemoryStore(300, WINDOW), list[float]()
    threads = [Thread(target=lambda: got.extend(store.reserve(5.0).wait_seconds for _ in range(100))) for _ in range(8)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    assert (got.count(0.0), len(got)) == (300, 800)


@pytest.mark.parametrize("callers", [1, 8, 50, 150])
@pytest.mark.parametrize("longest", [0.03, 0.3])
def test_callers_use_what_there_is_and_never_more(callers: int, longest: float) -> None:
    clock, random = Clock(), Random(callers)
    store = MemoryStore(100, WINDOW, now=clock)
    run = run_callers(store, clock, callers, 10 * WINDOW, lambda _: random.uniform(0, longest))
    assert run.most_within(WINDOW) <= 100
    # A caller alone is done with its 100 hits within the window, and waits for the first of them.
    assert len(run.arrivals) >= 0.99 * 10 * 100


@pytest.mark.parametrize("seed", range(5))
def test_latency_that_falls_between_windows_makes_no_overrun(seed: int) -> None:
    clock, random = Clock(), Random(seed)
    store = MemoryStore(100, 6.0, now=clock)

    def latency(now: float) -> float:
        return random.uniform(0, 0.3) if int(now / 6.0) % 2 else 0.0

    run = run_callers(store, clock, 50, 60.0, latency, seed)
    assert run.most_within(6.0) <= 100
    assert len(run.arrivals) >= 0.9 * 1000


@pytest.mark.parametrize("kept", [1, 10, 50])
@pytest.mark.parametrize("seed", range(3))
def test_beside_a_push_at_full_speed_single_calls_wait_for_nothing_and_all_of_the_rest_is_used(
    kept: int, seed: int
) -> None:
    """As many single calls as are left free, in every other window; they are as many hits less for the push."""
    clock, random = Clock(), Random(seed)
    store = MemoryStore(100, WINDOW, now=clock)
    singles = [window * WINDOW + random.uniform(0, 0.5 * WINDOW) for window in range(1, 10, 2) for _ in range(kept)]
    run = run_callers(store, clock, 16, 10 * WINDOW, lambda _: random.uniform(0, 0.3), seed, kept, singles)
    assert run.most_within(WINDOW) <= 100
    assert run.of(kept).most_within(WINDOW) <= 100 - kept
    assert [wait for kept_free, wait in run.waits if kept_free == 0] == [0.0] * len(singles)
    assert len(run.arrivals) >= 0.99 * 10 * (100 - kept)


def test_single_calls_beyond_what_is_left_free_take_from_the_push_and_are_before_it() -> None:
    clock = Clock()
    store = MemoryStore(100, WINDOW, now=clock)
    singles = [5 * WINDOW + number * WINDOW / 80 for number in range(240)]
    run = run_callers(store, clock, 16, 10 * WINDOW, lambda _: 0.0, 1, 10, singles)
    assert run.most_within(WINDOW) <= 100
    waits = [wait for kept, wait in run.waits if kept == 0]
    assert (len(waits), max(waits) < HELD) == (240, True), "what the push has comes back within a window"


def throttle(store: QuotaStore) -> None:
    store.throttled(Reservation(1, 0.0, 0.0), 0.0)
