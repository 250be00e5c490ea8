"""The quota in PostgreSQL: shared by all machines, on the server's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError
from squadiq.quota import slots
from squadiq.quota.bound import left
from squadiq.quota.encoding import decode, encode
from squadiq.quota.server import HIDES_ITS_HOST, QUOTE_IT, TIMEOUT_SECONDS, ServerStore
from squadiq.quota.slots import QuotaState, SlotClaim
from squadiq.quota.store import Snapshot, log, new_holder, snapshot_of

_BAD_URL = "The quota's URL (quota= or SQUADIQ_QUOTA_URL) is none that PostgreSQL can be reached by."

_HINTS = {
    "InsufficientPrivilege": "its user may not make, read or write the table squadiq_quota",
    "InvalidSchemaName": "there is no schema for the table squadiq_quota: look at its search_path",
    "LockNotAvailable": "another program holds this quota",
    "QueryCanceled": "it takes too long, or another program holds this quota",
    "ReadOnlySqlTransaction": "it is a replica, or set to be only read: name the primary",
    "UndefinedColumn": "its table squadiq_quota is somebody else's",
    "WrongObjectType": "its squadiq_quota is no table",
}
_SAID = {
    "password authentication failed": "check its user and password",
    "no password supplied": "check its user and password",
    "does not exist": "check its user and its database",
}
"""Of words of libpq that hold what was given, only what they are about is told."""

_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = {milliseconds};
SET LOCAL lock_timeout = {milliseconds};
SET LOCAL idle_in_transaction_session_timeout = {idle_milliseconds};
SET LOCAL synchronous_commit = local;
"""
"""A program that is stopped in the middle loses its connection, and with it what it holds. Whatever the server is set
to, a hit that is sent is on its disk, since a crash of one of its processes does not tell its start anew."""

_MAKE = """
SELECT pg_advisory_xact_lock({lock});
CREATE TABLE IF NOT EXISTS squadiq_quota (
  name text PRIMARY KEY,
  server_started double precision NOT NULL,
  state bytea NOT NULL
);
COMMIT;
"""
_MAKERS_LOCK = 0x5D1B0D
"""Any number: two that make the table at once would be in each other's way."""

_TAKE = """
SELECT state, server_started, extract(epoch FROM clock_timestamp())::float8,
  extract(epoch FROM pg_postmaster_start_time())::float8
FROM (SELECT state, server_started FROM squadiq_quota WHERE name = {name} FOR UPDATE) AS held;
"""
"""Within, so that the clock is read when the row is held, and not before it is waited for."""
_ADD = "INSERT INTO squadiq_quota VALUES ({name}, 0, '') ON CONFLICT (name) DO NOTHING;"
_KEEP = "UPDATE squadiq_quota SET state = {state}, server_started = {started} WHERE name = {name}; COMMIT;"

_SAME_START_SECONDS = 0.001

_T = TypeVar("_T")


