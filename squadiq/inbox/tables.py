"""The tables of an inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    literal_column,
)

from squadiq.inbox.errors import InboxError
from squadiq.queue.purpose import Purpose
from squadiq.queue.tables import clock_table, queue_columns, queue_indexes

metadata = MetaData()

INBOX = Purpose("inbox", InboxError, metadata, "Bring back what SquadIQ still lists with a backfill.")

results = Table(
    "squadiq_inbox_results",
    metadata,
    *queue_columns(),
    Column("campaign_id", String, nullable=False),
    Column("lead_id", String, nullable=False),
    Column("processed_at", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("handled_by", String, nullable=False, server_default=""),
    UniqueConstraint("campaign_id", "lead_id", "processed_at"),
)
"""One row for each processing result. `processed_at` and `received_at` are seconds since 1970."""

queue_indexes(results, "squadiq_inbox", results.c.processed_at)
_failed = literal_column("state") == literal_column("'failed'")
Index("squadiq_inbox_failed", results.c.id, sqlite_where=_failed, postgresql_where=_failed)

erased_leads = Table(
    "squadiq_inbox_erased",
    metadata,
    Column("lead_key", LargeBinary, primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
)
"""Leads that were erased, by a digest, so that a late repeat does not bring their data back."""

backfills = Table(
    "squadiq_inbox_backfills",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("read_until", BigInteger, nullable=False),
)
"""How far each campaign was read by polling: the latest `processed_at` of a walk that reached its end."""

clock = clock_table(metadata, "squadiq_inbox_clock")
