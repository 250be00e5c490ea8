"""The time of a queue's database, by which leases end and retries are due: no wall clock can move it.

It goes on by what surely passed. A process that has seen it adds what its own monotonic clock says since;
one that comes anew adds what the outer clock says since it was last kept. That is the monotonic clock of
the machine for a SQLite file, which stands still while the machine is off, and the server's clock for
PostgreSQL, which several machines share.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Float, Table, case, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite


class Time(NamedTuple):
    """Where time and chance come from.

    Attributes:
        now: the time in seconds since 1970, the same for all that share a database.
        monotonic: seconds that no step of the wall clock changes, the same for all on this machine.
        rng: random numbers from 0 to 1, which spread retries.
    """

    now: Callable[[], float]
    monotonic: Callable[[], float]
    rng: Callable[[], float]


SYSTEM_TIME = Time(time.time, time.monotonic, random.random)


class Reading(NamedTuple):
    """The database's time, and what another clock read at that moment."""

    time: float
    other: float


def advanced(kept: Reading, outer: float, seen: Reading | None, monotonic: float) -> float:
    """Return the database's time.

    Args:
        kept: in the database, with the outer clock.
        outer: what the outer clock reads now.
        seen: by this process, with its own monotonic clock; None if it has not looked before.
        monotonic: what that clock reads now.
    """
    if seen is not None:
        return max(kept.time, seen.time + max(0.0, monotonic - seen.other))
    return kept.time + max(0.0, outer - kept.other)


class DatabaseClock:
    """Reads and keeps the time of a database.

    Args:
        table: in which it is kept, made by `clock_table`.
        on_postgresql: whether the outer clock is the server's.
        now: the wall clock, with which a new database begins.
        monotonic: seconds that no step of the wall clock changes.
    """

    def __init__(
        self, table: Table, *, on_postgresql: bool, now: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._table = table
        self._on_postgresql = on_postgresql
        self._now = now
        self._monotonic = monotonic
        self._seen: Reading | None = None

    def read(self, connection: Connection) -> tuple[float, bool]:
        """Return the time, and whether the outer clock has gone back, so that the time is to be kept anew."""
        time, outer, kept = self._read(connection)
        return time, outer < kept.other

    def keep(self, connection: Connection) -> float:
        """Return the time, and keep it in the database for those who come anew."""
        time, outer, _ = self._read(connection)
        clock = self._table
        insert = (postgresql if self._on_postgresql else sqlite).insert(clock).values(id=1, time=time, read_at=outer)
        latest = case((clock.c.time > insert.excluded.time, clock.c.time), else_=insert.excluded.time)
        changes = {"time": latest, "read_at": insert.excluded.read_at}
        connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changes))
        return time

    def _read(self, connection: Connection) -> tuple[float, float, Reading]:
        monotonic = self._monotonic()
        here: ColumnElement[float] = literal(monotonic, Float)
        outer_clock = func.date_part("epoch", func.clock_timestamp()) if self._on_postgresql else here
        columns = (self._table.c.time, self._table.c.read_at)
        kept = [select(column).scalar_subquery() for column in columns]
        time, read_at, outer = tuple(connection.execute(select(*kept, outer_clock)).one())
        known = Reading(self._now(), outer) if time is None else Reading(time, read_at)
        time = advanced(known, outer, self._seen, monotonic)
        self._seen = Reading(time, monotonic)
        return time, outer, known
