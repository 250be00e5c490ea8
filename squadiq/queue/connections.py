"""Working in a transaction of the user's, by whatever connection that has."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.dialects import postgresql, sqlite

from squadiq.errors import ConfigurationError
from squadiq.queue.purpose import Purpose

_sqlite, _postgresql = cast(Any, sqlite.dialect), cast(Any, postgresql.dialect)  # without types for arguments
_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": _sqlite(paramstyle="qmark"),
    "django sqlite": _sqlite(paramstyle="format"),
    "postgresql": _postgresql(paramstyle="format"),
}


class Writer(Protocol):
    """Carries statements out in somebody's transaction."""

    @property
    def on_postgresql(self) -> bool:
        """Which of the two kinds of database it is."""
        ...

    def rows(self, statement: Any, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return what a statement selects."""
        ...

    def write(self, statement: Any, values: Sequence[Mapping[str, Any]]) -> None:
        """Carry a statement out with each of several sets of values."""
        ...


class _SQLAlchemyWriter:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.on_postgresql = connection.dialect.name == "postgresql"

    def rows(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        return [tuple(row) for row in self._connection.execute(statement, dict(values))]

    def write(self, statement: Executable, values: Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute(statement, [dict(each) for each in values])


class _DriverWriter:
    """For what has cursors: of sqlite3, psycopg or Django."""

    def __init__(self, connection: Any, kind: str, purpose: Purpose) -> None:
        self._purpose = purpose
        self._connection = connection
        self._dialect = _DIALECTS[kind]
        self.on_postgresql = kind == "postgresql"

    def rows(self, statement: Any, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        cursor = self._connection.cursor()
        try:
            self._run(cursor, statement, values)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def write(self, statement: Any, values: Sequence[Mapping[str, Any]]) -> None:
        cursor = self._connection.cursor()
        try:
            for each in values:
                self._run(cursor, statement, each)
        finally:
            cursor.close()

    def _run(self, cursor: Any, statement: Any, values: Mapping[str, Any]) -> None:
        compiled = statement.compile(dialect=self._dialect, column_keys=list(values))
        expanded = compiled.construct_expanded_state({**compiled.params, **values})
        try:
            cursor.execute(expanded.statement, [expanded.parameters[name] for name in expanded.positiontup])
        except Exception as error:  # whatever the driver raises; its message may hold what is stored
            said = f": {str(error).partition(chr(10))[0]}" if type(error).__name__ == "OperationalError" else ""
            name = self._purpose.name
            raise self._purpose.error(f"The {name}'s database failed ({type(error).__name__}{said}).") from None


def writer_of(connection: Any, purpose: Purpose) -> Writer:
    """Return what writes in the transaction that a connection, or an ORM session, is in.

    Raises:
        ConfigurationError: it is of no kind that is known, or async.
    """
    connection = _without_session(connection)
    if isinstance(connection, Connection):
        return _SQLAlchemyWriter(connection)
    if isinstance(connection, sqlite3.Connection):
        return _DriverWriter(connection, "sqlite", purpose)
    vendor = getattr(connection, "vendor", "")
    if vendor in ("sqlite", "postgresql"):
        return _DriverWriter(connection, "django sqlite" if vendor == "sqlite" else vendor, purpose)
    kind = cast(type[object], type(connection))
    if kind.__module__.partition(".")[0] == "psycopg" and not kind.__name__.startswith("Async"):
        return _DriverWriter(connection, "postgresql", purpose)
    raise ConfigurationError(
        f"connection: a {kind.__name__} is none that the {purpose.name} can write with. Give a Connection or Session "
        "of SQLAlchemy (in async code by run_sync), Django's connection, or one of sqlite3 or psycopg."
    )


def driver_connection(connection: Any) -> Any:
    """Return the driver's connection under one of SQLAlchemy or Django, or the one that is given."""
    connection = _without_session(connection)
    if isinstance(connection, Connection):
        return connection.connection.driver_connection
    if hasattr(connection, "vendor"):
        connection.ensure_connection()
        return connection.connection
    return connection


def _without_session(connection: Any) -> Any:
    """The connection of an ORM session in its transaction, or what is given."""
    is_session = hasattr(connection, "get_bind") and callable(getattr(connection, "connection", None))
    return connection.connection() if is_session else connection
