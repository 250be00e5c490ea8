"""What a store of the quota offers, and how the arithmetic of the slots becomes one."""

from __future__ import annotations

import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from squadiq.errors import ConfigurationError, QuotaStoreError, QuotaWaitError
from squadiq.quota import slots
from squadiq.quota.slots import QuotaRules, QuotaState

log = logging.getLogger("squadiq.quota")

CLOCK_RATE_MARGIN = 0.0005
"""A slot stays taken for this much longer than a window, since our clock may run faster than the
server's: 500 parts per million is the most by which NTP lets a clock run fast or slow (RFC 5905)."""

MOST_HITS = 100_000
"""The state has a number for each hit, which are all read and written each time."""
SHORTEST_WINDOW, LONGEST_WINDOW = 0.001, 86_400

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reservation:
    """A slot of the quota, or a place in the queue for one.

    Attributes:
        holder: random number that names this reservation.
        since: time of the store, in its own reckoning, at which it was asked for; says who waits longest.
        wait_seconds: how long to wait before `QuotaStore.confirm`; 0.0 if the request may be sent at once.
        keep_free: how many slots are left free for calls that keep fewer.
    """

    holder: int
    since: float
    wait_seconds: float
    keep_free: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The quota at one moment.

    Attributes:
        limit: hits in a window.
        window_seconds: length of the window.
        free_now: hits that may be sent at once, by calls that keep none free for others.
        in_flight: hits that were sent and have no response yet.
        waiting: calls that wait for a slot.
        next_free_in_seconds: how long a new call would wait, if it keeps none free for others.
        paused_for_seconds: how long nobody may send, since the server said so with a 429.
        refused_hits: hits that the server answered with a 429, since this quota was begun; of all programs.
    """

    limit: int
    window_seconds: float
    free_now: int
    in_flight: int
    waiting: int
    next_free_in_seconds: float
    paused_for_seconds: float
    refused_hits: int = 0


class QuotaStore(Protocol):
    """Where the slots of a quota are kept.

    All methods are safe to call from several threads. Where `does_io` is true they read and write
    files or sockets, so that a driver of an event loop calls them in a thread; and each ends, well or
    not, within `within_seconds`: what is left of the caller's deadline. None leaves it to the store.
    """

    @property
    def does_io(self) -> bool:
        """Whether its methods read and write files or sockets."""
        ...

    def reserve(
        self,
        lease_seconds: float,
        max_wait_seconds: float | None = None,
        *,
        within_seconds: float | None = None,
        keep_free: int = 0,
    ) -> Reservation:
        """Take a slot, or a place in the queue for one.

        If `wait_seconds` of the reservation is 0.0 the lease began and the request may be sent. Else
        wait that long and call `confirm`.

        Args:
            lease_seconds: the longest that the request can be on its way to the server.
            max_wait_seconds: refuse at once, and keep nothing, if the wait would be longer.
            within_seconds: the longest that this may take, the wait for a slot not included.
            keep_free: take a slot only while more than so many are free, and after all who keep fewer free.
                A store that has no such argument serves clients that need none.

        Raises:
            QuotaWaitError: the wait would be longer.
            QuotaStoreError: the store cannot be reached, or not in time.
        """
        ...

    def confirm(self, reservation: Reservation, lease_seconds: float, *, within_seconds: float | None = None) -> float:
        """Return 0.0 if the request may be sent now, the lease beginning; else how long to wait and ask again.

        Raises:
            QuotaStoreError: the store cannot be reached, or not in time.
        """
        ...

    def completed(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        """Let the slot be free again one window from now: the response has arrived. Never raises."""
        ...

    def give_back(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        """Free the slot or the place in the queue: the request surely never left. Never raises."""
        ...

    def throttled(
        self, reservation: Reservation, retry_after_seconds: float, *, within_seconds: float | None = None
    ) -> None:
        """Pause everyone who shares the store, after `completed`: the response was a 429. Never raises."""
        ...

    def snapshot(self, *, within_seconds: float | None = None) -> Snapshot:
        """Return the state of the quota, without taking a hit.

        Raises:
            QuotaStoreError: the store cannot be reached, or not in time.
        """
        ...

    def reset(self, *, within_seconds: float | None = None) -> None:
        """Mend the quota: forget pauses and waiting calls, as if every hit had been used just now.

        Raises:
            QuotaStoreError: the store cannot be reached, or not in time.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; they are opened again if the store is used again."""
        ...


def rules_for(limit: int, window_seconds: float) -> QuotaRules:
    """Return what the slots go by, with a margin for clocks that run fast.

    Raises:
        ConfigurationError: the limit is no whole number from 1 to 100,000, or the window no number of
            seconds from 0.001 to a day.
    """
    if not _is_number(limit, int) or not 1 <= limit <= MOST_HITS:
        raise ConfigurationError(f"The quota's quota_hits must be a whole number from 1 to {MOST_HITS:,}.")
    if not _is_number(window_seconds, int, float) or not SHORTEST_WINDOW <= window_seconds <= LONGEST_WINDOW:
        raise ConfigurationError(
            f"The quota's quota_window_seconds must be a number from {SHORTEST_WINDOW} to {LONGEST_WINDOW:,}."
        )
    return QuotaRules(limit, window_seconds * (1 + CLOCK_RATE_MARGIN))


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def new_holder() -> int:
    """Return a random name for a reservation, as an integer that a double holds exactly.

    From the system, not from `random`: the two sides of a fork must not draw the same.
    """
    return secrets.randbits(53)


def snapshot_of(state: QuotaState, rules: QuotaRules, window_seconds: float) -> Snapshot:
    """Return what a state means, with the window as it was set."""
    paused = max(0.0, state.paused_until - state.clock)
    free = rules.limit - len(state.busy) - len(state.flying) - slots.first_in_line(state)
    return Snapshot(
        limit=rules.limit,
        window_seconds=window_seconds,
        free_now=0 if paused else max(0, free),
        in_flight=len(state.flying),
        waiting=len(state.waiting),
        next_free_in_seconds=slots.expected_start(state, rules) - state.clock,
        paused_for_seconds=paused,
        refused_hits=state.refused_hits,
    )


class SlotStore(ABC):
    """A store that runs the arithmetic of the slots in this process; where the state is kept is left open."""

    does_io: bool

    def __init__(self, limit: int, window_seconds: float, holders: Callable[[], int]) -> None:
        self._holders = holders
        self._rules = rules_for(limit, window_seconds)
        self._window_seconds = window_seconds

    @property
    def limit(self) -> int:
        """Hits in a window."""
        return self._rules.limit

    @abstractmethod
    def _change(self, change: Callable[[QuotaState], tuple[QuotaState, _T]], within_seconds: float | None) -> _T:
        """Bring the state to now, change it with nobody else in between, and return what came of it."""

    def reserve(
        self,
        lease_seconds: float,
        max_wait_seconds: float | None = None,
        *,
        within_seconds: float | None = None,
        keep_free: int = 0,
    ) -> Reservation:
        holder = self._holders()
        claim = self._change(
            lambda state: slots.claim(state, self._rules, holder, None, lease_seconds, max_wait_seconds, keep_free),
            within_seconds,
        )
        if claim.refused:
            raise QuotaWaitError(claim.expected_seconds)
        return Reservation(holder, claim.since, claim.wait_seconds, keep_free)

    def confirm(self, reservation: Reservation, lease_seconds: float, *, within_seconds: float | None = None) -> float:
        holder, since, keep_free = reservation.holder, reservation.since, reservation.keep_free
        claim = self._change(
            lambda state: slots.claim(state, self._rules, holder, since, lease_seconds, None, keep_free),
            within_seconds,
        )
        return claim.wait_seconds

    def completed(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(lambda state: slots.complete(state, self._rules, reservation.holder), within_seconds)

    def give_back(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(lambda state: slots.give_back(state, reservation.holder), within_seconds)

    def throttled(
        self, reservation: Reservation, retry_after_seconds: float, *, within_seconds: float | None = None
    ) -> None:
        self._tell(lambda state: slots.throttle(state, self._rules, retry_after_seconds), within_seconds)

    def snapshot(self, *, within_seconds: float | None = None) -> Snapshot:
        return self._change(
            lambda state: (state, snapshot_of(state, self._rules, self._window_seconds)), within_seconds
        )

    def reset(self, *, within_seconds: float | None = None) -> None:
        self._change(lambda state: (slots.reset(state, self._rules), None), within_seconds)

    def _tell(self, change: Callable[[QuotaState], QuotaState], within_seconds: float | None) -> None:
        with never_raising():
            self._change(lambda state: (change(state), None), within_seconds)


class never_raising:
    """Turn an unreachable store into a warning.

    What a request has brought must not be lost because the quota could not be told. Its slot is then
    free later than it might be, when the lease has ended and a window more: never too early.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if not isinstance(error, QuotaStoreError):
            return False
        log.warning("%s A slot of the quota stays taken until its lease ends.", error)
        return True
