"""What is written to and read from an inbox's database; each method is one transaction."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Engine,
    Float,
    LargeBinary,
    Row,
    String,
    bindparam,
    delete,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from squadiq_generated._base import masked

from squadiq.inbox.errors import InboxError
from squadiq.inbox.leases import ResultLeases
from squadiq.inbox.payloads import lead_of
from squadiq.inbox.tables import INBOX, backfills, clock, erased_leads, results
from squadiq.queue.clock import DatabaseClock
from squadiq.queue.database import assure_kept, without_transaction
from squadiq.queue.figures import QueueFigures, figures_of
from squadiq.queue.leases import count_of
from squadiq.webhooks.parsing import DeliveredLead

ResultState = Literal["waiting", "handled", "failed"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_SECOND = timedelta(seconds=1)
_FIRST_SECOND = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _ONE_SECOND
_LAST_SECOND = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _ONE_SECOND
"""An offset can carry a time of the year 1 or 9999 to where UTC has no year for it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A processed lead on its way into the inbox."""

    campaign_id: str
    lead_id: str = field(repr=False)
    processed_at: datetime
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One processing result in the inbox.

    Attributes:
        id: of the result in this inbox.
        campaign_id: of the campaign.
        lead_id: of the lead; masked in the repr if it looks like a phone number.
        processed_at: when the lead was processed, to the second.
        received_at: when it was stored.
        state: `waiting` to be handled, `handled`, or `failed` after too many failures.
        attempts: how often it was given to the handlers, until it is replayed.
        error: the kind and place of the latest failure, without its message; empty if there is none.
        payload: the body as it came.
    """

    id: int
    campaign_id: str
    lead_id: str = field(repr=False)
    processed_at: datetime
    received_at: datetime
    state: ResultState
    attempts: int
    error: str
    payload: bytes = field(repr=False)

    @property
    def lead(self) -> DeliveredLead:
        """The processed lead."""
        return lead_of(self.payload)

    @property
    def shown_lead_id(self) -> str:
        """The `lead_id` in a form that may be logged."""
        return masked(self.lead_id)


