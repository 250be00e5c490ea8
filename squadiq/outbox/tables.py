"""The tables of an outbox."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table

from squadiq.outbox.errors import OutboxError
from squadiq.queue.leases import QueueTable
from squadiq.queue.purpose import Purpose
from squadiq.queue.tables import clock_table, queue_columns, queue_indexes

metadata = MetaData()

OUTBOX = Purpose("outbox", OutboxError, metadata, "What waited in it is to be stored again by who knows of it.")

entries = Table(
    "squadiq_outbox_entries",
    metadata,
    *queue_columns(),
    Column("campaign_id", String, nullable=False),
    Column("lead_id", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("number", LargeBinary, nullable=False, server_default=""),
    Column("sent", Boolean, nullable=False, server_default="0"),
    Column("code", String, nullable=False, server_default=""),
    Column("stored_at", Float, nullable=False),
)
"""One row for each thing to do. `state` is waiting, done, refused or unknown; `payload` is empty once it is done.
`number` stands for the phone number of a lead to create; `sent` says that it may have been carried out."""

queue_indexes(entries, "squadiq_outbox", entries.c.id)
Index("squadiq_outbox_leads", entries.c.campaign_id, entries.c.lead_id, entries.c.id)
Index(
    "squadiq_outbox_numbers",
    entries.c.campaign_id,
    entries.c.number,
    sqlite_where=entries.c.number != b"",
    postgresql_where=entries.c.number != b"",
)
Index(
    "squadiq_outbox_stopped",
    entries.c.id,
    sqlite_where=entries.c.state.in_(("refused", "unknown")),
    postgresql_where=entries.c.state.in_(("refused", "unknown")),
)

keys = Table("squadiq_outbox_key", metadata, Column("id", Integer, primary_key=True), Column("key", LargeBinary))
"""One row: with it a phone number is made into what stands for it."""

clock = clock_table(metadata, "squadiq_outbox_clock")

QUEUE = QueueTable(entries, OUTBOX, entries.c.id, ("campaign_id", "lead_id"), ("waiting", "refused", "unknown"))
"""What was refused, or is unknown, keeps later changes of its lead from being sent: they were made on top of it."""
