"""Which worker may handle which result, and what handlers have done; each method is one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update

from squadiq.inbox.tables import INBOX, results
from squadiq.queue.clock import DatabaseClock
from squadiq.queue.leases import WAITING, Leases, QueueClaim, QueueTable, count_of

QUEUE = QueueTable(results, INBOX, results.c.processed_at, ("campaign_id", "lead_id"))

_ALONE = "alone-"
"""Begins the token of a claim beside which its worker handles nothing."""

WORKER_LOST = "the worker was lost while handling it"


@dataclass(frozen=True, slots=True)
class ResultClaim(QueueClaim):
    """A result that one worker may handle until its lease ends."""

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


class ResultLeases(Leases):
    """Gives results to workers for a time.

    A worker that is lost with several results may have been killed by any one of them. Each is then
    handled alone, and the attempt at which it was lost in company does not count.
    """

    def __init__(self, engine: Engine, clock: DatabaseClock) -> None:
        super().__init__(engine, clock, QUEUE)

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
        with self._errors(), self._reading.connect() as connection:
            now, went_back = self._clock.read(connection)
            lost = self._first(connection, self._lost(now, held))
            idle = lost is None and self._first(connection, self._due(now)) is None
        if (idle and not went_back) or (lost is not None and held):
            return []
        with self._errors(), self.engine.begin() as connection:
            now = self._clock.keep(connection)
            rows: list[Any] = []
            if lost is not None:
                _fail(connection, self._lost(now, held), max_attempts)
                rows = self._some(connection, self._lost(now, held), 1, results.c.lease_until)
            alone = bool(rows) or (limit == 1 and not held)
            rows = rows or self._some(connection, self._due(now), limit, results.c.processed_at)
            counted = 0 if rows and _lost_in_company(rows[0]) else 1
            prefix = _ALONE if alone else ""
            token = self._take(connection, rows, until=now + lease_seconds, prefix=prefix, counted=counted)
        return [
            ResultClaim(row.id, token, row.attempts + counted, frozenset(row.handled_by.split()), bytes(row.payload))
            for row in rows
        ]

    def mark(self, connection: Connection, mark: Mark) -> bool:
        """Note which handlers have succeeded; return False if the claim is no longer held."""
        return _mark(connection, [mark]) == 1

    def mark_all(self, marks: Sequence[Mark]) -> Sequence[bool]:
        """Do `mark` for several results, all in one durable commit."""
        with self._errors(), self.engine.connect() as connection:
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


def _lost_in_company(row: Any) -> bool:
    """Whether the latest attempt at a result ended with its worker, which had others too."""
    return row.claim != "" and not row.claim.startswith(_ALONE)


def _fail(connection: Connection, conditions: tuple[Any, ...], max_attempts: int) -> None:
    spent = (results.c.attempts >= max_attempts, results.c.claim.startswith(_ALONE, autoescape=True))
    chosen = select(results.c.id).where(*conditions, *spent).with_for_update(skip_locked=True)
    values = {"state": "failed", "error": WORKER_LOST, "claim": ""}
    connection.execute(update(results).where(results.c.id.in_(chosen)).values(values))


def _mark(connection: Connection, marks: Sequence[Mark]) -> int:
    """Note the same of results of one claim; return for how many of them it is still held."""
    values = {
        "of_ids": [mark.claim.id for mark in marks],
        "of_token": marks[0].claim.token,
        "now_handled_by": " ".join(sorted(marks[0].handled_by)),
    }
    return count_of(connection.execute(_FINISHED if marks[0].finished else _PROGRESS, values))


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