class InboxStore(ResultLeases):
    """The durable part of an inbox.

    Args:
        engine: as `open_database` makes it.
        now: the time in seconds since 1970, the same for all processes that share the database.
        monotonic: seconds that no step of the wall clock changes.

    Every method raises InboxError if the database fails.
    """

    def __init__(
        self, engine: Engine, now: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_postgresql = engine.dialect.name == "postgresql"
        super().__init__(engine, DatabaseClock(clock, on_postgresql=self._on_postgresql, now=now, monotonic=monotonic))
        self._now = now
        self._insert = _insert_unless_known(self._on_postgresql)

    def now(self) -> datetime:
        """Return the time by the inbox's clock."""
        return EPOCH + timedelta(seconds=self._now())

    def add(self, arrivals: Sequence[Arrival]) -> int:
        """Store results that are not there yet, all in one durable commit; return how many were new."""
        now = self._now()
        rows = [
            {
                "campaign_id": arrival.campaign_id,
                "lead_id": arrival.lead_id,
                "processed_at": second_of(arrival.processed_at),
                "payload": arrival.payload,
                "received_at": now,
                "lead_key": _lead_key(arrival.campaign_id, arrival.lead_id),
            }
            for arrival in arrivals
        ]
        with self._errors(), self.engine.connect() as connection:
            with connection.begin():
                added = count_of(connection.execute(self._insert, rows))
            assure_kept(connection)
        return added

    def failed(self) -> list[StoredResult]:
        """Return the results that failed for good, in the order of `processed_at`."""
        return self._select(results.c.state == "failed")

    def of_lead(self, campaign_id: str, lead_id: str) -> list[StoredResult]:
        """Return all results of a lead, in the order of `processed_at`."""
        return self._select((results.c.campaign_id == campaign_id) & (results.c.lead_id == lead_id))

    def counts(self) -> dict[ResultState, int]:
        """Return the number of results in each state."""
        found = self.numbers_by_state()
        return {state: found.get(state, 0) for state in ("waiting", "handled", "failed")}

    def figures(self) -> QueueFigures:
        """Return how the inbox stands."""
        stored_at = results.c.received_at
        return figures_of(self.engine, INBOX, results, stored_at=stored_at, failed=["failed"], now=self._now())

    def replay_some(self, *, since: float | None, until: float | None, not_handled_by: str | None) -> int:
        """Let results that failed for good be handled anew, of those received in between; return how many."""
        c = results.c
        chosen: list[Any] = [c.state == "failed"]
        chosen += [] if since is None else [c.received_at >= since]
        chosen += [] if until is None else [c.received_at <= until]
        if not_handled_by is not None:
            names = literal(" ") + c.handled_by + " "
            chosen.append(~names.contains(f" {not_handled_by} ", autoescape=True))
        with self._errors(), self._reading.connect() as connection:
            ids = list(connection.execute(select(c.id).where(*chosen)).scalars())
        return self.replay(ids)

    def erase(self, campaign_id: str, lead_id: str) -> int:
        """Erase a lead's results, and keep those processed before now from coming back; return how many."""
        dialect = postgresql if self._on_postgresql else sqlite
        row = {"lead_key": _lead_key(campaign_id, lead_id), "erased_at": int(self._now())}
        note = dialect.insert(erased_leads).values(row)
        note = note.on_conflict_do_update(index_elements=["lead_key"], set_={"erased_at": row["erased_at"]})
        of_lead = (results.c.campaign_id == campaign_id) & (results.c.lead_id == lead_id)
        with self._errors(), self.engine.begin() as connection:
            if self._on_postgresql:  # or a delivery that is being stored right now could slip in behind
                connection.execute(text(f"LOCK TABLE {results.name} IN SHARE ROW EXCLUSIVE MODE"))
            erased = count_of(connection.execute(delete(results).where(of_lead)))
            connection.execute(note)
        if not self._on_postgresql:
            self._empty_log()
        return erased

    def read_until(self, campaign_id: str) -> datetime | None:
        """Return the latest `processed_at` that polling has reached in a campaign."""
        query = select(backfills.c.read_until).where(backfills.c.campaign_id == campaign_id)
        with self._errors(), self._reading.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else EPOCH + timedelta(seconds=found)

    def has_read_until(self, campaign_id: str, moment: datetime) -> None:
        """Note that polling has reached a time in a campaign; it never goes back."""
        dialect = postgresql if self._on_postgresql else sqlite
        second = second_of(moment)
        note = dialect.insert(backfills).values(campaign_id=campaign_id, read_until=second)
        note = note.on_conflict_do_update(
            index_elements=["campaign_id"], set_={"read_until": second}, where=backfills.c.read_until < second
        )
        with self._errors(), self.engine.begin() as connection:
            connection.execute(note)

    def _select(self, condition: Any) -> list[StoredResult]:
        query = select(results).where(condition).order_by(results.c.processed_at, results.c.id)
        with self._errors(), self._reading.connect() as connection:
            return [stored_result(row) for row in connection.execute(query)]

    def _empty_log(self) -> None:
        """Remove erased data from SQLite's write-ahead log too."""
        with self._errors(), without_transaction(self.engine).connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        if busy:
            raise InboxError(
                "The lead is erased from the inbox, but another process kept its write-ahead log from being emptied. "
                "Call erase() again."
            )


def second_of(moment: datetime) -> int:
    """Return an aware time as whole seconds since 1970, rounded down.

    The API documentation gives times in whole seconds, so two forms of one result can differ in
    what is written beyond them, but two results of one lead cannot lie within one.
    """
    return max(_FIRST_SECOND, min((moment - EPOCH) // _ONE_SECOND, _LAST_SECOND))


def _insert_unless_known(on_postgresql: bool) -> Any:
    """An insert that does nothing for a result that is there, or of a lead that was erased since."""
    arriving = (
        bindparam("campaign_id", type_=String),
        bindparam("lead_id", type_=String),
        bindparam("processed_at", type_=BigInteger),
        bindparam("payload", type_=LargeBinary),
        bindparam("received_at", type_=Float),
    )
    columns = [value.key for value in arriving]
    erased = select(erased_leads.c.lead_key).where(
        erased_leads.c.lead_key == bindparam("lead_key", type_=LargeBinary),
        erased_leads.c.erased_at >= bindparam("processed_at", type_=BigInteger),
    )
    dialect = postgresql if on_postgresql else sqlite
    insert = dialect.insert(results).from_select(columns, select(*arriving).where(~erased.exists()))
    return insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _lead_key(campaign_id: str, lead_id: str) -> bytes:
    return hashlib.blake2b(f"{campaign_id}\0{lead_id}".encode(), digest_size=16).digest()


def stored_result(row: Row[Any]) -> StoredResult:
    """Return a row of the results as what users see."""
    return StoredResult(
        id=row.id,
        campaign_id=row.campaign_id,
        lead_id=row.lead_id,
        processed_at=EPOCH + timedelta(seconds=row.processed_at),
        received_at=datetime.fromtimestamp(row.received_at, UTC),
        state=row.state,
        attempts=row.attempts,
        error=row.error,
        payload=bytes(row.payload),
    )
