"""Which worker may handle which result, and until when; each method is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, CursorResult, Engine, literal_column, select, update

from squadiq.inbox.clock import DatabaseClock
from squadiq.inbox.database import reading
from squadiq.inbox.errors import database_errors
from squadiq.inbox.tables import results

WAITING: ColumnElement[str] = literal_column("'waiting'")
"""Written into statements as it is: a parameter would keep the partial indexes from being used."""

NOBODY: ColumnElement[str] = literal_column("''")
"""The claim of a result that no worker has."""

_ALONE = "alone-"
"""Begins the token of a claim beside which its worker handles nothing."""

WORKER_LOST = "the worker was lost while handling it"


@dataclass(frozen=True, slots=True)
class ResultClaim:
    """A result that one worker may handle until its lease ends."""

    id: int
    token: str
    attempts: int
    handled_by: frozenset[str]
    payload: bytes = field(repr=False)

    @property
    def alone(self) -> bool:
        """Whether nothing may be handled beside it, since a worker was lost that had it."""
        return self.token.startswith(_ALONE)


class Leases:
    """Gives results to workers for a time.

    A worker that is lost with several results may have been killed by any one of them. Each is then
    handled alone, and the attempt at which it was lost in company does not count.
    """

    def __init__(self, engine: Engine, clock: DatabaseClock) -> None:
        self.engine = engine
        self._reading = reading(engine)
        self._clock = clock

    def claim(
        self, limit: int, *, lease_seconds: float, max_attempts: int, held: Collection[int] = ()
    ) -> list[ResultClaim]:
        """Take up to `limit` results that are due, in the order of `processed_at`, for `lease_seconds`.

        Of one lead, only the earliest result that waits is given out. A result whose worker was lost is
        given out alone, to a worker that holds nothing: one that does gets nothing until it is done. If
        it was lost so at its last attempt, it has failed for good.

        Args:
            limit: how many.
            lease_seconds: how long they stay with a worker that is not heard of.
            max_attempts: after so many a result has failed for good.
            held: ids of the results that this worker has already.
        """
        with database_errors(), self._reading.connect() as connection:
            now, went_back = self._clock.read(connection)
            lost = _first(connection, _lost(now, held))
            idle = lost is None and _first(connection, _due(now)) is None
        if (idle and not went_back) or (lost is not None and held):
            return []
        with database_errors(), self.engine.begin() as connection:
            now = self._clock.keep(connection)
            rows: list[Any] = []
            if lost is not None:
                _fail(connection, _lost(now, held), max_attempts)
                rows = _some(connection, _lost(now, held), 1, results.c.lease_until)
            alone = bool(rows) or (limit == 1 and not held)
            rows = rows or _some(connection, _due(now), limit, results.c.processed_at)
            token = f"{_ALONE if alone else ''}{uuid.uuid4().hex}"
            for row in rows:
                values = {"claim": token, "lease_until": now + lease_seconds, "attempts": _attempts(row)}
                connection.execute(update(results).where(results.c.id == row.id).values(values))
        return [
            ResultClaim(row.id, token, _attempts(row), frozenset(row.handled_by.split()), bytes(row.payload))
            for row in rows
        ]

    def renew(self, claims: Collection[ResultClaim], *, lease_seconds: float) -> None:
        """Lengthen the leases of claims that are still being handled."""
        mine = results.c.id.in_([claim.id for claim in claims]) & results.c.claim.in_({claim.token for claim in claims})
        # A result that a transaction of its handler holds is skipped: nobody else can take it either.
        free = select(results.c.id).where(mine).with_for_update(skip_locked=True)
        with database_errors(), self.engine.begin() as connection:
            until = self._clock.keep(connection) + lease_seconds
            connection.execute(update(results).where(results.c.id.in_(free)).values(lease_until=until))

    def mark(self, connection: Connection, claim: ResultClaim, handled_by: Collection[str], *, finished: bool) -> bool:
        """Note which handlers have succeeded; return False if the claim is no longer held."""
        values: dict[str, Any] = {"handled_by": " ".join(sorted(handled_by))}
        if finished:
            values |= {"state": "handled", "claim": "", "error": ""}
        changed = connection.execute(update(results).where(*_held(claim)).values(values))
        return count_of(changed) == 1

    def mark_now(self, claim: ResultClaim, handled_by: Collection[str], *, finished: bool) -> bool:
        """Do `mark` in a transaction of its own."""
        with database_errors(), self.engine.begin() as connection:
            return self.mark(connection, claim, handled_by, finished=finished)

    def fail(self, claim: ResultClaim, error: str, *, again_after_seconds: float | None) -> None:
        """Let a result wait to be handled again, or set it aside if `again_after_seconds` is None."""
        values: dict[str, Any] = {"claim": "", "lease_until": 0.0, "error": error}
        with database_errors(), self.engine.begin() as connection:
            if again_after_seconds is None:
                values["state"] = "failed"
            else:
                values["due_at"] = self._clock.keep(connection) + again_after_seconds
            connection.execute(update(results).where(*_held(claim)).values(values))

    def release(self, claim: ResultClaim) -> None:
        """Give a result back as if it had never been claimed."""
        values = {"claim": "", "lease_until": 0.0, "attempts": results.c.attempts - 1}
        with database_errors(), self.engine.begin() as connection:
            connection.execute(update(results).where(*_held(claim)).values(values))


def count_of(result: Any) -> int:
    """Return how many rows a statement has changed."""
    return cast(CursorResult[Any], result).rowcount


def _attempts(row: Any) -> int:
    """Which attempt the next one of a result is."""
    lost_in_company = row.claim != "" and not row.claim.startswith(_ALONE)
    return int(row.attempts) + (0 if lost_in_company else 1)


def _some(connection: Connection, conditions: tuple[Any, ...], limit: int, by: Any) -> list[Any]:
    query = select(results).where(*conditions).order_by(by, results.c.id).limit(limit)
    return list(connection.execute(query.with_for_update(skip_locked=True)))


def _first(connection: Connection, conditions: tuple[Any, ...]) -> int | None:
    """The id of a result that nobody keeps locked: a transaction of its handler may take longer than a lease."""
    query = select(results.c.id).where(*conditions).limit(1).with_for_update(skip_locked=True)
    return connection.execute(query).scalar()


def _fail(connection: Connection, conditions: tuple[Any, ...], max_attempts: int) -> None:
    spent = (results.c.attempts >= max_attempts, results.c.claim.startswith(_ALONE, autoescape=True))
    chosen = select(results.c.id).where(*conditions, *spent).with_for_update(skip_locked=True)
    values = {"state": "failed", "error": WORKER_LOST, "claim": ""}
    connection.execute(update(results).where(results.c.id.in_(chosen)).values(values))


def _due(now: float) -> tuple[Any, ...]:
    """What holds of results that were not given out and are to be handled."""
    return (results.c.state == WAITING, results.c.claim == NOBODY, results.c.due_at <= now, ~_blocked())


def _lost(now: float, held: Collection[int]) -> tuple[Any, ...]:
    """What holds of results whose worker was not heard of for the time of its lease."""
    lost = (results.c.state == WAITING, results.c.claim != NOBODY, results.c.lease_until <= now, ~_blocked())
    return (*lost, results.c.id.not_in(held)) if held else lost


def _blocked() -> Any:
    earlier = results.alias()
    return (
        select(earlier.c.id)
        .where(
            earlier.c.campaign_id == results.c.campaign_id,
            earlier.c.lead_id == results.c.lead_id,
            earlier.c.processed_at < results.c.processed_at,
            earlier.c.state == WAITING,
        )
        .exists()
    )


def _held(claim: ResultClaim) -> tuple[Any, ...]:
    return (results.c.id == claim.id, results.c.claim == claim.token, results.c.state == WAITING)
