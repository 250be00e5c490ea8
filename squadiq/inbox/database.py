"""The tables of an inbox, and connections to a database that keeps what it has acknowledged."""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from squadiq._extras import needs_extra
from squadiq._sqlite import use_wal
from squadiq.errors import ConfigurationError, SquadIQError

BUSY_SECONDS = 15.0
"""How long SQLite waits for another process to finish writing before it gives up."""

_SCHEMA_LOCK = 0x5D1B0C
"""Any number: who makes the tables on PostgreSQL holds the advisory lock of this number."""

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
"""One row for each processing result. Times are seconds since 1970; `processed_at` in whole ones."""

Index(
    "squadiq_inbox_waiting",
    results.c.processed_at,
    results.c.id,
    sqlite_where=results.c.state == "waiting",
    postgresql_where=results.c.state == "waiting",
)

forgotten = Table(
    "squadiq_inbox_forgotten",
    metadata,
    Column("lead_key", LargeBinary, primary_key=True),
    Column("forgotten_at", BigInteger, nullable=False),
)
"""Leads that were erased, by a digest, so that a late repeat does not bring their data back."""

backfills = Table(
    "squadiq_inbox_backfills",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("read_until", BigInteger, nullable=False),
)
"""How far each campaign was read by polling: the latest `processed_at` of a walk that reached its end."""


class InboxError(SquadIQError):
    """The inbox's database cannot be reached, read or written."""


@contextmanager
def database_errors() -> Generator[None]:
    """Turn errors of the database into one of ours that holds nothing of what is stored."""
    try:
        yield
    except SQLAlchemyError as error:
        origin = getattr(error, "orig", None) or error
        said = f": {str(origin).partition(chr(10))[0]}" if isinstance(error, OperationalError) else ""
        raise InboxError(f"The inbox's database failed ({type(origin).__name__}{said}).") from None


def database_url(database: str | os.PathLike[str] | URL) -> URL:
    """Return the URL of a SQLite file given by its path, or of a database given by its URL.

    Raises:
        ConfigurationError: it is neither SQLite nor PostgreSQL, or has no place on disk.
        MissingExtraError: it is PostgreSQL, and `squadiq[postgres]` is not installed.
    """
    if isinstance(database, URL):
        url = database
    elif isinstance(database, str) and "://" in database:
        try:
            url = make_url(database)
        except ArgumentError:
            raise ConfigurationError("The inbox's database is not a URL that SQLAlchemy reads.") from None
    else:
        url = URL.create("sqlite", database=os.fspath(database))
    kind = url.get_backend_name()
    if kind in ("postgresql", "postgres"):
        with needs_extra("postgres"):
            importlib.import_module("psycopg")
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise ConfigurationError(f"The inbox keeps its results in SQLite or PostgreSQL, not in {kind}.")
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError("The inbox needs a file: in memory, nothing that it acknowledged would last.")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise ConfigurationError(f"The inbox's folder {path.parent} does not exist. Make it first.")
    return URL.create("sqlite+pysqlite", database=str(path))


def open_database(url: URL) -> Engine:
    """Return an engine whose commits are durable, with the tables made if need be.

    No exception of it holds the values of a statement.

    Raises:
        InboxError: it cannot be opened.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}, pool_size=0)
        _create_private_file(str(url.database))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=0)
        event.listen(engine, "connect", _prepare_postgresql)
    with database_errors(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
        metadata.create_all(connection)
    return engine


def reading(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read, and need not wait for a writer."""
    return engine.execution_options(squadiq_begin="BEGIN")


def without_transaction(engine: Engine) -> Engine:
    """Return the same engine for statements that SQLite takes outside of transactions only."""
    return engine.execution_options(squadiq_begin="")


def _create_private_file(path: str) -> None:
    """Make a new file readable for its owner only: it holds phone numbers and names."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise InboxError(f"The inbox's file {path} cannot be opened ({error.strerror}).") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # transactions begin in _begin_sqlite
    use_wal(connection, BUSY_SECONDS)
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("squadiq_begin", "BEGIN IMMEDIATE")
    if statement:
        connection.exec_driver_sql(statement)


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """Make commits durable even where the server's own setting says otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()