class PostgresStore(ServerStore):
    """Keep the quota in a table of PostgreSQL, `squadiq_quota`, where all machines share it.

    It is right as long as the server's clock does not step forward. After the server was started anew, or
    another one took over, the quota counts as used at its start; if its row is lost while this process is
    using it, it is begun anew as if every slot had been used just now.
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
        """Take the server's address; it is connected to, and its table made, at the first use.

        Args:
            url: `postgresql://user:password@host/database`, as libpq takes it.
            name: tells one quota from another in the same table.
            limit: hits in a window.
            window_seconds: length of the window.
            fallback: "local" to go on with a share of the quota while the server is gone.
            server_now: a clock in place of the server's.
            now: a clock that says when to look for the server again.
            holders: a source of random names for reservations.

        Raises:
            ConfigurationError: the URL, limit or window make no sense.
            MissingExtraError: psycopg is not installed.
        """
        with needs_extra("postgres"):
            from psycopg import sql

            from squadiq.quota.postgres_line import Line, host_and_port
        ServerStore.__init__(self, limit, window_seconds, fallback=fallback, now=now, holders=holders)
        if HIDES_ITS_HOST.search(url):
            raise ConfigurationError(f"{_BAD_URL} {QUOTE_IT}")
        try:
            self._where = host_and_port(url)
            self._name = sql.Literal(name)
        except Exception:  # also of what cannot be encoded
            raise ConfigurationError(f"{_BAD_URL} Check its address and its options.") from None
        self._sql: Any = sql
        self._server_now = server_now
        self._was_used = False
        self._line = Line(url, self._make_table)

    def close(self) -> None:
        """Close the connection; using the store opens another."""
        self._line.close()

    def _claim(
        self, holder: int, since: float | None, lease_seconds: float, max_wait_seconds: float | None, keep_free: int
    ) -> SlotClaim:
        return self._change(
            lambda state: slots.claim(
                state, self._rules, holder, since, lease_seconds, max_wait_seconds, keep_free=keep_free
            )
        )

    def _complete(self, holder: int) -> None:
        self._change(lambda state: (slots.complete(state, self._rules, holder), None))

    def _free(self, holder: int) -> None:
        self._change(lambda state: (slots.give_back(state, holder), None))

    def _throttle(self, retry_after_seconds: float) -> None:
        self._change(lambda state: (slots.throttle(state, self._rules, retry_after_seconds), None))

    def _look(self) -> Snapshot:
        return self._change(lambda state: (state, snapshot_of(state, self._rules, self._window_seconds)))

    def _reset(self) -> None:
        self._change(lambda state: (slots.reset(state, self._rules), None))

    @property
    def _place(self) -> str:
        return self._where

    def _change(self, change: Callable[[QuotaState], tuple[QuotaState, _T]]) -> _T:
        """Bring the state to now, change it with nobody else in between, and return what came of it."""
        try:
            result: _T = self._line.use(lambda connection: self._transact(connection, change))
        except Exception as error:  # psycopg's own, and whatever else a server that is none leads to
            raise self._cannot(_reason(error)) from None
        self._was_used = True
        return result

    def _transact(self, connection: Any, change: Callable[[QuotaState], tuple[QuotaState, _T]]) -> _T:
        taken = self._rows(connection, self._begin() + _TAKE)
        added = False
        if not taken:
            added = connection.execute(self._query(_ADD)).rowcount == 1
            taken = self._rows(connection, _TAKE)
        [(stored, was_started, server_now, started)] = taken
        now = server_now if self._server_now is None else self._server_now()
        state = self._state_of(None if added else stored, now)
        if not added and abs(was_started - started) > _SAME_START_SECONDS:
            state = slots.after_restart(state, self._rules, server_now - started)
        state, result = change(state)
        connection.execute(self._query(_KEEP, state=encode(state), started=started))
        return result

    def _state_of(self, stored: bytes | None, now: float) -> QuotaState:
        if stored is None:
            return slots.fresh(self._rules, now, now, all_used=self._was_used)
        try:
            return slots.advance(decode(stored), self._rules, now, now)
        except (ValueError, TypeError, OverflowError):
            log.warning("The quota at %s cannot be read: waiting one window, as if all of it was used.", self._place)
            return slots.fresh(self._rules, now, now, all_used=True)

    def _make_table(self, connection: Any) -> None:
        if self._rows(connection, "SELECT to_regclass('squadiq_quota')") == [(None,)]:
            connection.execute(self._query(self._begin() + _MAKE.replace("{lock}", str(_MAKERS_LOCK))))

    def _begin(self) -> str:
        milliseconds = max(1, int(1000 * left()))
        return _BEGIN.format(milliseconds=milliseconds, idle_milliseconds=int(1000 * TIMEOUT_SECONDS))

    def _rows(self, connection: Any, query: str) -> list[Any]:
        """Execute statements, and return the rows of the last one."""
        cursor = connection.execute(self._query(query))
        while cursor.nextset():
            pass
        rows: list[Any] = cursor.fetchall()
        return rows

    def _query(self, query: str, **values: object) -> Any:
        """The statements with their values in them: so they go to the server all at once."""
        return self._sql.SQL(query).format(name=self._name, **values)


def _reason(error: Exception) -> str:
    """Return what is wrong with the server and what to do about it, in our own words: its own may hold anything."""
    kind = type(error).__name__
    hints = [hint for words, hint in _SAID.items() if kind == "OperationalError" and words in str(error)]
    hint = _HINTS.get(kind, hints[0] if hints else None)
    return kind if hint is None else f"{kind}: {hint}"
