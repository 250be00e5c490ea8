"""The quota in Redis or Valkey: shared by all machines, on the server's clock."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from squadiq._extras import needs_extra
from squadiq._forks import ForkSafe
from squadiq.errors import ConfigurationError, QuotaStoreError, QuotaWaitError
from squadiq.quota.memory import MemoryStore
from squadiq.quota.slots import SlotClaim
from squadiq.quota.store import Reservation, Snapshot, log, never_raising, new_holder, rules_for

if TYPE_CHECKING:
    import redis
    from redis.commands.core import Script

TIMEOUT_SECONDS = 2.0
"""How long to wait for the server at most, from the lookup of its name to its response."""
TRY_AGAIN_SECONDS = 5.0
"""How often to look whether a server that was gone is back."""
CAUTIOUS_SHARE = 4
"""Without the server, a process spends this part of the limit: one fourth."""
KEY_LIVES_MILLISECONDS = 30 * 24 * 3600 * 1000
"""How long after its last use a quota is forgotten."""

_SETTING = "See quota= or SQUADIQ_QUOTA_URL."
_BAD_URL = "The quota's URL (quota= or SQUADIQ_QUOTA_URL) is none that Redis can be reached by."
_HIDES_ITS_HOST = re.compile(r"://[^/?#]*[/?#].*@")
"""A password that is not quoted: a part of it would be taken for the host, and shown."""
_HINTS = {
    "AuthenticationError": "check its user and password",
    "NoPermissionError": "its user may not run scripts, or not use this key",
    "ReadOnlyError": "it is a replica: name the primary",
    "MovedError": "it is part of a cluster: name a server of its own",
    "OutOfMemoryError": "it has no memory left",
    "InvalidResponse": "it is no Redis",
    "ResponseError": "check its database, that it runs Lua, and what stands under its key: `squadiq quota --reset`",
}

_T = TypeVar("_T")


class RedisStore(ForkSafe):
    """Keep the quota in Redis or Valkey, where all machines share it.

    It is right as long as the server keeps what it is told and its clock does not step forward. If
    the server lost the quota while this process was using it, it is begun anew as if every slot had
    been used just now.

    While the server is gone, calls raise; or with `fallback="local"` this process goes on alone with
    a fourth of the limit, one window later, until the server is back.
    """

    does_io = True

    def __init__(
        self,
        url: str,
        name: str = "default",
        limit: int = 100,
        window_seconds: float = 60.0,
        *,
        fallback: Literal["local"] | None = None,
        server_now: Callable[[], float] | None = None,
        now: Callable[[], float] = time.monotonic,
        holders: Callable[[], int] = new_holder,
    ) -> None:
        """Take the server's address; it is connected to at the first use.

        Args:
            url: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
            name: tells one quota from another on the same server.
            limit: hits in a window.
            window_seconds: length of the window.
            fallback: "local" to go on with a share of the quota while the server is gone.
            server_now: a clock in place of the server's.
            now: a clock that says when to look for the server again.
            holders: a source of random names for reservations.

        Raises:
            ConfigurationError: the URL, limit or window make no sense.
            MissingExtraError: redis is not installed.
        """
        ForkSafe.__init__(self)
        with needs_extra("redis"):
            import redis

            from squadiq.quota.connection import KINDS, bounded
        self._redis, self._kinds, self._bounded = redis, KINDS, bounded
        self._rules = rules_for(limit, window_seconds)
        self._window_seconds = window_seconds
        self._url = url
        self._key = f"squadiq:quota:2:{name}"
        self._lua = files("squadiq.quota").joinpath("slots.lua").read_text("utf-8")
        self._server_now = server_now
        self._now = now
        self._holders = holders
        self._was_used = False
        self._fallback = fallback
        self._local: MemoryStore | None = None
        self._gone_since = self._try_again_at = 0.0
        self._client, self._script = self._connect()

    def reserve(
        self, lease_seconds: float, max_wait_seconds: float | None = None, *, within_seconds: float | None = None
    ) -> Reservation:
        def there() -> Reservation:
            holder = self._holders()
            claim = self._claim(holder, None, lease_seconds, max_wait_seconds)
            if claim.refused:
                raise QuotaWaitError(claim.expected_seconds)
            return Reservation(holder, claim.since, claim.wait_seconds)

        return self._either(there, lambda local: local.reserve(lease_seconds, max_wait_seconds), within_seconds)

    def confirm(self, reservation: Reservation, lease_seconds: float, *, within_seconds: float | None = None) -> float:
        return self._either(
            lambda: self._claim(reservation.holder, reservation.since, lease_seconds).wait_seconds,
            lambda local: local.confirm(reservation, lease_seconds),
            within_seconds,
        )

    def completed(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(
            lambda: self._run("complete", 0, reservation.holder),
            lambda local: local.completed(reservation),
            within_seconds,
        )

    def give_back(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
        self._tell(
            lambda: self._run("give_back", 0, reservation.holder),
            lambda local: local.give_back(reservation),
            within_seconds,
        )

    def throttled(
        self, reservation: Reservation, retry_after_seconds: float, *, within_seconds: float | None = None
    ) -> None:
        self._tell(
            lambda: self._run("throttle", 0, retry_after_seconds),
            lambda local: local.throttled(reservation, retry_after_seconds),
            within_seconds,
        )

    def snapshot(self, *, within_seconds: float | None = None) -> Snapshot:
        def there() -> Snapshot:
            free, in_flight, waiting, next_free, paused = self._run("snapshot", 5)
            counts = (int(free), int(in_flight), int(waiting))
            return Snapshot(self._rules.limit, self._window_seconds, *counts, next_free, paused)

        return self._either(there, lambda local: local.snapshot(), within_seconds)

    def reset(self, *, within_seconds: float | None = None) -> None:
        with self._bounded(patience(within_seconds)):
            self._run("reset", 0)

    def close(self) -> None:
        with self._lock:
            self._rest()

    def _claim(
        self, holder: int, since: float | None, lease_seconds: float, max_wait_seconds: float | None = None
    ) -> SlotClaim:
        since, wait, expected, refused = self._run("claim", 4, holder, since, lease_seconds, max_wait_seconds)
        return SlotClaim(since, wait, expected, bool(refused))

    def _run(self, operation: str, results: int, *arguments: float | None) -> list[float]:
        """Run the script, within `_bounded`, and return the numbers that came of it."""
        now = None if self._server_now is None else self._server_now()
        given = (operation, self._rules.limit, self._rules.window_seconds, now, KEY_LIVES_MILLISECONDS)
        all_used = "all used" if self._was_used else ""
        texts = ["" if argument is None else str(argument) for argument in (*given, all_used, *arguments)]
        try:
            response: Any = self._script(keys=[self._key], args=texts)
            numbers = _numbers(response, results)
        except Exception as error:  # redis-py lets many kinds through, for options and servers that it did not expect
            raise QuotaStoreError(
                f"The quota's server at {self._place} cannot be used ({reason(error)}). {_SETTING}"
            ) from None
        self._was_used = self._was_used or operation != "snapshot"
        return numbers

    def _tell(
        self, there: Callable[[], object], here: Callable[[MemoryStore], None], within_seconds: float | None
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
            with self._bounded(bound):
                if local is not None:
                    self._return_from(local)
                return there()
        except QuotaStoreError as gone:
            if self._fallback is None:
                raise
            return here(self._local_instead(gone))

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
            limit = max(1, self._rules.limit // CAUTIOUS_SHARE)
            # All of the quota may have been used right before, so that even the share must wait.
            local = self._local = MemoryStore(limit, self._window_seconds, now=self._now, all_used=True)
            self._gone_since = self._now()
            self._try_again_at = self._gone_since + TRY_AGAIN_SECONDS
        log.warning("%s This process goes on alone with %d of %d hits.", gone, limit, self._rules.limit)
        return local

    def _return_from(self, local: MemoryStore) -> None:
        """Go back to the server, telling it of as many hits as may have been sent without it."""
        self._run("snapshot", 5)
        if self._now() - self._gone_since >= self._window_seconds:
            for _ in range(local.snapshot().limit):
                self._run("complete", 0, self._holders())
        with self._lock:
            self._local = None
        log.warning("The quota's server at %s is back.", self._place)

    def _connect(self) -> tuple[redis.Redis, Script]:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        kind: Any = self._redis.Redis
        if _HIDES_ITS_HOST.search(str(self._url)):
            raise ConfigurationError(f"{_BAD_URL} In user and password, write / ? # @ : as %2F %3F %23 %40 %3A.")
        try:
            client: redis.Redis = kind.from_url(self._url, retry=Retry(NoBackoff(), 1))
            pool: Any = client.connection_pool
            pool.connection_class = self._kinds[pool.connection_class]
            pool.connection_class(**pool.connection_kwargs)  # so that an option that it does not know is found now
            return client, client.register_script(self._lua)
        except Exception:  # of an option that is not known, or has a value that makes no sense, come many kinds
            raise ConfigurationError(f"{_BAD_URL} Check its address and its options.") from None

    def _rest(self) -> None:
        # What other threads have in use stays theirs; on both sides of a fork all is connected anew.
        self._client.connection_pool.disconnect(inuse_connections=False)
        self._client, self._script = self._connect()

    @property
    def _place(self) -> str:
        """Where the server is, without user and password."""
        of = self._client.connection_pool.connection_kwargs
        return str(of["path"]) if "path" in of else f"{of.get('host', 'localhost')}:{of.get('port', 6379)}"


def patience(within_seconds: float | None, part: float = 1.0) -> float:
    """Return how long to wait for the server, of the time that a caller gives."""
    return TIMEOUT_SECONDS if within_seconds is None else min(TIMEOUT_SECONDS, part * within_seconds)


def _numbers(response: Any, results: int) -> list[float]:
    numbers = [float(number) for number in response]
    if len(numbers) != results or not math.isfinite(sum(numbers)):
        raise ValueError("not what the script returns")
    return numbers


def reason(error: Exception) -> str:
    """Return what is wrong with the server and what to do about it, in our own words: its own may hold anything."""
    kind = type(error).__name__
    moved = kind == "ResponseError" and str(error).startswith("MOVED")
    hint = _HINTS.get("MovedError" if moved else kind)
    return kind if hint is None else f"{kind}: {hint}"
