"""Connections to a database that keeps what it has acknowledged, and that never keep anybody waiting for ever."""

from __future__ import annotations

import importlib
import os
import socket
import sqlite3
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, InvalidatePoolError

from squadiq._extras import needs_extra
from squadiq._sqlite import use_wal
from squadiq.errors import ConfigurationError
from squadiq.queue.files import OpenFile, files_of, make_private, tell_if_others_can_read
from squadiq.queue.purpose import Purpose
from squadiq.queue.tables import statements

BUSY_SECONDS = 15.0
"""How long SQLite waits for another process to finish writing before it gives up."""

SILENT_SECONDS = 10.0
"""How long a transaction on PostgreSQL may take before its connection is broken off: the server may be
stopped, or cut off, without a word."""

CONNECT_SECONDS = 5
"""How long PostgreSQL may take to let us in."""

_SCHEMA_LOCK = 0x5D1B0C
"""Any number: who makes the tables on PostgreSQL holds the advisory lock of this number."""

_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

_STATES: dict[str, Literal["open", "failed"]] = {"INTRANS": "open", "INERROR": "failed"}
"""Of a transaction, by the name that psycopg has for it."""

_SQLITE_TRANSACTION = 22
"""The code of statements that begin or end a transaction, for an authorizer; not named in Python 3.11."""


def database_url(database: str | os.PathLike[str] | URL, purpose: Purpose) -> URL:
    """Return the URL of a SQLite file given by its path, or of a database given by its URL.

    Raises:
        ConfigurationError: it is neither SQLite nor PostgreSQL, or has no place on disk.
        MissingExtraError: it is PostgreSQL, and `squadiq[postgres]` is not installed.
    """
    if not isinstance(database, str | os.PathLike | URL):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("database: give the path of a SQLite file, or the URL of PostgreSQL.")
    if isinstance(database, URL):
        url = database
    elif isinstance(database, str) and "://" in database:
        try:
            url = make_url(database)
        except (ArgumentError, ValueError):
            raise ConfigurationError(f"The {purpose.name}'s database is not a URL that SQLAlchemy reads.") from None
    else:
        url = URL.create("sqlite", database=os.fsdecode(database))
    kind = url.get_backend_name()
    if kind in ("postgresql", "postgres"):
        with needs_extra("postgres"):
            importlib.import_module("psycopg")
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise ConfigurationError(f"The {purpose.name} is kept in SQLite or PostgreSQL, not in {kind}.")
    if "\0" in (url.database or ""):
        raise ConfigurationError(f"The path of the {purpose.name}'s file holds a NUL.")
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError(f"The {purpose.name} needs a file: in memory, nothing that it keeps would last.")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise ConfigurationError(f"The {purpose.name}'s folder {path.parent} does not exist. Make it first.")
    return URL.create("sqlite+pysqlite", database=str(path))


def open_database(url: URL, purpose: Purpose) -> Engine:
    """Return an engine whose commits are durable, with the tables made if need be.

    A SQLite file that is taken away meanwhile is noticed before each transaction: the next one is in
    the file that then has its name, a new one if there is none. No exception holds the values of a
    statement.

    Raises:
        SquadIQError: it cannot be opened; that of the purpose.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, hide_parameters=True, pool_size=0, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )
        event.listen(engine, "do_connect", partial(_connect_sqlite, purpose))
        event.listen(engine, "checkout", _look_for_file)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "commit", assure_kept)
        with purpose.errors(), without_transaction(engine).connect() as connection:
            _make_tables(
                opened_by(connection), engine.dialect, purpose
            )  # one may be missing in a file of an earlier version
        tell_if_others_can_read(str(url.database), purpose)
        return engine
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    engine = create_engine(url, hide_parameters=True, pool_size=0, connect_args=patience)
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "checkout", _Ping(engine.dialect))
    event.listen(engine, "checkin", _end_watch)
    with purpose.errors(), engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
        purpose.metadata.create_all(connection)
        for table in purpose.metadata.sorted_tables:
            for index in table.indexes:  # one may be missing in a database of an earlier version
                index.create(connection, checkfirst=True)
    return engine


def reading(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read, and need not wait for a writer."""
    return engine.execution_options(squadiq_begin="BEGIN")


def without_transaction(engine: Engine) -> Engine:
    """Return the same engine for statements that SQLite takes outside of transactions only."""
    return engine.execution_options(squadiq_begin="")


def opened_by(connection: Connection) -> Any:
    """Return the driver's connection under one of SQLAlchemy."""
    return connection.connection.dbapi_connection


