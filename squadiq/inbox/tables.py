"""The tables of an inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData()

_Key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up in SQLite

results = Table(
    "squadiq_inbox_results",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("campaign_id", String, nullable=False),
    Column("lead_id", String, nullable=False),
    Column("processed_at", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("state", String, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Float, nullable=False, server_default="0"),
    Column("lease_until", Float, nullable=False, server_default="0"),
    Column("claim", String, nullable=False, server_default=""),
    Column("handled_by", String, nullable=False, server_default=""),
    Column("error", String, nullable=False, server_default=""),
    UniqueConstraint("campaign_id", "lead_id", "processed_at"),
)
"""One row for each processing result. `processed_at` and `received_at` are seconds since 1970; `due_at` and
`lease_until` are times of the database's own clock; see `squadiq.inbox.clock`."""

Index(
    "squadiq_inbox_claimed",
    results.c.lease_until,
    sqlite_where=(results.c.state == "waiting") & (results.c.claim != ""),
    postgresql_where=(results.c.state == "waiting") & (results.c.claim != ""),
)

Index(
    "squadiq_inbox_waiting",
    results.c.processed_at,
    results.c.id,
    sqlite_where=results.c.state == "waiting",
    postgresql_where=results.c.state == "waiting",
)

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

clock = Table(
    "squadiq_inbox_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("time", Float, nullable=False),
    Column("read_at", Float, nullable=False),
)
"""One row: the database's own time, and what the outer clock read then."""


def statements(dialect: Dialect) -> list[str]:
    """Return the statements that make what is not there yet of the tables and their indexes."""
    tables = metadata.sorted_tables
    made = [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in tables]
    indexes = [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]
    return made + [str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)) for index in indexes]
