"""Which worker may handle which result, and until when; each method is one transaction."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, CursorResult, Engine, bindparam, literal_column, select, update

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


@dataclass(frozen=True, slots=True)
class Mark:
    """A note that handlers have succeeded on a result.

    Attributes:
        claim: of the result.
        handled_by: all that have.
        finished: whether there is no other.
    """

    claim: ResultClaim
    handled_by: frozenset[str] = field(repr=False)
    finished: bool


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
            counted = 0 if rows and _lost_in_company(rows[0]) else 1
            values = {"claim": token, "lease_until": now + lease_seconds, "attempts": results.c.attempts + counted}
            if rows:
                taken = results.c.id.in_([row.id for row in rows])
                connection.execute(update(results).where(taken).values(values))
        return [
            ResultClaim(row.id, token, row.attempts + counted, frozenset(row.handled_by.split()), bytes(row.payload))
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

    def mark(self, connection: Connection, mark: Mark) -> bool:
        """Note which handlers have succeeded; return False if the claim is no longer held."""
        return _mark(connection, [mark]) == 1

    def mark_all(self, marks: Sequence[Mark]) -> Sequence[bool]:
        """Do `mark` for several results, all in one durable commit."""
        with database_errors(), self.engine.connect() as connection:
            with connection.begin() as transaction:
                if self.mark_locked(connection, marks):
                    return [True] * len(marks)
                transaction.rollback()
            with connection.begin():
                return [self.mark(connection, mark) for mark in marks]

    def mark_locked(self, connection: Connection, marks: Sequence[Mark]) -> bool:
        """Do `mark` for several results in few statements; return False if a claim is no longer held."""
        alike: dict[tuple[object, ...], list[Mark]] = defaultdict(list)
        for mark in marks:
            alike[mark.claim.token, mark.handled_by, mark.finished].append(mark)
        return all(_mark(connection, some) == len(some) for some in alike.values())

    def lock(self, connection: Connection, claims: Sequence[ResultClaim]) -> Collection[ResultClaim]:
        """Keep others from results until the transaction ends; return the claims that are held."""
        rows = connection.execute(_LOCKED, {"of_ids": [claim.id for claim in claims]})
        held = {(row.id, row.claim) for row in rows}
        return {claim for claim in claims if (claim.id, claim.token) in held}

    def fail(self, claim: ResultClaim, error: str, *, again_after_seconds: float | None) -> None:
        """Let a result wait to be handled again, or fail it for good if `again_after_seconds` is None."""
        values: dict[str, Any] = {"claim": "", "lease_until": 0.0, "error": error}
        with database_errors(), self.engine.begin() as connection:
            if again_after_seconds is None:
                values["state"] = "failed"
            else:
                values["due_at"] = self._clock.keep(connection) + again_after_seconds
            connection.execute(update(results).where(*_held([claim])).values(values))

    def release(self, claims: Collection[ResultClaim]) -> None:
        """Give results back as if they had never been claimed."""
        values = {"claim": "", "lease_until": 0.0, "attempts": results.c.attempts - 1}
        by_token: dict[str, list[ResultClaim]] = defaultdict(list)
        for claim in claims:
            by_token[claim.token].append(claim)
        with database_errors(), self.engine.begin() as connection:
            for alike in by_token.values():
                connection.execute(update(results).where(*_held(alike)).values(values))


def count_of(result: Any) -> int:
    """Return how many rows a statement has changed."""
    return cast(CursorResult[Any], result).rowcount


def _lost_in_company(row: Any) -> bool:
    """Whether the latest attempt at a result ended with its worker, which had others too."""
    return row.claim != "" and not row.claim.startswith(_ALONE)


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


def _mark(connection: Connection, marks: Sequence[Mark]) -> int:
    """Note the same of results of one claim; return for how many of them it is still held."""
    values = {
        "of_ids": [mark.claim.id for mark in marks],
        "of_token": marks[0].claim.token,
        "now_handled_by": " ".join(sorted(marks[0].handled_by)),
    }
    return count_of(connection.execute(_FINISHED if marks[0].finished else _PROGRESS, values))


def _held(claims: Sequence[ResultClaim]) -> tuple[Any, ...]:
    """What holds of results while claims of one token are held."""
    these = results.c.id.in_([claim.id for claim in claims])
    return (these, results.c.claim == claims[0].token, results.c.state == WAITING)


_LOCKED = (
    select(results.c.id, results.c.claim)
    .where(results.c.id.in_(bindparam("of_ids", expanding=True)), results.c.state == WAITING)
    .with_for_update()
)

_PROGRESS = (
    update(results)
    .where(
        results.c.id.in_(bindparam("of_ids", expanding=True)),
        results.c.claim == bindparam("of_token"),
        results.c.state == WAITING,
    )
    .values(handled_by=bindparam("now_handled_by"))
)
"""Made once: to make a statement takes longer than to send it."""

_FINISHED = _PROGRESS.values(state="handled", claim="", error="")
