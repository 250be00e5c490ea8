"""The mock's state in SQLite: campaigns, their leads, and what was done to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from itertools import chain, count
from pathlib import Path

from squadiq._extras import needs_extra
from squadiq.mock.deliveries.delivery_store import SCHEMA as DELIVERY_SCHEMA
from squadiq.mock.deliveries.delivery_store import DeliveryStore, StoredDelivery
from squadiq.mock.settings import SettingError
from squadiq.mock.simulation import first_call

with needs_extra("mock"):
    import orjson

VERSION = 3
RENDERED_AT_MOST = 20_000
"""Leads whose listed form is kept ready, a few hundred bytes each."""

# The end of an index entry is the row's key, so the index on processed_at holds the order of listing.
_SCHEMA = """
CREATE TABLE campaign (key INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL);
CREATE TABLE lead (
    sequence INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    lead_id TEXT NOT NULL,
    phone_number TEXT NOT NULL,
    contact_name TEXT NOT NULL,
    custom_fields BLOB,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    processed_at INTEGER,
    disabled_at INTEGER,
    converted_at INTEGER,
    detail TEXT,
    chosen BLOB
);
CREATE UNIQUE INDEX lead_by_lead_id ON lead (campaign, lead_id);
CREATE INDEX lead_by_processing ON lead (campaign, processed_at);
CREATE TABLE clock (reading REAL NOT NULL);
INSERT INTO clock VALUES (0);
"""
_INSERT = """
INSERT INTO lead (campaign, lead_id, phone_number, contact_name, custom_fields, created_at, due_at, processed_at)
VALUES {rows}
"""
_INSERT_ALL = "INSERT INTO lead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ROWS_AT_ONCE = 100
"""Rows of one statement: 100 at once take two thirds of the time of 100 statements."""

NewLead = tuple[int, str, str, str, bytes | None, int, int, int]
"""Key of the campaign, lead_id, phone_number, contact_name, custom fields as JSON, created_at, due_at, processed_at."""


@dataclass(slots=True)
class StoredCampaign:
    """Hold a campaign, and how many of its leads were processed by `settled_at`."""

    key: int
    campaign_id: str
    owner: str
    settled_at: int = -1
    processed: int = 0


@dataclass(frozen=True, slots=True)
class StoredLead:
    """Hold a lead as it is stored, with the columns in their order; times in seconds since the epoch.

    `due_at` is the processing as planned; `processed_at` is the same, or None for a lead that was
    disabled before. `chosen` holds the outcome as JSON where it is not the simulated one.
    """

    sequence: int
    campaign: int
    lead_id: str = field(repr=False)
    phone_number: str = field(repr=False)
    contact_name: str = field(repr=False)
    custom_fields: bytes | None = field(repr=False)
    created_at: int
    due_at: int
    processed_at: int | None
    disabled_at: int | None
    converted_at: int | None
    detail: str | None = field(repr=False)
    chosen: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredState:
    """Hold everything that a store keeps: campaigns with their leads, which have no place yet, and deliveries."""

    campaigns: Sequence[tuple[StoredCampaign, Sequence[StoredLead]]] = field(repr=False)
    deliveries: Sequence[StoredDelivery] = field(default=(), repr=False)


class RepeatedLeadError(Exception):
    """A lead_id exists in the campaign already, or stands twice in a batch."""


@cache
def _insert(rows: int) -> str:
    return _INSERT.format(rows=", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * rows))


class LeadStore:
    """Keep leads in a file or, as `:memory:`, in this process; for one thread at a time.

    Raises:
        SettingError: the file is not one that the mock wrote, or another mock uses it.
    """

    def __init__(self, db: str) -> None:
        self._in_file = db != ":memory:"
        self._rendered: dict[int, bytes] = {}
        try:
            if self._in_file:
                # Names and phone numbers are in it: nobody but who starts the mock may read it.
                Path(db).touch(mode=0o600)
            self._connection = sqlite3.connect(
                db, isolation_level=None, check_same_thread=False, timeout=0.2, cached_statements=256
            )
        except (OSError, sqlite3.Error) as error:
            raise SettingError(f"db: {db} cannot be opened ({error}). Give another file.") from None
        self._connection.create_function("first_call", 2, first_call, deterministic=True)
        self._execute = self._connection.execute
        self.ledger = DeliveryStore(self._connection, self._transaction)
        try:
            self._prepare()
            self._campaigns = {
                campaign_id: StoredCampaign(key, campaign_id, owner)
                for key, campaign_id, owner in self._execute("SELECT key, campaign_id, owner FROM campaign")
            }
        except sqlite3.Error as error:
            self._connection.close()
            raise SettingError(f"db: {db} cannot be used ({error}). Is another mock using it?") from None

    def _prepare(self) -> None:
        # Exclusive: the counts are kept in this process, so no other may write beside it.
        self._execute("PRAGMA locking_mode=EXCLUSIVE")
        (version,) = self._execute("PRAGMA user_version").fetchone()
        (tables,) = self._execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 2:  # the one before had no outcomes that were chosen
            self._execute("ALTER TABLE lead ADD COLUMN chosen BLOB")
            self._execute(f"PRAGMA user_version={VERSION}")
            version = VERSION
        if version != VERSION and (version or tables):
            raise sqlite3.DatabaseError("it was not written by this version of the mock")
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
            self._execute(f"PRAGMA {pragma}")
        if version != VERSION:
            with self._transaction():
                for statement in (_SCHEMA + DELIVERY_SCHEMA).split(";"):
                    self._execute(statement)
                self._execute(f"PRAGMA user_version={VERSION}")

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def close(self) -> None:
        """Close the file; the store cannot be used after that."""
        self._connection.close()

    def clock_reading(self) -> float:
        """Return the latest time that the file has seen, so that time never runs backwards."""
        (reading,) = self._execute(
            "SELECT max(reading, (SELECT coalesce(max(created_at), 0) FROM lead)) FROM clock"
        ).fetchone()
        return float(reading)

    def keep_clock_reading(self, now: float) -> None:
        """Keep a time for the next start."""
        self._execute("UPDATE clock SET reading = ?", (now,))

    def campaign(self, campaign_id: str) -> StoredCampaign | None:
        """Return a campaign that a lead was created in."""
        return self._campaigns.get(campaign_id)

    @property
    def campaigns(self) -> Sequence[StoredCampaign]:
        """All campaigns that a lead was created in."""
        return tuple(self._campaigns.values())

    def new_campaign(self, campaign_id: str, owner: str) -> StoredCampaign:
        """Return a campaign that exists as soon as a lead is created in it, and belongs to its owner then."""
        return StoredCampaign(len(self._campaigns) + 1, campaign_id, owner)

    def create(self, campaign: StoredCampaign, leads: Sequence[NewLead], *, replace: bool) -> None:
        """Store all of the leads, or none of them.

        Raises:
            RepeatedLeadError: a lead_id is taken, and is not to be replaced.
        """
        try:
            if campaign.campaign_id in self._campaigns and not replace and len(leads) <= _ROWS_AT_ONCE:
                # One statement is taken whole or not at all as it is.
                self._insert_leads(leads)
            else:
                with self._transaction():
                    leads = self._create_in_transaction(campaign, leads, replace=replace)
                self._campaigns[campaign.campaign_id] = campaign
        except sqlite3.IntegrityError:
            raise RepeatedLeadError from None
        for lead in leads:
            if lead[6] <= campaign.settled_at:
                campaign.processed += 1

    def _create_in_transaction(
        self, campaign: StoredCampaign, leads: Sequence[NewLead], *, replace: bool
    ) -> Sequence[NewLead]:
        if campaign.campaign_id not in self._campaigns:
            self._execute("INSERT INTO campaign VALUES (?, ?, ?)", (campaign.key, campaign.campaign_id, campaign.owner))
        if replace:
            leads = list({lead[1]: lead for lead in leads}.values())
            self._remove(campaign, [lead[1] for lead in leads])
        for start in range(0, len(leads), _ROWS_AT_ONCE):
            self._insert_leads(leads[start : start + _ROWS_AT_ONCE])
        return leads

    def _insert_leads(self, leads: Sequence[NewLead]) -> None:
        self._execute(_insert(len(leads)), leads[0] if len(leads) == 1 else [*chain.from_iterable(leads)])

    def existing(self, campaign: StoredCampaign, lead_ids: Iterable[str]) -> set[str]:
        """Return those of the lead_ids that the campaign has."""
        return {
            lead_id
            for (lead_id,) in self._execute(
                "SELECT lead_id FROM lead WHERE campaign = ? AND lead_id IN (SELECT value FROM json_each(?))",
                (campaign.key, orjson.dumps(list(lead_ids))),
            )
        }

    def find(self, campaign: StoredCampaign, lead_id: str) -> StoredLead | None:
        """Return one lead."""
        row = self._execute("SELECT * FROM lead WHERE campaign = ? AND lead_id = ?", (campaign.key, lead_id)).fetchone()
        return None if row is None else StoredLead(*row)

    def find_by_sequence(self, sequence: int) -> tuple[StoredCampaign, StoredLead] | None:
        """Return one lead with its campaign."""
        row = self._execute("SELECT * FROM lead WHERE sequence = ?", (sequence,)).fetchone()
        if row is None:
            return None
        lead = StoredLead(*row)
        return next(campaign for campaign in self._campaigns.values() if campaign.key == lead.campaign), lead

    def lead_ids(self, campaign: StoredCampaign, before: int, limit: int) -> list[tuple[int, str]]:
        """Return leads that were created before a sequence, the latest first: the sequence of each, and its lead_id."""
        # Backwards through the table: through an index on the campaign, all of its leads would have to be sorted.
        return self._execute(
            "SELECT sequence, lead_id FROM lead NOT INDEXED WHERE campaign = ? AND sequence < ?"
            " ORDER BY sequence DESC LIMIT ?",
            (campaign.key, before, limit),
        ).fetchall()

    def save(self, lead: StoredLead) -> None:
        """Write what a business may change of one lead."""
        self._execute(
            "UPDATE lead SET phone_number = ?, contact_name = ?, custom_fields = ?, converted_at = ?, detail = ?"
            " WHERE sequence = ?",
            (lead.phone_number, lead.contact_name, lead.custom_fields, lead.converted_at, lead.detail, lead.sequence),
        )
        self._rendered.pop(lead.sequence, None)

    def choose(self, lead: StoredLead, chosen: bytes) -> None:
        """Write the outcome that a lead has or will have."""
        self._execute("UPDATE lead SET chosen = ? WHERE sequence = ?", (chosen, lead.sequence))
        self._rendered.pop(lead.sequence, None)

    def last_processing(self) -> int | None:
        """Return when the last lead is processed, or was; None if none ever will be."""
        (last,) = self._execute("SELECT max(processed_at) FROM lead").fetchone()
        return None if last is None else int(last)

    def leads(self, campaign: StoredCampaign) -> Iterator[StoredLead]:
        """Return all leads of a campaign in the order of their creation."""
        rows = self._execute("SELECT * FROM lead WHERE campaign = ? ORDER BY sequence", (campaign.key,))
        return (StoredLead(*row) for row in rows)

    def replace_all(self, state: StoredState) -> None:
        """Forget everything and keep a state instead, with its leads in their order."""
        sequences = count(1)
        with self._transaction():
            for table in ("campaign", "lead"):
                self._execute(f"DELETE FROM {table}")  # noqa: S608 - one of two names
            places: dict[tuple[str, str], int] = {}
            for campaign, leads in state.campaigns:
                self._execute(
                    "INSERT INTO campaign VALUES (?, ?, ?)", (campaign.key, campaign.campaign_id, campaign.owner)
                )
                placed = [replace(lead, sequence=next(sequences)) for lead in leads]
                places |= {(campaign.campaign_id, lead.lead_id): lead.sequence for lead in placed}
                self._connection.executemany(_INSERT_ALL, map(astuple, placed))
            self.ledger.replace_all(state.deliveries, places)
        self._rendered.clear()
        self._campaigns = {campaign.campaign_id: campaign for campaign, _ in state.campaigns}
        if self._in_file:
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def disable(self, campaign: StoredCampaign, lead_ids: Iterable[str], now: int) -> None:
        """Disable leads of which each is in the campaign; what is not processed yet never will be."""
        self._execute(
            "UPDATE lead SET disabled_at = coalesce(disabled_at, :now),"
            " processed_at = CASE WHEN processed_at <= :now THEN processed_at END"
            " WHERE campaign = :campaign AND lead_id IN (SELECT value FROM json_each(:lead_ids))",
            {"now": now, "campaign": campaign.key, "lead_ids": orjson.dumps(list(lead_ids))},
        )

    def delete(self, campaign: StoredCampaign, lead_id: str) -> None:
        """Remove a lead and every trace of it from the file."""
        self._remove(campaign, [lead_id])
        if self._in_file:
            # What was once written still stands in the write-ahead log until that is cut.
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _remove(self, campaign: StoredCampaign, lead_ids: list[str]) -> None:
        for sequence, processed_at in self._execute(
            "DELETE FROM lead WHERE campaign = ? AND lead_id IN (SELECT value FROM json_each(?))"
            " RETURNING sequence, processed_at",
            (campaign.key, orjson.dumps(lead_ids)),
        ).fetchall():
            campaign.processed -= processed_at is not None and processed_at <= campaign.settled_at
            self._rendered.pop(sequence, None)
            self.ledger.remove(sequence)

    def count_processed(self, campaign: StoredCampaign, after: int | None, before: int) -> int:
        """Count the leads processed from one second to another, both included.

        Without a first second only what was processed since the last such count is counted anew.
        """
        if after is not None:
            return self._count_between(campaign, after, before)
        if before < campaign.settled_at:
            return self._count_between(campaign, 0, before)
        if before > campaign.settled_at:
            campaign.processed += self._count_between(campaign, campaign.settled_at + 1, before)
            campaign.settled_at = before
        return campaign.processed

    def _count_between(self, campaign: StoredCampaign, first: int, last: int) -> int:
        (count,) = self._execute(
            "SELECT count(*) FROM lead WHERE campaign = ? AND processed_at BETWEEN ? AND ?", (campaign.key, first, last)
        ).fetchone()
        return int(count)

    def page(
        self,
        campaign: StoredCampaign,
        after: int,
        before: int,
        limit: int,
        offset: int,
        render: Callable[[StoredLead], bytes],
    ) -> list[bytes]:
        """Return leads in their listed form, in the order of their processing, then of their creation."""
        sequences = [
            sequence
            for (sequence,) in self._execute(
                "SELECT sequence FROM lead WHERE campaign = ? AND processed_at BETWEEN ? AND ?"
                " ORDER BY processed_at, sequence LIMIT ? OFFSET ?",
                (campaign.key, after, before, limit, offset),
            )
        ]
        rendered = self._rendered
        if missing := [sequence for sequence in sequences if sequence not in rendered]:
            if len(rendered) > RENDERED_AT_MOST:
                rendered.clear()
                missing = sequences
            query = "SELECT * FROM lead WHERE sequence IN (SELECT value FROM json_each(?))"
            for row in self._execute(query, (orjson.dumps(missing),)):
                rendered[row[0]] = render(StoredLead(*row))
        return [rendered[sequence] for sequence in sequences]

    def counts(self, campaign: StoredCampaign, now: int) -> dict[str, int]:
        """Count the leads of a campaign by what has happened to them."""
        row = self._execute(
            "SELECT count(*),"
            " count(*) FILTER (WHERE first_call(created_at, due_at) <= min(:now, coalesce(disabled_at, :now))),"
            " count(*) FILTER (WHERE processed_at <= :now), count(disabled_at), count(converted_at)"
            " FROM lead WHERE campaign = :campaign",
            {"now": now, "campaign": campaign.key},
        ).fetchone()
        return dict(zip(("created", "called", "processed", "disabled", "converted"), row, strict=True))
