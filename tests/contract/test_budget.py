"""No slot of one store stays taken when another store fails, at whatever moment that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from squadiq.contract.budget import HitBudget, RunStoppedError
from squadiq.errors import QuotaStoreError
from squadiq.quota import MemoryStore, QuotaStore, Reservation
from tests.contract.recording import VirtualTime


class FailingStore(MemoryStore):
    """A store that raises in one of its methods."""

    def __init__(self, method: str, error: Exception, now: Callable[[], float]) -> None:
        super().__init__(10, 60.0, now=now)
        self._failing = method, error

    def _fail(self, method: str) -> None:
        if method == self._failing[0]:
            raise self._failing[1]

    def reserve(self, *arguments: Any, **options: Any) -> Reservation:
        self._fail("reserve")
        return super().reserve(*arguments, **options)

    def confirm(self, *arguments: Any, **options: Any) -> float:
        self._fail("confirm")
        return super().confirm(*arguments, **options)

    def completed(self, *arguments: Any, **options: Any) -> None:
        self._fail("completed")
        super().completed(*arguments, **options)

    def give_back(self, *arguments: Any, **options: Any) -> None:
        self._fail("give_back")
        super().give_back(*arguments, **options)

    def throttled(self, *arguments: Any, **options: Any) -> None:
        self._fail("throttled")
        super().throttled(*arguments, **options)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def sound(time: VirtualTime) -> MemoryStore:
    return MemoryStore(10, 60.0, now=time.now)


def budget_of(time: VirtualTime, *stores: QuotaStore) -> HitBudget:
    return HitBudget(stores, time.sleep, time.now)


ERRORS = [QuotaStoreError("gone"), KeyError("its own")]


@pytest.mark.parametrize("error", ERRORS)
def test_a_reservation_that_fails_gives_all_others_back(
    time: VirtualTime, sound: MemoryStore, error: Exception
) -> None:
    with pytest.raises(RunStoppedError):
        budget_of(time, sound, FailingStore("reserve", error, time.now)).take(3)
    assert (sound.snapshot().free_now, sound.snapshot().in_flight) == (10, 0)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("failing_first", [True, False])
def test_a_spare_hit_that_cannot_be_confirmed_is_given_back(
    time: VirtualTime, sound: MemoryStore, error: Exception, failing_first: bool
) -> None:
    other = FailingStore("confirm", error, time.now)
    budget = budget_of(time, *([other, sound] if failing_first else [sound, other]))
    budget.spare += budget.take(2)
    with pytest.raises(RunStoppedError):
        budget.take_spare()
    budget.give_back()
    for store in (sound, other):
        assert (store.snapshot().free_now, store.snapshot().in_flight) == (10, 0)


def test_an_interrupted_wait_for_a_spare_hit_gives_it_back(time: VirtualTime, sound: MemoryStore) -> None:
    budget = budget_of(time, sound)
    budget.spare += budget.take(1)
    time.at += 1000.0  # its lease has ended, and others have taken everything meanwhile
    for _ in range(10):
        sound.reserve(50.0)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    budget.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        budget.take_spare()
    assert sound.snapshot().waiting == 0


@pytest.mark.parametrize("failing_first", [True, False])
@pytest.mark.parametrize("method", ["completed", "throttled"])
def test_every_store_hears_of_a_response_though_another_fails(
    time: VirtualTime, sound: MemoryStore, failing_first: bool, method: str
) -> None:
    other = FailingStore(method, KeyError("its own"), time.now)
    budget = budget_of(time, *([other, sound] if failing_first else [sound, other]))
    budget.complete(budget.take_spare(), throttled=True)
    assert sound.snapshot().in_flight == 0
    assert sound.snapshot().paused_for_seconds > 0
    assert other.snapshot().in_flight == (1 if method == "completed" else 0)


def test_every_store_is_given_its_slot_back_though_another_fails(time: VirtualTime, sound: MemoryStore) -> None:
    budget = budget_of(time, FailingStore("give_back", KeyError("its own"), time.now), sound)
    budget.spare += budget.take(2)
    budget.give_back()
    assert (sound.snapshot().free_now, sound.snapshot().in_flight) == (10, 0)
