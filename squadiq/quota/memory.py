"""The quota in memory: for tests and for programs of a single process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from squadiq._forks import ForkSafe
from squadiq.quota import slots
from squadiq.quota.slots import QuotaState
from squadiq.quota.store import SlotStore, new_holder

_T = TypeVar("_T")


class MemoryStore(SlotStore, ForkSafe):
    """Keep the quota in this process; it is forgotten at the end, and not shared with anyone."""

    does_io = False

    def __init__(
        self,
        limit: int = 100,
        window_seconds: float = 60.0,
        *,
        now: Callable[[], float] = time.monotonic,
        holders: Callable[[], int] = new_holder,
        all_used: bool = False,
    ) -> None:
        """Begin with every slot free, or with `all_used` as if all had been used just now.

        Raises:
            ConfigurationError: limit or window make no sense.
        """
        SlotStore.__init__(self, limit, window_seconds, holders)
        ForkSafe.__init__(self)
        self._now = now
        self._state = slots.fresh(self._rules, now(), now(), all_used=all_used)

    def _change(self, change: Callable[[QuotaState], tuple[QuotaState, _T]], within_seconds: float | None) -> _T:
        with self._lock:
            now = self._now()
            self._state, result = change(slots.advance(self._state, self._rules, now, now))
        return result

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
