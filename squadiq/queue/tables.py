"""What the tables of every queue have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Float, Index, Integer, MetaData, String, Table
from sqlalchemy.schema import CreateIndex, CreateTable


def queue_columns() -> list[Column[Any]]:
    """Return the columns by which entries are claimed; `due_at` and `lease_until` are by the database's own clock."""
    key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up in SQLite
    return [
        Column("id", key, primary_key=True),
        Column("state", String, nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("due_at", Float, nullable=False, server_default="0"),
        Column("lease_until", Float, nullable=False, server_default="0"),
        Column("claim", String, nullable=False, server_default=""),
        Column("error", String, nullable=False, server_default=""),
    ]


def queue_indexes(table: Table, prefix: str, order: Column[Any]) -> None:
    """Give a table the indexes by which waiting entries are found in their order, and claims that have ended."""
    waiting = table.c.state == "waiting"
    claimed = waiting & (table.c.claim != "")
    Index(f"{prefix}_claimed", table.c.lease_until, sqlite_where=claimed, postgresql_where=claimed)
    Index(f"{prefix}_waiting", order, table.c.id, sqlite_where=waiting, postgresql_where=waiting)


def clock_table(metadata: MetaData, name: str) -> Table:
    """Return a table of one row: the database's own time, and what the outer clock read then."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("time", Float, nullable=False),
        Column("read_at", Float, nullable=False),
    )


def statements(metadata: MetaData, dialect: Dialect) -> list[str]:
    """Return the statements that make what is not there yet of tables and their indexes."""
    tables = metadata.sorted_tables
    made = [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in tables]
    indexes = [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]
    return made + [str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)) for index in indexes]
