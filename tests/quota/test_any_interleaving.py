"""Whatever happens in whatever order, a server never sees more than the limit in any window.

And of calls that leave so many hits free, never more than the limit less those.

All times are whole seconds and windows short, so that things happen at the same moment, and doubles
add exactly, so that the law is checked to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from squadiq.quota import slots
from squadiq.quota.encoding import decode, encode
from squadiq.quota.slots import QuotaRules, QuotaState

pytestmark = pytest.mark.unmeasured

WINDOW = 6.0


def seconds(most: int, least: int = 0) -> st.SearchStrategy[float]:
    return st.integers(least, most).map(float)


@dataclass
class Request:
    """A request that was sent: it may arrive until its lease ends, or not at all."""

    sent: float
    lease: float
    keep_free: int
    arrived: bool = False


class Callers(RuleBasedStateMachine):
    """Callers, a network and a server that do as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.booted = -100.0
        self.wall_is_off_by = 0.0
        self.monotonic_is_off_by = 0.0
        self.arrivals: list[tuple[float, int]] = []
        self.holders = 0
        self.under_way: dict[int, Request] = {}
        self.lost: list[Request] = []
        self.waiting: dict[int, tuple[float, float, int]] = {}

    @initialize(limit=st.integers(1, 4))
    def begin(self, limit: int) -> None:
        self.quota = QuotaRules(limit, WINDOW)
        self.before: list[bytes] = []
        self.keep(slots.fresh(self.quota, self.time - self.booted, self.time))

    def state(self) -> QuotaState:
        monotonic = self.time - self.booted + self.monotonic_is_off_by
        wall = self.time + self.wall_is_off_by
        return slots.resume(decode(self.kept), self.quota, monotonic, wall)

    def keep(self, state: QuotaState) -> None:
        self.kept = encode(state)
        self.before.append(self.kept)
        assert decode(self.kept) == state

    def may_arrive(self, request: Request) -> bool:
        return not request.arrived and self.time <= request.sent + request.lease

    def arrive(self, request: Request) -> None:
        request.arrived = True
        self.arrivals.append((self.time, request.keep_free))
        log = [kept for arrival, kept in self.arrivals if arrival > self.time - WINDOW]
        assert len(log) <= self.quota.limit, "the server counts one too many"
        for keep_free in range(1, self.quota.limit):
            of_those = sum(kept >= keep_free for kept in log)
            assert of_those <= self.quota.limit - keep_free, "it is one of those that were to be left free"

    @rule(passes=seconds(8, 1))
    def time_passes(self, passes: float) -> None:
        self.time += passes

    @rule(bit_less=st.sampled_from([0.0, 0.0, 1.0]))
    def time_passes_until_a_slot_is_free(self, bit_less: float) -> None:
        state = self.state()
        self.time += max(0.0, slots.expected_start(state, self.quota) - state.clock - bit_less)

    @rule(
        lease=seconds(3, 1),
        most=st.none() | seconds(9),
        arrives_at_once=st.booleans(),
        keep_free=st.sampled_from([0, 0, 1, 2, 3]),
    )
    def reserve(self, lease: float, most: float | None, arrives_at_once: bool, keep_free: int) -> None:
        self.holders += 1
        keep_free = min(keep_free, self.quota.limit - 1)
        before = self.state()
        state, claim = slots.claim(before, self.quota, self.holders, None, lease, most, keep_free)
        self.keep(state)
        assert claim.refused == (most is not None and claim.expected_seconds > most)
        if not keep_free:
            nobody_else = before._replace(waiting=tuple(waiter for waiter in before.waiting if not waiter[0]))
            assert claim == slots.claim(nobody_else, self.quota, self.holders, None, lease, most)[1], "it is held back"
        if not claim.refused:
            self.go_or_wait(self.holders, claim.since, lease, claim.wait_seconds, keep_free)
        if arrives_at_once and self.holders in self.under_way:
            self.arrive(self.under_way[self.holders])

    @precondition(lambda self: self.waiting)
    @rule(backwards=st.booleans())
    def all_who_wait_look_again(self, backwards: bool) -> None:
        for holder in sorted(self.waiting, reverse=backwards):
            since, lease, keep_free = self.waiting.pop(holder)
            state, claim = slots.claim(self.state(), self.quota, holder, since, lease, None, keep_free)
            self.keep(state)
            self.go_or_wait(holder, since, lease, claim.wait_seconds, keep_free)

    def go_or_wait(self, holder: int, since: float, lease: float, wait: float, keep_free: int) -> None:
        if wait == 0.0:
            self.under_way[holder] = Request(self.time, lease, keep_free)
        else:
            self.waiting[holder] = (since, lease, keep_free)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def one_gives_up_waiting(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[holder]
        self.keep(slots.give_back(self.state(), holder))

    @rule()
    def all_requests_arrive(self) -> None:
        for request in [*self.lost, *self.under_way.values()]:
            if self.may_arrive(request):
                self.arrive(request)

    @precondition(lambda self: self.under_way)
    @rule(late=seconds(4))
    def all_responses_come(self, late: float) -> None:
        self.all_requests_arrive()
        self.time += late
        for holder in [holder for holder, request in self.under_way.items() if request.arrived]:
            del self.under_way[holder]
            self.keep(slots.complete(self.state(), self.quota, holder))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), throttled=st.none() | seconds(9))
    def an_response_comes(self, data: st.DataObject, throttled: float | None) -> None:
        holder = data.draw(st.sampled_from(sorted(self.under_way)))
        request = self.under_way[holder]
        if self.may_arrive(request):
            self.arrive(request)
        if request.arrived:
            del self.under_way[holder]
            state = slots.complete(self.state(), self.quota, holder)
            self.keep(state if throttled is None else slots.throttle(state, self.quota, throttled))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def a_connection_is_refused(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.under_way)))
        if not self.under_way[holder].arrived:
            del self.under_way[holder]
            self.keep(slots.give_back(self.state(), holder))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), arrives_as_late_as_it_can=st.booleans())
    def a_caller_dies(self, data: st.DataObject, arrives_as_late_as_it_can: bool) -> None:
        request = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.lost.append(request)
        if arrives_as_late_as_it_can and self.may_arrive(request):
            self.time = request.sent + request.lease
            self.arrive(request)

    @invariant()
    def the_state_stays_small(self) -> None:
        if hasattr(self, "kept"):
            state = decode(self.kept)
            assert len(state.flying) <= self.quota.limit
            assert list(state.busy) == sorted(state.busy)
            assert list(state.flying) == sorted(state.flying)
            assert list(state.waiting) == sorted(state.waiting)

    def teardown(self) -> None:
        """In the end no slot is lost: with everyone gone and time passed, all of them can be had."""
        if hasattr(self, "kept"):
            self.state_settles()
            for holder in range(self.quota.limit):
                state, claim = slots.claim(self.state(), self.quota, -1 - holder, None, 1.0)
                self.keep(state)
                assert claim.wait_seconds == 0.0
            _, claim = slots.claim(self.state(), self.quota, -100, None, 1.0)
            assert claim.wait_seconds > 0.0

    def state_settles(self) -> None:
        self.keep(self.state())  # a jump costs what passed since the last look
        self.time += 100 * WINDOW
        self.keep(self.state())

    @rule(seconds_ago=seconds(8))
    def the_server_that_keeps_the_state_is_started_anew(self, seconds_ago: float) -> None:
        """And the programs that it serves go on."""
        self.keep(slots.after_restart(self.state(), self.quota, seconds_ago))


