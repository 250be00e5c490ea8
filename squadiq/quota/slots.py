"""The arithmetic of the quota: which hit may be sent when. Pure: no I/O, no clock, no chance.

A hit takes a slot when it is sent and frees it one window after its *answer* arrived, so that a server
that counts arrivals, over a sliding or a fixed window, never sees more than the limit of ours in one.
A hit that is never answered counts until its lease ends, its latest possible arrival, and a window more.
Who finds no free slot queues. One who keeps slots free for others takes one only while more than those are
free, and goes after all who keep fewer; among equals who waits longest goes next.
`docs/quota-and-retries.md` has the argument.

Every function takes a state and returns a new one. A state has a time of its own (`clock`), which
`advance` moves on by what surely passed. `slots.lua` is the same arithmetic for Redis; a test holds
the two equal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple, TypeVar

RECHECKS_PER_WINDOW = 4
"""Nobody sleeps longer than this part of a window without looking again: slots are given back, pauses set."""
SHORTEST_WAIT_SECONDS = 0.0001
"""Less than this is not worth a sleep, and can be too little to make a difference to a clock."""
GRACE_OF_WINDOW = 0.25
"""This part of a window after it should have looked again, one who waits is taken for dead."""
CLOCKS_AGREE_SECONDS = 1.0
"""By this much two clocks may tell a time differently, since they tick differently; more is a jump."""
LONGEST_PAUSE_WINDOWS = 3
"""No 429 pauses everyone for longer than this, whatever it asks for; one that still holds is met again."""
LONGEST_LEASE_SECONDS = 3600.0
"""No request arrives later than this; so a killed process never keeps a slot for longer, and a window."""

Flight = tuple[float, int]
"""A hit under way: until when it counts if no response comes, and its holder."""
Waiter = tuple[int, float, int, float]
"""One who waits: slots that it keeps free, since when, the holder, and when it is taken for dead unless it
looked again."""


_Item = TypeVar("_Item", float, Flight)


class QuotaRules(NamedTuple):
    """How many hits count at once, and for how many seconds after its response each does."""

    limit: int
    window_seconds: float


class QuotaState(NamedTuple):
    """Everything that is known of a quota; times are seconds on its own `clock`.

    `monotonic` and `wall` are what two clocks of the machine read when it was `anchor`; `busy` is when
    each answered hit stops counting. All tuples are sorted. `refused_hits` were answered with a 429, since
    the state was begun.
    """

    clock: float
    anchor: float
    monotonic: float
    wall: float
    paused_until: float
    busy: tuple[float, ...] = ()
    flying: tuple[Flight, ...] = ()
    waiting: tuple[Waiter, ...] = ()
    refused_hits: int = 0


class SlotClaim(NamedTuple):
    """What came of asking for a slot.

    Attributes:
        since: the state's time at which it was first asked; to be given when asking again.
        wait_seconds: until it is worth asking again; 0.0 if the hit may be sent.
        expected_seconds: until the hit can be sent, if every response outstanding came at once.
        refused: whether that is longer than was allowed; then nothing was kept.
    """

    since: float
    wait_seconds: float
    expected_seconds: float
    refused: bool


def fresh(rules: QuotaRules, monotonic: float, wall: float, *, all_used: bool = False) -> QuotaState:
    """Return a state with every slot free, or with every slot used just now."""
    busy = (rules.window_seconds,) * rules.limit if all_used else ()
    return QuotaState(0.0, 0.0, monotonic, wall, 0.0, busy)


def advance(state: QuotaState, rules: QuotaRules, monotonic: float, wall: float) -> QuotaState:
    """Return the state at a later reading of two clocks, without what no longer counts.

    Only what both clocks say has passed: either of them may jump, in either direction. The state's
    own time may then stand still for a moment, which costs time but never a hit too many. A pause or a
    lease that is longer than any can be, whoever wrote it, is cut to the longest.
    """
    anchor = state.anchor
    by_monotonic, by_wall = monotonic - state.monotonic, wall - state.wall
    told = anchor + min(by_monotonic, by_wall)
    clock = max(told, state.clock)
    if told < state.clock or abs(by_monotonic - by_wall) > CLOCKS_AGREE_SECONDS:
        anchor = clock
    else:
        monotonic, wall = state.monotonic, state.wall
    _, _, _, _, paused_until, busy, flying, waiting, refused_hits = state
    if busy and busy[0] <= clock:
        busy = busy[bisect_right(busy, clock) :]
    if flying and flying[0][0] <= clock:
        flying = tuple(flight for flight in flying if flight[0] > clock)
    if waiting:
        waiting = tuple(waiter for waiter in waiting if waiter[3] >= clock)
    latest = clock + LONGEST_LEASE_SECONDS + rules.window_seconds
    if flying and flying[-1][0] > latest:
        flying = tuple(sorted((min(latest, until), holder) for until, holder in flying))
    paused_until = min(clock + LONGEST_PAUSE_WINDOWS * rules.window_seconds, paused_until)
    return QuotaState(clock, anchor, monotonic, wall, paused_until, busy, flying, waiting, refused_hits)


def resume(state: QuotaState, rules: QuotaRules, monotonic: float, wall: float) -> QuotaState:
    """Do as `advance`, for a state that was kept while the machine may have been started anew.

    Then the monotonic clock says how long ago, and the hits right before it may be forgotten: a
    machine that loses power has not written everything. So all slots count as used at the start.
    A file that was moved to another machine looks the same.
    """
    by_monotonic, by_wall = monotonic - state.monotonic, wall - state.wall
    went_back = state.anchor + by_monotonic < state.clock
    just_started = monotonic < rules.window_seconds and abs(by_monotonic - by_wall) > CLOCKS_AGREE_SECONDS
    if went_back or just_started:
        last_wall = state.wall + (state.clock - state.anchor)
        state = fresh(rules, 0.0, last_wall, all_used=True)._replace(refused_hits=state.refused_hits)
    return advance(state, rules, monotonic, wall)


def after_restart(state: QuotaState, rules: QuotaRules, seconds_ago: float) -> QuotaState:
    """Count every slot as used when the server that keeps the state started, as it may have forgotten some.

    The programs that it serves went on meanwhile: who had a slot still has it, and who waits still waits.
    """
    until = state.clock + rules.window_seconds - max(0.0, seconds_ago)
    return state._replace(busy=(until,) * rules.limit) if until > state.clock else state


def expected_start(state: QuotaState, rules: QuotaRules) -> float:
    """Return when one who came now and keeps no slot free could send, if every response outstanding came now too.

    It equals `state.clock` if that is at once. Only what is given back makes it earlier.
    """
    return _expected_start(state, rules, first_in_line(state), 0, state.waiting, state.flying)


def first_in_line(state: QuotaState) -> int:
    """Return how many wait that keep no slot free: they go before anyone who comes now."""
    return bisect_left(state.waiting, (1,))


def claim(
    state: QuotaState,
    rules: QuotaRules,
    holder: int,
    since: float | None,
    lease_seconds: float,
    max_wait_seconds: float | None = None,
    keep_free: int = 0,
) -> tuple[QuotaState, SlotClaim]:
    """Take a slot for a holder, or its place in the queue, by how many it keeps free and how long it waits.

    To ask first (`since` is None) and to ask again is the same. Asking again after the slot was
    granted begins its lease anew.
    """
    since = state.clock if since is None else since
    waiting, flying = state.waiting, _without(state.flying, holder)
    position = bisect_left(waiting, (keep_free, since, holder))
    if position < len(waiting) and waiting[position][2] == holder:
        waiting = waiting[:position] + waiting[position + 1 :]
    expected = _expected_start(state, rules, position, keep_free, waiting, flying) - state.clock
    refused = max_wait_seconds is not None and expected > max_wait_seconds
    wait = 0.0
    if expected <= 0.0:
        lease = min(LONGEST_LEASE_SECONDS, lease_seconds)
        flying = _with(flying, (state.clock + lease + rules.window_seconds, holder))
    elif not refused:
        wait = max(SHORTEST_WAIT_SECONDS, min(expected, rules.window_seconds / RECHECKS_PER_WINDOW))
        due = state.clock + wait + rules.window_seconds * GRACE_OF_WINDOW
        waiting = (*waiting[:position], (keep_free, since, holder, due), *waiting[position:])
    return state._replace(flying=flying, waiting=waiting), SlotClaim(since, wait, expected, refused)


def complete(state: QuotaState, rules: QuotaRules, holder: int) -> QuotaState:
    """Let the slot of a holder be free one window from now.

    A holder that is not known, because its lease has long ended or the state was lost, used a slot
    all the same: its request may have arrived as late as now.
    """
    busy = _with(state.busy, state.clock + rules.window_seconds)
    return state._replace(flying=_without(state.flying, holder), busy=busy)


def give_back(state: QuotaState, holder: int) -> QuotaState:
    """Free the slot of a holder, or its place in the queue, as if it had never asked."""
    waiting = tuple(waiter for waiter in state.waiting if waiter[2] != holder)
    return state._replace(flying=_without(state.flying, holder), waiting=waiting)


def throttle(state: QuotaState, rules: QuotaRules, retry_after_seconds: float) -> QuotaState:
    """Pause everyone: SquadIQ answered 429, so somebody else spends the same quota."""
    pause = min(LONGEST_PAUSE_WINDOWS * rules.window_seconds, retry_after_seconds)
    paused_until = max(state.paused_until, state.clock + pause)
    return state._replace(paused_until=paused_until, refused_hits=state.refused_hits + 1)


def reset(state: QuotaState, rules: QuotaRules) -> QuotaState:
    """Forget all but the time and what was refused, as if every slot had been used just now: so no hit is too many."""
    busy = (state.clock + rules.window_seconds,) * rules.limit
    return state._replace(paused_until=state.clock, busy=busy, flying=(), waiting=())


def _expected_start(
    state: QuotaState,
    rules: QuotaRules,
    position: int,
    keep_free: int,
    waiting: tuple[Waiter, ...],
    flying: tuple[Flight, ...],
) -> float:
    """Return when one at a position of the queue can take a slot: the slots are taken in turn, as they become free.

    Who is first and keeps two free takes the first slot when the third is free. A slot that is taken comes back at
    the end of the row, one window after it was taken.
    """
    limit, free = rules.limit, rules.limit - len(state.busy) - len(flying)
    place, rounds = position + min(keep_free, limit - 1), 0
    while place >= limit:
        taken_by = place - limit
        place, rounds = taken_by + min(waiting[taken_by][0], limit - 1), rounds + 1
    start = state.clock
    if place >= free:
        completed_now = state.clock + rules.window_seconds
        start = sorted([*state.busy, *(min(until, completed_now) for until, _ in flying)])[place - free]
    return max(start + rounds * rules.window_seconds, state.paused_until)


def _with(items: tuple[_Item, ...], item: _Item) -> tuple[_Item, ...]:
    changed = list(items)
    insort(changed, item)
    return tuple(changed)


def _without(flying: tuple[Flight, ...], holder: int) -> tuple[Flight, ...]:
    for index, flight in enumerate(flying):
        if flight[1] == holder:
            return flying[:index] + flying[index + 1 :]
    return flying
