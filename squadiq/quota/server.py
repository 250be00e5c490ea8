"""The quota on a server that all machines share: the same ways for each kind of server, and how to go on without it."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeVar

from squadiq._forks import ForkSafe
from squadiq.errors import QuotaStoreError, QuotaWaitError
from squadiq.quota.bound import bounded
from squadiq.quota.memory import MemoryStore
from squadiq.quota.slots import SlotClaim
from squadiq.quota.store import Reservation, Snapshot, log, never_raising, rules_for

TIMEOUT_SECONDS = 2.0
"""How long to wait for the server at most, from the lookup of its name to its response."""
TRY_AGAIN_SECONDS = 5.0
"""How often to look whether a server that was gone is back."""
CAUTIOUS_SHARE = 4
"""Without the server, a process spends this part of the limit: one fourth."""

SETTING = "See quota= or SQUADIQ_QUOTA_URL."
HIDES_ITS_HOST = re.compile(r"://[^/?#]*[/?#].*@")
"""A password that is not quoted: a part of it would be taken for the host, and shown."""
QUOTE_IT = "In user and password, write / ? # @ : as %2F %3F %23 %40 %3A."

_T = TypeVar("_T")


class ServerStore(ForkSafe, ABC):
    """A store on a server, by whose clock it goes.

    While the server is gone, calls raise; or with `fallback="local"` this process goes on alone with
    a fourth of the limit, one window later, until the server is back.
    """

    does_io = True

    def __init__(
        self,
        limit: int,
        window_seconds: float,
        *,
        fallback: Literal["local"] | None,
        now: Callable[[], float] = time.monotonic,
        holders: Callable[[], int],
    ) -> None:
        ForkSafe.__init__(self)
        self._rules = rules_for(limit, window_seconds)
        self._window_seconds = window_seconds
        self._now = now
        self._holders = holders
        self._fallback = fallback
        self._local: MemoryStore | None = None
        self._gone_since = self._try_again_at = 0.0

    @abstractmethod
    def _claim(
        self, holder: int, since: float | None, lease_seconds: float, max_wait_seconds: float | None, keep_free: int
    ) -> SlotClaim:
        """Do as `slots.claim` on the server, as all that follow: within `bounded`, raising a QuotaStoreError."""

    @abstractmethod
    def _complete(self, holder: int) -> None: ...
    @abstractmethod
    def _free(self, holder: int) -> None: ...
    @abstractmethod
    def _throttle(self, retry_after_seconds: float) -> None: ...
    @abstractmethod
    def _look(self) -> Snapshot: ...
    @abstractmethod
    def _reset(self) -> None: ...

    @property
    @abstractmethod
    def _place(self) -> str:
        """Where the server is, without user and password."""

    @property
    def limit(self) -> int:
        """Hits in a window."""
        return self._rules.limit

    def reserve(
        self,
        lease_seconds: float,
        max_wait_seconds: float | None = None,
        *,
        within_seconds: float | None = None,
        keep_free: int = 0,
    ) -> Reservation:
        def there() -> Reservation:
            holder = self._holders()
            claim = self._claim(holder, None, lease_seconds, max_wait_seconds, keep_free)
            if claim.refused:
                raise QuotaWaitError(claim.expected_seconds)
            return Reservation(holder, claim.since, claim.wait_seconds, keep_free)

        def here(local: MemoryStore) -> Reservation:
            reservation = local.reserve(lease_seconds, max_wait_seconds, keep_free=self._share(keep_free, local))
            return replace(reservation, keep_free=keep_free)

        return self._either(there, here, within_seconds)

    def confirm(self, reservation: Reservation, lease_seconds: float, *, within_seconds: float | None = None) -> float:
        holder, since, keep_free = reservation.holder, reservation.since, reservation.keep_free
        return self._either(
            lambda: self._claim(holder, since, lease_seconds, None, keep_free).wait_seconds,
            lambda local: local.confirm(replace(reservation, keep_free=self._share(keep_free, local)), lease_seconds),
            within_seconds,
        )

    def completed(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(
            lambda: self._complete(reservation.holder), lambda local: local.completed(reservation), within_seconds
        )

    def give_back(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(lambda: self._free(reservation.holder), lambda local: local.give_back(reservation), within_seconds)

    def throttled(
        self, reservation: Reservation, retry_after_seconds: float, *, within_seconds: float | None = None
    ) -> None:
        self._tell(
            lambda: self._throttle(retry_after_seconds),
            lambda local: local.throttled(reservation, retry_after_seconds),
            within_seconds,
        )

    def snapshot(self, *, within_seconds: float | None = None) -> Snapshot:
        return self._either(self._look, lambda local: local.snapshot(), within_seconds)

    def reset(self, *, within_seconds: float | None = None) -> None:
        with bounded(patience(within_seconds)):
            self._reset()

    def _tell(
        self, there: Callable[[], None], here: Callable[[MemoryStore], None], within_seconds: float | None
    ) -> None:
        with never_raising():
            self._either(there, here, within_seconds)

    def _either(self, there: Callable[[], _T], here: Callable[[MemoryStore], _T], within_seconds: float | None) -> _T:
        """Do it on the server; or, if that is gone and there is a fallback, in this process."""
        local = self._local
        # Where there is another way to go on, the server does not get all of the caller's time.
        bound = patience(within_seconds, 1.0 if self._fallback is None else 0.5)
        try:
            if local is not None and not self._time_to_try_again():
                return here(local)
            with bounded(bound):
                if local is not None:
                    self._return_from(local)
                return there()
        except QuotaStoreError as gone:
            if self._fallback is None:
                raise
            return here(self._local_instead(gone))

    def _share(self, hits: int, local: MemoryStore) -> int:
        """The part of a number of hits that is this process's own while the server is gone."""
        return hits * local.limit // self.limit

    def _time_to_try_again(self) -> bool:
        with self._lock:
            now = self._now()
            if now < self._try_again_at:
                return False
            self._try_again_at = now + TRY_AGAIN_SECONDS
            return True

    def _local_instead(self, gone: QuotaStoreError) -> MemoryStore:
        with self._lock:
            if self._local is not None:
                return self._local
            limit = max(1, self.limit // CAUTIOUS_SHARE)
            # All of the quota may have been used right before, so that even the share must wait.
            local = self._local = MemoryStore(limit, self._window_seconds, now=self._now, all_used=True)
            self._gone_since = self._now()
            self._try_again_at = self._gone_since + TRY_AGAIN_SECONDS
        log.warning("%s This process goes on alone with %d of %d hits.", gone, limit, self.limit)
        return local

    def _return_from(self, local: MemoryStore) -> None:
        """Go back to the server, telling it of as many hits as may have been sent without it."""
        self._look()
        if self._now() - self._gone_since >= self._window_seconds:
            for _ in range(local.limit):
                self._complete(self._holders())
        with self._lock:
            self._local = None
        log.warning("The quota's server at %s is back.", self._place)

    def _cannot(self, why: str) -> QuotaStoreError:
        return QuotaStoreError(f"The quota's server at {self._place} cannot be used ({why}). {SETTING}")


def patience(within_seconds: float | None, part: float = 1.0) -> float:
    """Return how long to wait for the server, of the time that a caller gives."""
    return TIMEOUT_SECONDS if within_seconds is None else min(TIMEOUT_SECONDS, part * within_seconds)