class Anything(Callers):
    """The same, and clocks and machines that do as they like."""

    @rule(jump=st.sampled_from([-100.0, -7.0, -1.0, 7.0, 100.0]))
    def the_wall_clock_jumps(self, jump: float) -> None:
        self.keep(self.state())  # two jumps between two looks cannot be told apart from time
        self.wall_is_off_by += jump

    @rule(jump=st.sampled_from([-100.0, -7.0, 7.0, 100.0]))
    def the_file_is_moved_to_another_machine(self, jump: float) -> None:
        if self.time - self.booted + self.monotonic_is_off_by + jump >= 0.0:
            self.keep(self.state())
            self.monotonic_is_off_by += jump

    @rule(down=seconds(9, 2), up=seconds(9), power_fails=st.booleans(), forgotten=st.integers(1, 5))
    def the_machine_is_started_anew(self, down: float, up: float, power_fails: bool, forgotten: int) -> None:
        self.keep(self.state())
        self.lost += self.under_way.values()
        self.under_way.clear()
        self.waiting.clear()
        self.booted = self.time + down
        self.time = self.booted + up
        # What was not written is made up for if the wall clock is right, which then tells of the start.
        self.monotonic_is_off_by = 0.0
        if power_fails and self.wall_is_off_by == 0.0:
            self.kept = self.before[-forgotten:][0]
            self.keep(self.state())


TestCallers = Callers.TestCase
TestCallers.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
