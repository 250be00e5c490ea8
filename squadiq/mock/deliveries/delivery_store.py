"""What is to be delivered and what became of it, in the mock's database; for one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from squadiq._extras import needs_extra

with needs_extra("mock"):
    import orjson

SCHEMA = """
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lead INTEGER NOT NULL,
    campaign_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    processed_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    send_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    acknowledged_at REAL
);
CREATE INDEX delivery_by_lead ON delivery (lead);
CREATE INDEX delivery_to_send ON delivery (send_at) WHERE send_at IS NOT NULL;
CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    milliseconds REAL NOT NULL,
    trouble TEXT NOT NULL,
    status INTEGER,
    response BLOB,
    error TEXT
);
CREATE INDEX attempt_by_delivery ON attempt (delivery);
CREATE TABLE settled (campaign INTEGER PRIMARY KEY, until INTEGER NOT NULL);
"""
PLANNED_AT_ONCE = 500
"""Results of a campaign that are planned in one go; in between the mock answers requests."""


@dataclass(frozen=True, slots=True)
class Due:
    """Hold a delivery whose time has come; `attempt` counts from 1."""

    id: int
    attempt: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """Hold what became of sending once; either a status with the response's body, or an error."""

    sent_at: float
    milliseconds: float
    trouble: Sequence[str] = ()
    status: int | None = None
    response: bytes | None = field(default=None, repr=False)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Hold a processed lead as it is delivered, and when each of its copies is sent first."""

    lead: int
    campaign_id: str
    lead_id: str = field(repr=False)
    processed_at: int
    body: bytes = field(repr=False)
    send_times: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """Hold a delivery with every attempt; times in seconds since the epoch."""

    id: int
    campaign_id: str
    lead_id: str = field(repr=False)
    processed_at: int
    body: bytes = field(repr=False)
    send_at: float | None
    acknowledged_at: float | None
    attempts: Sequence[DeliveryAttempt] = ()


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """Hold what a list shows of a delivery; times in seconds since the epoch, `send_at` is that of the next attempt."""

    id: int
    lead_id: str = field(repr=False)
    processed_at: float
    send_at: float | None
    acknowledged_at: float | None
    attempts: int


class DeliveryStore:
    """Keep deliveries in the database that holds the leads."""

    def __init__(self, connection: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._execute = connection.execute
        self._transaction = transaction
        self._in_flight: set[int] = set()
        self._settled: dict[int, int] | None = None

    def unsettled(self, campaign: int, now: int) -> tuple[list[tuple[Any, ...]], bool]:
        """Return leads of a campaign, as rows, that are processed and not planned yet, and whether that is all."""
        rows = self._execute(
            "SELECT * FROM lead WHERE campaign = ? AND processed_at BETWEEN ? AND ?"
            " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.lead = lead.sequence)"
            " ORDER BY processed_at, sequence LIMIT ?",
            (campaign, self._settled_until().get(campaign, 0), now, PLANNED_AT_ONCE),
        ).fetchall()
        return rows, len(rows) < PLANNED_AT_ONCE

    def plan(self, campaign: int, results: Iterable[Result], until: int) -> None:
        """Note results for delivery; those of the second `until` may still become more."""
        with self._transaction():
            for result in results:
                for moment in result.send_times:
                    self._execute(
                        "INSERT INTO delivery (lead, campaign_id, lead_id, processed_at, body, send_at)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        (result.lead, result.campaign_id, result.lead_id, result.processed_at, result.body, moment),
                    )
            self._execute("INSERT OR REPLACE INTO settled VALUES (?, ?)", (campaign, until))
        self._settled_until()[campaign] = until

    def take(self, now: float, most: int) -> list[Due]:
        """Return deliveries that are to be sent, and keep them from being returned again until `note`."""
        if most < 1:
            return []
        rows = self._execute(
            "SELECT id, attempts + 1, body FROM delivery WHERE send_at <= ? ORDER BY send_at, id LIMIT ?",
            (now, most + len(self._in_flight)),
        ).fetchall()
        due = [Due(*row) for row in rows if row[0] not in self._in_flight][:most]
        self._in_flight.update(each.id for each in due)
        return due

    def next_time(self, now: float) -> float | None:
        """Return when something happens next that is to be delivered; None if nothing is in sight."""
        moments = [
            moment
            for (moment,) in self._execute(
                "SELECT min(send_at) FROM delivery WHERE send_at > :now UNION ALL"
                " SELECT (SELECT min(processed_at) FROM lead WHERE campaign = key AND processed_at > :now)"
                " FROM campaign",
                {"now": now},
            )
            if moment is not None
        ]
        return min(moments, default=None)

    def replace_all(self, deliveries: Iterable[StoredDelivery], leads: Mapping[tuple[str, str], int]) -> None:
        """Forget all deliveries and keep others, within a transaction.

        Args:
            deliveries: what to keep.
            leads: the place of each lead by its campaign_id and lead_id.
        """
        for table in ("delivery", "attempt", "settled"):
            self._execute(f"DELETE FROM {table}")  # noqa: S608 - one of three names
        self._in_flight.clear()
        self._settled = None
        for each in deliveries:
            self._execute(
                "INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    each.id,
                    leads[each.campaign_id, each.lead_id],
                    each.campaign_id,
                    each.lead_id,
                    each.processed_at,
                    each.body,
                    each.send_at,
                    len(each.attempts),
                    each.acknowledged_at,
                ),
            )
            for attempt in each.attempts:
                self._keep(each.id, attempt)

    def _keep(self, delivery: int, attempt: DeliveryAttempt) -> None:
        self._execute(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                delivery,
                attempt.sent_at,
                attempt.milliseconds,
                ", ".join(attempt.trouble),
                attempt.status,
                attempt.response,
                attempt.error,
            ),
        )

    def note(self, delivery: int, attempt: DeliveryAttempt, *, again_after_seconds: float, now: float) -> None:
        """Write down an attempt; 201 ends the delivery, anything else is tried again."""
        if delivery not in self._in_flight:  # another state was loaded meanwhile
            return
        self._in_flight.discard(delivery)
        acknowledged = attempt.status == 201
        changed = self._execute(
            "UPDATE delivery SET attempts = attempts + 1, send_at = ?,"
            " acknowledged_at = CASE WHEN ? THEN coalesce(acknowledged_at, ?) ELSE acknowledged_at END WHERE id = ?",
            (None if acknowledged else now + again_after_seconds, acknowledged, now, delivery),
        )
        if changed.rowcount:  # its lead may have been deleted meanwhile, and then nothing of it is kept
            self._keep(delivery, attempt)

    def _settled_until(self) -> dict[int, int]:
        if self._settled is None:
            self._settled = dict(self._execute("SELECT campaign, until FROM settled").fetchall())
        return self._settled

    def let_go(self, delivery: int) -> None:
        """Let a delivery be taken again of which it is not known what became of it."""
        self._in_flight.discard(delivery)

    def send_again(self, delivery: int, now: float) -> bool:
        """Let a delivery be sent once more, now; False if there is no such."""
        return bool(self._execute("UPDATE delivery SET send_at = ? WHERE id = ?", (now, delivery)).rowcount)

    def remove(self, lead: int) -> None:
        """Remove every trace of a lead."""
        self._execute("DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE lead = ?)", (lead,))
        self._execute("DELETE FROM delivery WHERE lead = ?", (lead,))

    def counts(self, campaign_id: str | None, lead_id: str | None) -> dict[str, int]:
        """Count deliveries, those that wait, and the leads of which one was acknowledged."""
        row = self._execute(
            "SELECT count(*), count(send_at), count(DISTINCT CASE WHEN acknowledged_at IS NOT NULL THEN lead END)"
            " FROM delivery WHERE (:campaign_id IS NULL OR campaign_id = :campaign_id)"
            " AND (:lead_id IS NULL OR lead_id = :lead_id)",
            {"campaign_id": campaign_id, "lead_id": lead_id},
        ).fetchone()
        return dict(zip(("count", "waiting", "leads_acknowledged"), row, strict=True))

    def listed(
        self, campaign_id: str | None, lead_id: str | None, after: int, limit: int, moment: Callable[[float], str]
    ) -> list[dict[str, Any]]:
        """Return deliveries in the order of their ids, with every attempt; `moment` writes a time."""
        rows = self._execute(
            "SELECT id, campaign_id, lead_id, processed_at, body, send_at, acknowledged_at FROM delivery"
            " WHERE (:campaign_id IS NULL OR campaign_id = :campaign_id) AND (:lead_id IS NULL OR lead_id = :lead_id)"
            " AND id > :after ORDER BY id LIMIT :limit",
            {"campaign_id": campaign_id, "lead_id": lead_id, "after": after, "limit": limit},
        ).fetchall()
        return [self._delivery(row, moment) for row in rows]

    def latest(self, before: int, limit: int) -> list[DeliverySummary]:
        """Return deliveries planned before an id, the latest first."""
        return self._summaries("id < ?", before, limit)

    def of_lead(self, lead: int, limit: int) -> list[DeliverySummary]:
        """Return the deliveries of a lead, the latest first."""
        return self._summaries("lead = ?", lead, limit)

    def _summaries(self, which: str, value: int, limit: int) -> list[DeliverySummary]:
        query = f"SELECT id, lead_id, processed_at, send_at, acknowledged_at, attempts FROM delivery WHERE {which}"  # noqa: S608 - words of ours
        return [DeliverySummary(*row) for row in self._execute(f"{query} ORDER BY id DESC LIMIT ?", (value, limit))]

    def waiting(self) -> int:
        """Count the deliveries that are still to be sent."""
        (count,) = self._execute("SELECT count(*) FROM delivery WHERE send_at IS NOT NULL").fetchone()
        return int(count)

    def one(self, delivery: int, moment: Callable[[float], str]) -> dict[str, Any] | None:
        """Return one delivery with every attempt; None if there is no such."""
        found = self.listed(None, None, delivery - 1, 1, moment)
        return found[0] if found and found[0]["id"] == delivery else None

    def _delivery(self, row: tuple[Any, ...], moment: Callable[[float], str]) -> dict[str, Any]:
        identity, campaign_id, lead_id, processed_at, body, send_at, acknowledged_at = row
        attempts = self._execute(
            "SELECT sent_at, milliseconds, trouble, status, response, error FROM attempt WHERE delivery = ?"
            " ORDER BY rowid",
            (identity,),
        )
        return {
            "id": identity,
            "campaign_id": campaign_id,
            "lead_id": lead_id,
            "processed_at": moment(processed_at),
            "acknowledged_at": None if acknowledged_at is None else moment(acknowledged_at),
            "next_attempt_at": None if send_at is None else moment(send_at),
            "body": orjson.loads(body),
            "attempts": [
                {
                    "sent_at": moment(sent_at),
                    "milliseconds": round(milliseconds, 1),
                    "trouble": trouble.split(", ") if trouble else [],
                    "status": status,
                    "response": None if response is None else response.decode("utf-8", "replace"),
                    "error": error,
                }
                for sent_at, milliseconds, trouble, status, response, error in attempts
            ],
        }
