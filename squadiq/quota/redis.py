"""The quota in Redis or Valkey: shared by all machines, on the server's clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError
from squadiq.quota.server import HIDES_ITS_HOST, QUOTE_IT, ServerStore
from squadiq.quota.slots import SlotClaim
from squadiq.quota.store import Snapshot, new_holder

if TYPE_CHECKING:
    import redis
    from redis.commands.core import Script

KEY_LIVES_MILLISECONDS = 30 * 24 * 3600 * 1000
"""How long after its last use a quota is forgotten."""

_BAD_URL = "The quota's URL (quota= or SQUADIQ_QUOTA_URL) is none that Redis can be reached by."
_HINTS = {
    "AuthenticationError": "check its user and password",
    "NoPermissionError": "its user may not run scripts, or not use this key",
    "ReadOnlyError": "it is a replica: name the primary",
    "MovedError": "it is part of a cluster: name a server of its own",
    "OutOfMemoryError": "it has no memory left",
    "InvalidResponse": "it is no Redis",
    "ResponseError": "check its database, that it runs Lua, and what stands under its key: `squadiq quota --reset`",
}


class RedisStore(ServerStore):
    """Keep the quota in Redis or Valkey, where all machines share it.

    It is right as long as the server keeps what it is told and its clock does not step forward. If
    the server lost the quota while this process was using it, it is begun anew as if every slot had
    been used just now.
    """

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
        with needs_extra("redis"):
            import redis

            from squadiq.quota.connection import KINDS
        ServerStore.__init__(self, limit, window_seconds, fallback=fallback, now=now, holders=holders)
        self._redis, self._kinds = redis, KINDS
        self._url = url
        self._key = f"squadiq:quota:3:{name}"
        self._lua = files("squadiq.quota").joinpath("slots.lua").read_text("utf-8")
        self._server_now = server_now
        self._was_used = False
        self._client, self._script = self._connect()

    def close(self) -> None:
        """Close the connections; using the store opens others."""
        with self._lock:
            self._rest()

    def _claim(
        self, holder: int, since: float | None, lease_seconds: float, max_wait_seconds: float | None, keep_free: int
    ) -> SlotClaim:
        arguments = (holder, since, lease_seconds, max_wait_seconds, keep_free)
        since, wait, expected, refused = self._run("claim", 4, *arguments)
        return SlotClaim(since, wait, expected, bool(refused))

    def _complete(self, holder: int) -> None:
        self._run("complete", 0, holder)

    def _free(self, holder: int) -> None:
        self._run("give_back", 0, holder)

    def _throttle(self, retry_after_seconds: float) -> None:
        self._run("throttle", 0, retry_after_seconds)

    def _look(self) -> Snapshot:
        free, in_flight, waiting, next_free, paused, refused_hits = self._run("snapshot", 6)
        counts = (int(free), int(in_flight), int(waiting))
        return Snapshot(self.limit, self._window_seconds, *counts, next_free, paused, int(refused_hits))

    def _reset(self) -> None:
        self._run("reset", 0)

    def _run(self, operation: str, results: int, *arguments: float | None) -> list[float]:
        """Run the script, within `bounded`, and return the numbers that came of it."""
        now = None if self._server_now is None else self._server_now()
        given = (operation, self._rules.limit, self._rules.window_seconds, now, KEY_LIVES_MILLISECONDS)
        all_used = "all used" if self._was_used else ""
        texts = ["" if argument is None else str(argument) for argument in (*given, all_used, *arguments)]
        try:
            response: Any = self._script(keys=[self._key], args=texts)
            numbers = _numbers(response, results)
        except Exception as error:  # redis-py lets many kinds through, for options and servers that it did not expect
            raise self._cannot(reason(error)) from None
        self._was_used = self._was_used or operation != "snapshot"
        return numbers

    def _connect(self) -> tuple[redis.Redis, Script]:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        kind: Any = self._redis.Redis
        if HIDES_ITS_HOST.search(str(self._url)):
            raise ConfigurationError(f"{_BAD_URL} {QUOTE_IT}")
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
        of = self._client.connection_pool.connection_kwargs
        return str(of["path"]) if "path" in of else f"{of.get('host', 'localhost')}:{of.get('port', 6379)}"


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
