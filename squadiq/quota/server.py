"""The quota in Redis or Valkey: shared by all machines, on the server's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from squadiq._extras import needs_extra
from squadiq._forks import ForkSafe
from squadiq.errors import ConfigurationError, QuotaStoreError, QuotaWaitError
from squadiq.quota.memory import MemoryStore
from squadiq.quota.slots import Claim
from squadiq.quota.store import Reservation, Snapshot, log, never_raising, new_holder, rules_for

if TYPE_CHECKING:
    import redis
    from redis.commands.core import Script

TIMEOUT_SECONDS = 2.0
"""How long to wait for the server, for a connection and for an answer."""
TRY_AGAIN_SECONDS = 5.0
"""How often to look whether a server that was gone is back."""
CAUTIOUS_SHARE = 4
"""Without the server, a process spends this part of the limit: one fourth."""
KEY_LIVES_MILLISECONDS = 30 * 24 * 3600 * 1000
"""How long after its last use a quota is forgotten."""

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
        self._redis = redis
        self._rules = rules_for(limit, window_seconds)
        self._window_seconds = window_seconds
        self._url = url
        self._key = f"squadiq:quota:1:{name}"
        self._lua = files("squadiq.quota").joinpath("slots.lua").read_text("utf-8")
        self._server_now = server_now
        self._now = now
        self._holders = holders
        self._was_used = False
        self._fallback = fallback
        self._local: MemoryStore | None = None
        self._gone_since = self._try_again_at = 0.0
        self._client, self._script = self._connect()

    def reserve(self, lease_seconds: float, max_wait_seconds: float | None = None) -> Reservation:
        def there() -> Reservation:
            holder = self._holders()
            claim = self._claim(holder, None, lease_seconds, max_wait_seconds)
            if claim.refused:
                raise QuotaWaitError(claim.expected_seconds)
            return Reservation(holder, claim.since, claim.wait_seconds)

        return self._either(there, lambda local: local.reserve(lease_seconds, max_wait_seconds))

    def confirm(self, reservation: Reservation, lease_seconds: float) -> float:
        return self._either(
            lambda: self._claim(reservation.holder, reservation.since, lease_seconds).wait_seconds,
            lambda local: local.confirm(reservation, lease_seconds),
        )

    def answered(self, reservation: Reservation) -> None:
        self._tell(lambda: self._run("answer", reservation.holder), lambda local: local.answered(reservation))

    def give_back(self, reservation: Reservation) -> None:
        self._tell(lambda: self._run("give_back", reservation.holder), lambda local: local.give_back(reservation))

    def throttled(self, reservation: Reservation, retry_after_seconds: float) -> None:
        self._tell(
            lambda: self._run("throttle", retry_after_seconds),
            lambda local: local.throttled(reservation, retry_after_seconds),
        )

    def snapshot(self) -> Snapshot:
        def there() -> Snapshot:
            allowed, free, in_flight, waiting, next_free, paused = self._run("snapshot")
            counts = (int(allowed), int(free), int(in_flight), int(waiting))
            return Snapshot(self._rules.limit, self._window_seconds, *counts, next_free, paused)

        return self._either(there, lambda local: local.snapshot())

    def close(self) -> None:
        with self._lock:
            self._rest()

    def _claim(
        self, holder: int, since: float | None, lease_seconds: float, max_wait_seconds: float | None = None
    ) -> Claim:
        since, wait, expected, refused = self._run("claim", holder, since, lease_seconds, max_wait_seconds)
        return Claim(since, wait, expected, bool(refused))

    def _run(self, operation: str, *arguments: float | None) -> list[float]:
        now = None if self._server_now is None else self._server_now()
        given = (operation, self._rules.limit, self._rules.window_seconds, now, KEY_LIVES_MILLISECONDS)
        all_used = "all used" if self._was_used else ""
        texts = ["" if argument is None else str(argument) for argument in (*given, all_used, *arguments)]
        try:
            answer: Any = self._script(keys=[self._key], args=texts)
        except self._redis.RedisError as error:
            kind = type(error).__name__
            raise QuotaStoreError(f"The quota's server at {_place(self._client)} cannot be used ({kind}).") from None
        self._was_used = self._was_used or operation != "snapshot"
        return [float(number) for number in answer]

    def _tell(self, there: Callable[[], object], here: Callable[[MemoryStore], None]) -> None:
        with never_raising():
            self._either(there, here)

    def _either(self, there: Callable[[], _T], here: Callable[[MemoryStore], _T]) -> _T:
        """Do it on the server; or, if that is gone and there is a fallback, in this process."""
        local = self._local
        try:
            if local is not None:
                if not self._time_to_try_again():
                    return here(local)
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
        self._run("snapshot")
        if self._now() - self._gone_since >= self._window_seconds:
            for _ in range(local.snapshot().limit):
                self._run("answer", self._holders())
        with self._lock:
            self._local = None
        log.warning("The quota's server at %s is back.", _place(self._client))

    def _connect(self) -> tuple[redis.Redis, Script]:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        kind: Any = self._redis.Redis
        timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        try:
            client: redis.Redis = kind.from_url(self._url, **timeouts, retry=Retry(NoBackoff(), 1))
        except ValueError:
            raise ConfigurationError("The quota's URL is none that Redis can be reached by.") from None
        return client, client.register_script(self._lua)

    def _rest(self) -> None:
        # What other threads have in use stays theirs; on both sides of a fork all is connected anew.
        self._client.connection_pool.disconnect(inuse_connections=False)
        self._client, self._script = self._connect()


def _place(client: redis.Redis) -> str:
    """Where the server is, without user and password."""
    of = client.connection_pool.connection_kwargs
    return str(of["path"]) if "path" in of else f"{of.get('host', 'localhost')}:{of.get('port', 6379)}"
