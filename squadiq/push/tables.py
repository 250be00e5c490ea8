"""The tables of a ledger. What many leads share, such as their campaign, stands once, so that they are small."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()
campaigns = Table(
    "squadiq_push_campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service", String, nullable=False),
    Column("campaign_id", String, nullable=False),
    UniqueConstraint("service", "campaign_id"),
)
sources = Table(
    "squadiq_push_sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)
leads = Table(
    "squadiq_push_leads",
    metadata,
    Column("campaign", Integer, primary_key=True, autoincrement=False),
    Column("lead_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("sent_before", Boolean, nullable=False, server_default="0"),
    Column("content", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("owner", BigInteger, nullable=False),
    Column("source", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("code", String, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),
    Column("changed_at", Float, nullable=False),
)
"""One row for each lead. `state` is waiting, sending, created, existing, refused or unknown."""
Index("squadiq_push_numbers", leads.c.campaign, leads.c.number)
keys = Table("squadiq_push_key", metadata, Column("id", Integer, primary_key=True), Column("key", LargeBinary))
