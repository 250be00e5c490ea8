"""What is written to and read from an outbox's database; each method is one transaction, but for `add`."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from squadiq_generated._base import masked
from squadiq_generated.constants import CREATE_LEADS, DELETE_LEAD, DISABLE_LEADS

from squadiq.outbox.requests import EarlierEntry, EntryState, Insert, OutboxRequest, Replace, Supersede, changes_for
from squadiq.outbox.tables import OUTBOX, QUEUE, clock, entries, keys
from squadiq.queue.clock import DatabaseClock, Time
from squadiq.queue.connections import Writer, writer_of
from squadiq.queue.database import assure_kept
from squadiq.queue.figures import QueueFigures, figures_of
from squadiq.queue.leases import NOBODY, WAITING, Leases, QueueClaim, count_of
from squadiq.settlement import Refusal

TAKES_LISTS = (CREATE_LEADS, DISABLE_LEADS)
_LOOKED_FOR_AT_ONCE = 500
_TWICE = Refusal("duplicate_phone_number", "phone_number", "is that of another lead of this campaign, which is called")


@dataclass(frozen=True, slots=True)
class OutboxClaim(QueueClaim):
    """An entry that one worker may send.

    Attributes:
        sent_before: whether it may have been carried out by an attempt before.
    """

    lead_id: str = field(repr=False)
    payload: bytes = field(repr=False)
    sent_before: bool

    @property
    def values(self) -> dict[str, Any]:
        """What is to be sent."""
        values: dict[str, Any] = json.loads(self.payload)
        return values


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that are sent in one request."""

    campaign_id: str
    operation: str
    claims: Sequence[OutboxClaim] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One thing that is to be done about a lead, or was.

    Attributes:
        id: of the entry in this outbox.
        campaign_id: of the campaign.
        lead_id: of the lead; masked in the repr if it looks like a phone number.
        operation: its name in the document, such as `createLeads`.
        state: `waiting`, `done`, `refused`, or `unknown`: it may have been created, and repeating is off.
        code: why it was refused, for programs; `existing` for a lead that was there before.
        reason: the same for people, without anything that was sent; or what went wrong last.
        attempts: how often a worker took it up.
        stored_at: when it was stored.
        values: what is sent; empty once it is done.
    """

    id: int
    campaign_id: str
    lead_id: str = field(repr=False)
    operation: str
    state: EntryState
    code: str
    reason: str = field(repr=False)
    attempts: int
    stored_at: datetime
    values: dict[str, Any] = field(repr=False)

    @property
    def shown_lead_id(self) -> str:
        """The `lead_id` in a form that may be logged."""
        return masked(self.lead_id)


class ClaimsLostError(Exception):
    """The lease ended, and another worker may have the entries."""


class OutboxStore(Leases):
    """The durable part of an outbox; every method raises OutboxError if the database fails."""

    def __init__(self, engine: Engine, time: Time) -> None:
        self._on_postgresql = engine.dialect.name == "postgresql"
        database_clock = DatabaseClock(clock, on_postgresql=self._on_postgresql, now=time.now, monotonic=time.monotonic)
        super().__init__(engine, database_clock, QUEUE)
        self._now = time.now
        self._key = self._read_key()

    def _read_key(self) -> bytes:
        query = select(keys.c.key).where(keys.c.id == 1)
        with self._errors(), self._reading.connect() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            dialect = postgresql if self._on_postgresql else sqlite
            made = dialect.insert(keys).values(id=1, key=secrets.token_bytes(32)).on_conflict_do_nothing()
            with self._errors(), self.engine.begin() as connection:
                connection.execute(made)
                found = connection.execute(query).scalar_one()
        return bytes(found)

    # Storing

    def add(self, campaign_id: str, requests: Sequence[OutboxRequest], connection: Any) -> int:
        """Store requests in the transaction of a connection; return how many were not there already."""
        writer = writer_of(connection, OUTBOX)
        with self._errors():
            return self._add(writer, campaign_id, requests)

    def add_alone(self, campaign_id: str, requests: Sequence[OutboxRequest]) -> int:
        """Store requests in one durable commit; return how many were not there already."""
        with self._errors(), self.engine.connect() as connection:
            with connection.begin():
                added = self._add(writer_of(connection, OUTBOX), campaign_id, requests)
            assure_kept(connection)
        return added

    def _add(self, writer: Writer, campaign_id: str, requests: Sequence[OutboxRequest]) -> int:
        if not writer.on_postgresql:  # there the rows are locked
            writer.write(_LOCK, [{"of_id": 0}])
        earlier = self._earlier(writer, campaign_id, sorted({request.lead_id for request in requests}))
        changes = [changes_for(request, earlier.get(request.lead_id, [])) for request in requests]
        new = [change.request for change in changes if isinstance(change, Insert)]
        common = {"campaign_id": campaign_id, "stored_at": self._now()}
        if new:
            writer.write(_INSERT, [{**common, **self._columns(request)} for request in new])
        for change in changes:
            if isinstance(change, Replace):
                writer.write(_REPLACE, [{"of_id": change.id, **self._columns(change.request)}])
            elif isinstance(change, Supersede):
                writer.write(_ERASE, [{"of_id": id_} for id_ in change.ids])
                writer.write(_INSERT, [{**common, **self._columns(change.request), "sent": True}])
        return sum(change is not None for change in changes)

    def _columns(self, request: OutboxRequest) -> dict[str, Any]:
        number = b""
        if request.phone_number:
            number = hmac.digest(self._key, request.phone_number.encode(), "sha256")[:16]
        return {
            "operation": request.operation,
            "lead_id": request.lead_id,
            "payload": request.payload,
            "number": number,
        }

    def _earlier(self, writer: Writer, campaign_id: str, lead_ids: Sequence[str]) -> dict[str, list[EarlierEntry]]:
        found: dict[str, list[EarlierEntry]] = defaultdict(list)
        for first in range(0, len(lead_ids), _LOOKED_FOR_AT_ONCE):
            some = lead_ids[first : first + _LOOKED_FOR_AT_ONCE]
            for row in writer.rows(_EARLIER, {"of_campaign": campaign_id, "of_leads": list(some)}):
                id_, lead_id, operation, state, claim, sent, payload = row
                found[lead_id].append(EarlierEntry(id_, operation, state, claim == "" and not sent, bytes(payload)))
        return found

    # Sending

    def claim(self, *, lease_seconds: float, largest: int, allow_duplicates: bool) -> Batch | None:
        """Take the oldest entry that is due, and with it others that can be sent in the same request.

        A lead whose phone number another lead of the campaign has, which was sent or is being sent, is
        refused here, unless `allow_duplicates`.
        """
        with self._errors(), self._reading.connect() as connection:
            now, went_back = self._clock.read(connection)
            first = self._first_due(connection, now)
        if first is None and not went_back:
            return None
        with self._errors(), self.engine.begin() as connection:
            now = self._clock.keep(connection)
            if first is None or (first := self._first_due(connection, now)) is None:
                return None
            campaign_id, operation = first
            if operation == CREATE_LEADS and self._on_postgresql:  # or two workers could take one number each
                connection.execute(select(func.pg_advisory_xact_lock(_lock_of(campaign_id))))
            c = entries.c
            alike = (*self._ready(now), c.campaign_id == campaign_id, c.operation == operation)
            rows = self._some(connection, alike, largest if operation in TAKES_LISTS else 1, c.id)
            if rows and operation == CREATE_LEADS and not allow_duplicates:
                rows = self._without_twice(connection, rows)
            token = self._take(connection, rows, until=now + lease_seconds)
        claims = [
            OutboxClaim(row.id, token, row.attempts + 1, row.lead_id, bytes(row.payload), bool(row.sent))
            for row in rows
        ]
        return Batch(campaign_id, operation, claims)

    def due(self) -> str | None:
        """Return the operation of the oldest entry that is due, if there is one."""
        with self._errors(), self._reading.connect() as connection:
            now, _ = self._clock.read(connection)
            first = self._first_due(connection, now)
        return None if first is None else first[1]

    def sending(self, claims: Sequence[OutboxClaim]) -> None:
        """Note that entries are about to be sent.

        Raises:
            ClaimsLostError: another worker may have them.
        """
        if self._change(claims, {"sent": True}) != len(claims):
            raise ClaimsLostError

    def not_sent(self, claims: Sequence[OutboxClaim]) -> None:
        """Note that nothing came of a request: entries that are still held were not carried out."""
        self._change(claims, {"sent": False})

    def done(self, operation: str, campaign_id: str, claims: Sequence[OutboxClaim], code: str = "") -> None:
        """Note that entries were carried out, and forget what was sent."""
        values = {"state": "done", "payload": b"", "claim": "", "error": "", "code": code}
        with self._errors(), self.engine.begin() as connection:
            self._update(connection, claims, values)
            if operation == DELETE_LEAD:
                lead_ids = [claim.lead_id for claim in claims]
                of_lead = (entries.c.campaign_id == campaign_id, entries.c.lead_id.in_(lead_ids))
                settled = entries.c.id < claims[0].id
                connection.execute(update(entries).where(*of_lead, settled).values(number=b"", payload=b""))

    def refused(self, claim: OutboxClaim, why: Refusal) -> None:
        """Note that an entry is refused as it stands."""
        self._change([claim], {"state": "refused", "code": why.code, "error": str(why), "claim": "", "sent": False})

    def unknown(self, claims: Sequence[OutboxClaim]) -> None:
        """Note that leads may have been created, and are not to be sent again."""
        reason = "it may have been created: its response was lost, and repeating is off"
        self._change(claims, {"state": "unknown", "code": "unknown", "error": reason, "claim": "", "sent": True})

    def again(self, claims: Sequence[OutboxClaim], *, sent: bool, after_seconds: float = 0.0, error: str = "") -> None:
        """Give entries back, to be sent again; what was sent before stays so."""
        values: dict[str, Any] = {"claim": "", "lease_until": 0.0, "error": error}
        if not error:  # they had no turn
            values["attempts"] = entries.c.attempts - 1
        with self._errors(), self.engine.begin() as connection:
            if after_seconds:
                values["due_at"] = self._clock.keep(connection) + after_seconds
            for sent_before in (False, True):
                some = [claim for claim in claims if claim.sent_before is sent_before]
                if some:
                    self._update(connection, some, {**values, "sent": sent or sent_before})

    # Looking

    def failed(self) -> list[StoredEntry]:
        """Return what is refused or unknown, in the order in which it was stored."""
        return self._select(entries.c.state.in_(("refused", "unknown")))

    def figures(self) -> QueueFigures:
        """Return how the outbox stands."""
        refused = ("refused", "unknown")
        stored_at = entries.c.stored_at
        return figures_of(self.engine, OUTBOX, entries, stored_at=stored_at, failed=refused, now=self._now())

    def of_lead(self, campaign_id: str, lead_id: str) -> list[StoredEntry]:
        """Return what is stored about a lead, in that order."""
        return self._select(and_(entries.c.campaign_id == campaign_id, entries.c.lead_id == lead_id))

    def replay(self, ids: Collection[int] | None) -> int:
        """Let what is refused or unknown, all of it or these, be sent again; return how many."""
        values = {"state": "waiting", "attempts": 0, "due_at": 0.0, "code": "", "error": "", "sent": False}
        return self._settle(ids, update(entries).values(values))

    def discard(self, ids: Collection[int]) -> int:
        """Erase what is refused or unknown, of these; return how many."""
        return self._settle(ids, delete(entries))

    def erase(self, campaign_id: str, lead_id: str) -> int:
        """Erase everything about a lead; return how many entries there were."""
        of_lead = (entries.c.campaign_id == campaign_id, entries.c.lead_id == lead_id)
        with self._errors(), self.engine.begin() as connection:
            return count_of(connection.execute(delete(entries).where(*of_lead)))

    def _settle(self, ids: Collection[int] | None, statement: Any) -> int:
        chosen = [entries.c.state.in_(("refused", "unknown"))] + ([] if ids is None else [entries.c.id.in_(ids)])
        with self._errors(), self.engine.begin() as connection:
            return count_of(connection.execute(statement.where(*chosen)))

    def _select(self, condition: Any) -> list[StoredEntry]:
        query = select(entries).where(condition).order_by(entries.c.id)
        with self._errors(), self._reading.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def _change(self, claims: Sequence[OutboxClaim], values: dict[str, Any]) -> int:
        with self._errors(), self.engine.begin() as connection:
            return self._update(connection, claims, values)

    def _update(self, connection: Connection, claims: Sequence[OutboxClaim], values: dict[str, Any]) -> int:
        return count_of(connection.execute(update(entries).where(*self._held(claims)).values(values)))

    def _ready(self, now: float) -> tuple[Any, ...]:
        c = entries.c
        is_free = or_(and_(c.claim == NOBODY, c.due_at <= now), and_(c.claim != NOBODY, c.lease_until <= now))
        return (c.state == WAITING, is_free, ~self._blocked())

    def _first_due(self, connection: Connection, now: float) -> tuple[str, str] | None:
        query = select(entries.c.campaign_id, entries.c.operation).where(*self._ready(now)).order_by(entries.c.id)
        row = connection.execute(query.limit(1).with_for_update(skip_locked=True)).one_or_none()
        return None if row is None else (row.campaign_id, row.operation)

    def _without_twice(self, connection: Connection, rows: Sequence[Any]) -> list[Any]:
        """Refuse the leads whose owner is called as another lead already, and return the others."""
        c = entries.c
        numbers = {bytes(row.number) for row in rows}
        ids = [row.id for row in rows]
        was_sent = or_(c.state.in_(("done", "unknown")), and_(c.state == WAITING, or_(c.sent, c.claim != NOBODY)))
        others = (c.campaign_id == rows[0].campaign_id, c.number.in_(numbers), c.id.not_in(ids))
        query = select(c.number, c.lead_id).where(*others, was_sent)
        called = {bytes(row.number): row.lead_id for row in connection.execute(query)}
        good: list[Any] = []
        twice: list[int] = []
        for row in rows:
            is_called_as = called.setdefault(bytes(row.number), row.lead_id)
            if is_called_as == row.lead_id or row.sent:
                good.append(row)
            else:
                twice.append(row.id)
        if twice:
            values = {"state": "refused", "code": _TWICE.code, "error": str(_TWICE)}
            connection.execute(update(entries).where(c.id.in_(twice)).values(values))
        return good


def _lock_of(campaign_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"outbox {campaign_id}".encode(), digest_size=7).digest())


def _stored(row: Any) -> StoredEntry:
    return StoredEntry(
        id=row.id,
        campaign_id=row.campaign_id,
        lead_id=row.lead_id,
        operation=row.operation,
        state=row.state,
        code=row.code,
        reason=row.error,
        attempts=row.attempts,
        stored_at=datetime.fromtimestamp(row.stored_at, UTC),
        values=json.loads(row.payload) if row.payload else {},
    )


_c = entries.c

_INSERT = insert(entries)

_REPLACE = (
    update(entries)
    .where(_c.id == bindparam("of_id"))
    .values(
        payload=bindparam("payload"),
        number=bindparam("number"),
        state="waiting",
        attempts=0,
        due_at=0.0,
        code="",
        error="",
    )
)

_LOCK = update(keys).where(keys.c.id == bindparam("of_id")).values(key=keys.c.key)
"""Changes nothing, but keeps SQLite's workers from taking what is looked at, until the transaction ends."""

_ERASE = delete(entries).where(_c.id == bindparam("of_id"))

_EARLIER = (
    select(_c.id, _c.lead_id, _c.operation, _c.state, _c.claim, _c.sent, _c.payload)
    .where(_c.campaign_id == bindparam("of_campaign"), _c.lead_id.in_(bindparam("of_leads", expanding=True)))
    .order_by(_c.id)
    .with_for_update()
)