def assure_kept(connection: Connection) -> None:
    """Raise if what is written by a connection is in no file that anybody will find.

    Raises:
        SquadIQError: the SQLite file was deleted, moved or replaced; that of its purpose.
    """
    opened = opened_by(connection)
    if isinstance(opened, OpenFile):
        opened.assure_there()


def take_your_time(connection: Connection) -> None:
    """Let a transaction take as long as it needs: somebody else sees to its end."""
    _end_watch(None, connection.connection)


def hurry(connection: Connection) -> None:
    """Let what is left of a transaction take no longer than any other."""
    if connection.dialect.name == "postgresql":
        _watch(opened_by(connection), connection.connection)


def state_of(connection: Connection) -> Literal["open", "failed", "ended"]:
    """Return whether a transaction is still open, if need be in the driver's view, and can be committed."""
    if not connection.in_transaction() or connection.in_nested_transaction() or connection.invalidated:
        return "ended"
    opened = opened_by(connection)
    if isinstance(opened, OpenFile):
        return "open" if opened.in_transaction else "ended"
    return _STATES.get(opened.info.transaction_status.name, "ended")


def break_off(opened: Any) -> None:
    """End the transaction of a driver's connection from another thread; what is tried on it later fails."""
    with suppress(Exception):  # it may have ended by itself, or be closed
        if isinstance(opened, OpenFile):
            opened.interrupt()
            opened.set_authorizer(_nothing_but_rollback)
            opened.execute("ROLLBACK")
        else:
            with socket.socket(fileno=os.dup(opened.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def _nothing_but_rollback(action: int, what: str | None, *_more: object) -> int:
    rolls_back = action == _SQLITE_TRANSACTION and what == "ROLLBACK"
    return sqlite3.SQLITE_OK if rolls_back else sqlite3.SQLITE_DENY


def _connect_sqlite(
    purpose: Purpose, dialect: Dialect, _record: object, arguments: Any, keywords: dict[str, Any]
) -> OpenFile:
    path: str = arguments[0]
    make_private(path, purpose)
    named = files_of(path)[0]
    opened: OpenFile = dialect.connect(*arguments, **keywords, factory=OpenFile)  # type: ignore[assignment]
    opened.purpose = purpose
    try:
        _prepare_sqlite(opened, dialect)
        opened.path, opened.files = path, (named, *files_of(path)[1:])
        opened.assure_there()
    except BaseException:
        opened.close()
        raise
    return opened


def _prepare_sqlite(connection: OpenFile, dialect: Dialect) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite
    use_wal(connection, BUSY_SECONDS)
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        _make_tables(connection, dialect, connection.purpose)


def _make_tables(connection: sqlite3.Connection, dialect: Dialect, purpose: Purpose) -> None:
    for statement in statements(purpose.metadata, dialect):
        connection.execute(statement)


def _look_for_file(connection: OpenFile, _record: object, _proxy: object) -> None:
    if connection.still_there():
        return
    purpose = connection.purpose
    purpose.log.error(
        "THE %s'S FILE %s WAS DELETED OR REPLACED WHILE IT WAS IN USE: what it held is no longer there. "
        "Going on with the file of this name, a new one if there is none. %s",
        purpose.name.upper(),
        connection.path,
        purpose.after_loss,
    )
    connection.clear_what_is_stale()
    raise InvalidatePoolError


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("squadiq_begin", "BEGIN IMMEDIATE")
    if statement:
        connection.exec_driver_sql(statement)


def _prepare_postgresql(connection: Any, record: Any) -> None:
    """Make commits durable even where the server's own setting says otherwise."""
    _watch(connection, record)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_DURABLE)
        connection.commit()
    finally:
        _end_watch(connection, record)


class _Ping:
    """Looks, when a connection is taken from the pool, whether the server still answers, and sees to its end."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __call__(self, connection: Any, record: Any, _proxy: object) -> None:
        _watch(connection, record)
        try:
            responses = self._dialect.do_ping(connection)
        except Exception:  # whatever the driver says
            responses = False
        if not responses:
            _end_watch(connection, record)
            raise DisconnectionError


def _watch(connection: Any, record: Any) -> None:
    timer = threading.Timer(SILENT_SECONDS, break_off, [connection])
    timer.daemon = True
    record.info["squadiq_watch"] = timer
    timer.start()


def _end_watch(_connection: object, record: Any) -> None:
    timer: threading.Timer | None = record.info.pop("squadiq_watch", None)
    if timer is not None:
        timer.cancel()
