"""Who may have which entry of a queue, and until when; each method is one transaction."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from squadiq.queue.clock import DatabaseClock
from squadiq.queue.database import reading
from squadiq.queue.purpose import Purpose

WAITING: ColumnElement[str] = literal_column("'waiting'")
"""Written into statements as it is: a parameter would keep the partial indexes from being used."""

NOBODY: ColumnElement[str] = literal_column("''")
"""The claim of an entry that no worker has."""


@dataclass(frozen=True, slots=True)
class QueueClaim:
    """An entry that one worker may have until its lease ends."""

    id: int
    token: str
    attempts: int


@dataclass(frozen=True, slots=True)
class QueueTable:
    """A table whose entries are given out.

    Attributes:
        table: with `queue_columns`.
        purpose: what its database is kept for.
        order: entries are given out by this column.
        alike: of entries that are the same in these columns, a later one waits for the earlier ones
        blocking: that are in one of these states.
    """

    table: Table
    purpose: Purpose
    order: Column[Any]
    alike: tuple[str, ...]
    blocking: tuple[str, ...] = ("waiting",)


class Leases:
    """Gives entries to workers for a time, and notes which have failed.

    Every method raises the error of the purpose if the database fails.
    """

    def __init__(self, engine: Engine, clock: DatabaseClock, queue: QueueTable) -> None:
        self.engine = engine
        self._reading = reading(engine)
        self._clock = clock
        self._queue = queue
        self._table = table = queue.table
        self._errors = queue.purpose.errors
        these = table.c.id.in_(bindparam("of_ids", expanding=True))
        # Made once: to make a statement takes longer than to send it.
        self._lock_these = select(table.c.id, table.c.claim).where(these, table.c.state == WAITING).with_for_update()

    def renew(self, claims: Collection[QueueClaim], *, lease_seconds: float) -> None:
        """Lengthen the leases of claims that are still in work."""
        if not claims:
            return
        c = self._table.c
        mine = c.id.in_([claim.id for claim in claims]) & c.claim.in_({claim.token for claim in claims})
        # An entry that a transaction of its worker holds is skipped: nobody else can take it either.
        free = select(c.id).where(mine).with_for_update(skip_locked=True)
        with self._errors(), self.engine.begin() as connection:
            until = self._clock.keep(connection) + lease_seconds
            connection.execute(update(self._table).where(c.id.in_(free)).values(lease_until=until))

    def lock(self, connection: Connection, claims: Sequence[QueueClaim]) -> set[int]:
        """Keep others from entries until the transaction ends; return the ids of those that are still held."""
        rows = connection.execute(self._lock_these, {"of_ids": [claim.id for claim in claims]})
        found = {(row.id, row.claim) for row in rows}
        return {claim.id for claim in claims if (claim.id, claim.token) in found}

    def fail(self, claim: QueueClaim, error: str, *, again_after_seconds: float | None) -> None:
        """Let an entry wait to be tried again, or fail it for good if `again_after_seconds` is None."""
        values: dict[str, Any] = {"claim": "", "lease_until": 0.0, "error": error}
        with self._errors(), self.engine.begin() as connection:
            if again_after_seconds is None:
                values["state"] = "failed"
            else:
                values["due_at"] = self._clock.keep(connection) + again_after_seconds
            connection.execute(update(self._table).where(*self._held([claim])).values(values))

    def release(self, claims: Collection[QueueClaim]) -> None:
        """Give entries back as if they had never been claimed."""
        values = {"claim": "", "lease_until": 0.0, "attempts": self._table.c.attempts - 1}
        by_token: dict[str, list[QueueClaim]] = defaultdict(list)
        for claim in claims:
            by_token[claim.token].append(claim)
        with self._errors(), self.engine.begin() as connection:
            for alike in by_token.values():
                connection.execute(update(self._table).where(*self._held(alike)).values(values))

    def replay(self, ids: Collection[int] | None) -> int:
        """Let entries that failed for good, all or these, be tried anew; return how many."""
        c = self._table.c
        chosen = [c.state == "failed"] + ([] if ids is None else [c.id.in_(ids)])
        values = {"state": "waiting", "attempts": 0, "due_at": 0.0, "lease_until": 0.0, "claim": ""}
        with self._errors(), self.engine.begin() as connection:
            return count_of(connection.execute(update(self._table).where(*chosen).values(values)))

    def numbers_by_state(self) -> dict[str, int]:
        """Return the number of entries in each state that has some."""
        query = select(self._table.c.state, func.count()).group_by(self._table.c.state)
        with self._errors(), self._reading.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _take(
        self, connection: Connection, rows: Sequence[Any], *, until: float, prefix: str = "", counted: int = 1
    ) -> str:
        """Claim rows that were selected for it; return the token."""
        token = f"{prefix}{uuid.uuid4().hex}"
        values = {"claim": token, "lease_until": until, "attempts": self._table.c.attempts + counted}
        if rows:
            taken = self._table.c.id.in_([row.id for row in rows])
            connection.execute(update(self._table).where(taken).values(values))
        return token

    def _some(self, connection: Connection, conditions: tuple[Any, ...], limit: int, by: Any) -> list[Any]:
        query = select(self._table).where(*conditions).order_by(by, self._table.c.id).limit(limit)
        return list(connection.execute(query.with_for_update(skip_locked=True)))

    def _first(self, connection: Connection, conditions: tuple[Any, ...]) -> int | None:
        """The id of an entry that nobody keeps locked: a transaction of its worker may take longer than a lease."""
        query = select(self._table.c.id).where(*conditions).limit(1).with_for_update(skip_locked=True)
        return connection.execute(query).scalar()

    def _due(self, now: float) -> tuple[Any, ...]:
        """What holds of entries that were not given out and are to be."""
        c = self._table.c
        return (c.state == WAITING, c.claim == NOBODY, c.due_at <= now, ~self._blocked())

    def _lost(self, now: float, held: Collection[int] = ()) -> tuple[Any, ...]:
        """What holds of entries whose worker was not heard of for the time of its lease."""
        c = self._table.c
        lost = (c.state == WAITING, c.claim != NOBODY, c.lease_until <= now, ~self._blocked())
        return (*lost, c.id.not_in(held)) if held else lost

    def _blocked(self) -> Any:
        earlier = self._table.alias()
        order = self._queue.order.name
        same = [earlier.c[name] == self._table.c[name] for name in self._queue.alike]
        before = earlier.c[order] < self._table.c[order]
        states: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in self._queue.blocking]
        is_blocking = earlier.c.state.in_(states) if len(states) > 1 else earlier.c.state == states[0]
        return select(earlier.c.id).where(*same, before, is_blocking).exists()

    def _held(self, claims: Sequence[QueueClaim]) -> tuple[Any, ...]:
        """What holds of entries while claims of one token are held."""
        c = self._table.c
        these = c.id.in_([claim.id for claim in claims])
        return (these, c.claim == claims[0].token, c.state == WAITING)


def count_of(result: Any) -> int:
    """Return how many rows a statement has changed."""
    return cast(CursorResult[Any], result).rowcount
