"""The way of a slot through its store, without I/O: reserve, wait, confirm; then complete, throttle or give back.

Each method is a generator: it yields what is to be done next, and a driver does it, blocking or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from squadiq.errors import QuotaStoreError, QuotaWaitError, SquadIQError
from squadiq.quota.store import QuotaStore, Reservation

log = logging.getLogger("squadiq.quota")

LEAST_TELLING_SECONDS, MOST_TELLING_SECONDS = 0.25, 2.0
"""The store is told what came of a request within what is left of the deadline, but at least and at most this."""

_T = TypeVar("_T")
_StepT = TypeVar("_StepT")


@dataclass(frozen=True, slots=True)
class UseStore:
    """To do: call the store of the quota, within a time."""

    call: Callable[[], Any]
    within_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """To do: wait."""

    seconds: float


SlotSteps = Generator[UseStore | Wait, Any, _T]


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A slot, or a place in the queue for one, and the store that has given it."""

    store: QuotaStore = field(repr=False)
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class QuotaClient:
    """Take slots of stores and let go of them, so that none stays taken whatever goes wrong in between.

    Args:
        now: time in seconds, which a `Wait` lets pass.
        left: seconds in which a store must have done what it is asked for.
        lease: the longest that a request which is sent now may be on its way, in seconds.
        on_wait: called with the seconds before each wait.
    """

    now: Callable[[], float]
    left: Callable[[], float]
    lease: Callable[[], float]
    on_wait: Callable[[float], None] = lambda seconds: None

    def take(
        self, stores: Sequence[QuotaStore], longest: float, held: Sequence[HeldSlot] = (), *, keep_free: int = 0
    ) -> SlotSteps[list[HeldSlot]]:
        """Return `held` and a slot of each store once all may be used at once; none is kept if the waiting breaks off.

        Args:
            stores: a store may be named several times.
            longest: how many seconds may be waited in all.
            held: slots that were taken before, whose leases begin anew.
            keep_free: slots of each store that are left free for others.

        Raises:
            QuotaWaitError: the wait would be longer.
            QuotaStoreError: a store cannot be used.
        """
        until = self.now() + longest
        taken = list(held)
        try:
            wait = yield from self._confirm(taken)
            for store in stores:
                slot, its_wait = yield from self._reserve(store, longest, keep_free)
                taken.append(slot)
                wait = max(wait, its_wait)
            while wait > 0:
                if self.now() + wait > until:
                    raise QuotaWaitError(wait)  # noqa: TRY301 - one way out, for a store that is gone too
                self.on_wait(wait)
                yield Wait(wait)
                wait = yield from self._confirm(taken)
        except BaseException:
            yield from self.give_back(taken)
            raise
        return taken

    def complete(self, slots: Sequence[HeldSlot], *, pause_seconds: float | None = None) -> SlotSteps[None]:
        """Say that the response has arrived, and after a 429 for how long nobody may send."""
        for slot in slots:
            yield from self._tell(slot.store.completed, slot.reservation)
            if pause_seconds is not None:
                yield from self._tell(slot.store.throttled, slot.reservation, pause_seconds)

    def give_back(self, slots: Sequence[HeldSlot]) -> SlotSteps[None]:
        """Say that no request left."""
        for slot in slots:
            yield from self._tell(slot.store.give_back, slot.reservation)

    def _reserve(self, store: QuotaStore, longest: float, keep_free: int) -> SlotSteps[tuple[HeldSlot, float]]:
        left, lease = self.left(), self.lease()
        # A store of the user's own may have no such argument.
        classes = {"keep_free": keep_free} if keep_free else {}

        def call() -> tuple[HeldSlot, float]:
            reservation = store.reserve(lease, longest, within_seconds=left, **classes)
            return HeldSlot(store, reservation), float(reservation.wait_seconds)

        reserved: tuple[HeldSlot, float] = yield from self._ask(call, left)
        return reserved

    def _confirm(self, taken: Sequence[HeldSlot]) -> SlotSteps[float]:
        """Ask for all again: the leases of those that may be used begin anew, so that none runs out meanwhile."""
        longest = 0.0
        for slot in taken:
            wait = yield from self._confirm_one(slot)
            longest = max(longest, wait)
        return longest

    def _confirm_one(self, slot: HeldSlot) -> SlotSteps[float]:
        left, lease = self.left(), self.lease()
        confirm = partial(slot.store.confirm, slot.reservation, lease, within_seconds=left)
        wait: float = yield from self._ask(lambda: float(confirm()), left)
        return wait

    def _tell(self, what: Callable[..., None], *values: Any) -> SlotSteps[None]:
        """Tell a store what came of a request; what it brought is not lost, nor late, if that cannot be done."""
        within = max(LEAST_TELLING_SECONDS, min(MOST_TELLING_SECONDS, self.left()))
        try:
            yield UseStore(partial(what, *values, within_seconds=within), within)
        except Exception as error:
            log.warning(
                "The store of the quota was not told (%s): a slot stays taken until its lease ends.",
                type(error).__name__,
            )

    def _ask(self, call: Callable[[], Any], within_seconds: float) -> SlotSteps[Any]:
        """Ask a store; whatever one of the user's own raises is an error of ours.

        Raises:
            QuotaError: there is no slot in time, or the store cannot be used.
        """
        try:
            return (yield UseStore(call, within_seconds))
        except SquadIQError:
            raise
        except Exception as error:
            name = type(error).__name__
            raise QuotaStoreError(f"The store of the quota (quota=) cannot be used: {name}.") from error


def drive(steps: Generator[_StepT, Any, _T], do: Callable[[_StepT], Any]) -> _T:
    """Do what the steps ask for, one after the other in this thread, and return what they end with."""
    result: Any = None
    raised: BaseException | None = None
    while True:
        try:
            step = steps.send(result) if raised is None else steps.throw(raised)
        except StopIteration as end:
            ended: _T = end.value
            return ended
        try:
            result, raised = do(step), None
        except BaseException as error:  # the steps tidy up and raise it again
            result, raised = None, error


def run_blocking(steps: SlotSteps[_T], sleep: Callable[[float], None]) -> _T:
    """Do what steps of slots ask for, and return what they end with."""
    return drive(steps, lambda step: step.call() if isinstance(step, UseStore) else sleep(step.seconds))
