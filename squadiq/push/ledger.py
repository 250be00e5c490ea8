"""What became of every lead that was pushed: in a SQLite file, or in a PostgreSQL that several machines share.

A lead is written down before it is sent and after it is answered, so a push that is killed goes on where it was.
Phone numbers are kept as keyed digests, leads as digests of what was sent: nothing about a person stands in here
but the `lead_id`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Table,
    any_,
    create_engine,
    delete,
    event,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from squadiq._extras import needs_extra
from squadiq._sqlite import use_wal
from squadiq.errors import ConfigurationError, SquadIQError
from squadiq.push.tables import campaigns, keys, leads, metadata, sources

BUSY_SECONDS = 15.0
_SCHEMA_LOCK = 0x5D1B0D
_PAGES_BETWEEN_CHECKPOINTS = 8000
"""Digests lie all over their index, so its pages change often before it is worth to write them in their places."""

_IS_DURABLE = "squadiq_is_durable"


@cache
def _add(mark: str) -> str:
    """The statement that writes leads down as waiting, or refused ones anew; of `NewEntry`, and what they share."""
    given = ("lead_id", "content", "number", "row", "campaign", "owner", "source", "changed_at")
    fixed = {"state": "'waiting'", "sent_before": "false", "code": "''", "reason": "''"}
    names = ", ".join(f'"{name}"' for name in (*given, *fixed))
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in (*given, "state", "code", "reason"))
    values = ", ".join((*[mark] * len(given), *fixed.values()))
    into = f"INSERT INTO {leads.name} ({names}) VALUES ({values})"  # noqa: S608 - names of columns
    return f"{into} ON CONFLICT (campaign, lead_id) DO UPDATE SET {changed}"


class LedgerError(SquadIQError):
    """The ledger of a push cannot be opened, read or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one lead."""

    state: str
    sent_before: bool
    content: bytes = field(repr=False)
    owner: int
    code: str
    reason: str


class NewEntry(NamedTuple):
    """A lead that is about to be written down."""

    lead_id: str
    content: bytes
    number: int
    row: int

    def __repr__(self) -> str:
        return f"NewEntry(row={self.row})"  # a lead_id may be a phone number


class Ledger:
    """Keep what became of the leads of one campaign.

    Args:
        database: path of a SQLite file, or URL of PostgreSQL.
        service: the base URL; leads of a mock are not those of the live service.
        source: name of where the rows come from.
        now: seconds since 1970.
    """

    def __init__(
        self,
        database: str | Path,
        *,
        service: str,
        campaign_id: str,
        source: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = _url(database)
        self._service, self._campaign_id, self._source = service, campaign_id, source
        self._now = now
        self.owner = secrets.randbits(62)
        self._engine: Engine | None = None
        self._held: list[Any] = []
        self._key = b""
        self._campaign_key = self._source_key = 0

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return str(self._url.database) if self._is_file else self._url.render_as_string(hide_password=True)

    @property
    def _is_file(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def open(self, *, alone: bool = True) -> None:
        """Open the ledger; on SQLite for this push alone, unless it is only read.

        Raises:
            LedgerError: it cannot be opened, or another push of the same campaign is under way.
        """
        with _database_errors():
            if self._is_file and alone:
                self._hold_file()
            self._engine = _engine(self._url)
            with self._engine.begin() as connection:
                if not self._is_file:
                    connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
                metadata.create_all(connection)
                made = self._insert(keys).values(id=1, key=secrets.token_bytes(32)).on_conflict_do_nothing()
                connection.execute(made)
                names = {"service": self._service, "campaign_id": self._campaign_id}
                self._campaign_key = self._id_of(connection, campaigns, names, is_new=alone)
                self._source_key = self._id_of(connection, sources, {"name": self._source}, is_new=alone)
                self._key = bytes(connection.execute(select(keys.c.key)).scalar_one())
            if not self._is_file:
                connection = self._engine.connect()
                connection.execute(select(func.pg_advisory_lock(self.owner)))
                connection.commit()
                self._held.append(connection)

    def close(self) -> None:
        """Let go of everything; what was not finished is free for the next push."""
        while self._held:
            with suppress(Exception):
                self._held.pop().close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def number_digest(self, phone_number: str) -> int:
        """Return what stands for a phone number; without the ledger's key nobody can make it again.

        Of eight bytes: among a million numbers, two share one in one of 10 million ledgers.
        """
        digest = hashlib.blake2b(phone_number.encode(), digest_size=8, key=self._key, person=b"number").digest()
        return int.from_bytes(digest, signed=True)

    def content_digest(self, content: bytes) -> bytes:
        """Return what stands for a lead as it is sent."""
        return hashlib.blake2b(content, digest_size=16, key=self._key).digest()

    @contextmanager
    def transaction(self, *, is_durable: bool = True) -> Generator[Connection]:
        """Begin a transaction in which leads are looked for and written down; one at a time for a campaign.

        Args:
            is_durable: whether it must outlive a loss of power, and not only the end of the process.

        Raises:
            LedgerError: the database fails.
        """
        with _database_errors(), self._begun(is_durable) as connection:
            if not self._is_file:
                name = hashlib.blake2b(f"{self._service} {self._campaign_id}".encode(), digest_size=7).digest()
                connection.execute(select(func.pg_advisory_xact_lock(int.from_bytes(name))))
            yield connection

    def _begun(self, is_durable: bool) -> AbstractContextManager[Connection]:
        assert self._engine is not None
        return self._engine.execution_options(**{_IS_DURABLE: is_durable}).begin()

    def known(self, connection: Connection, lead_ids: Collection[str]) -> Mapping[str, Entry]:
        """Return what is known of leads, by lead_id."""
        columns = (leads.c.state, leads.c.sent_before, leads.c.content, leads.c.owner, leads.c.code, leads.c.reason)
        query = select(leads.c.lead_id, *columns).where(*self._mine(), self._is_one_of(leads.c.lead_id, lead_ids))
        return {
            row.lead_id: Entry(row.state, bool(row.sent_before), bytes(row.content), row.owner, row.code, row.reason)
            for row in connection.execute(query)
        }

    def numbers(self, connection: Connection, digests: Collection[int]) -> Mapping[int, str]:
        """Return by digest which lead has a phone number, of those that are called or may be."""
        query = select(leads.c.number, leads.c.lead_id).where(
            *self._mine(), self._is_one_of(leads.c.number, digests), leads.c.state != "refused"
        )
        return {row.number: row.lead_id for row in connection.execute(query)}

    def add(self, connection: Connection, entries: Sequence[NewEntry]) -> None:
        """Write leads down as waiting for this push; one that was refused gives way."""
        if not entries:
            return
        common = (self._campaign_key, self.owner, self._source_key, self._now())
        # Past SQLAlchemy, which takes longer for its parameters than SQLite for the rows.
        connection.exec_driver_sql(_add("?" if self._is_file else "%s"), [(*entry, *common) for entry in entries])

    def take_over(self, connection: Connection, lead_ids: Collection[str], *, sent_before: bool) -> None:
        """Make leads of a push that is gone those of this one."""
        if lead_ids:
            values = {"state": "waiting", "owner": self.owner, "sent_before": sent_before, "changed_at": self._now()}
            which = (*self._mine(), self._is_one_of(leads.c.lead_id, lead_ids))
            connection.execute(update(leads).where(*which).values(values))

    def mark(
        self, lead_ids: Collection[str], state: str, *, code: str = "", reason: str = "", sent_before: bool = False
    ) -> None:
        """Note in a transaction of its own what became of leads.

        Raises:
            LedgerError: the database fails.
        """
        if lead_ids:
            more = {"sent_before": True} if sent_before else {}
            # Of what is lost with the power, the claim is left: that it was on the wire.
            self._change(lead_ids, state, code, reason, more, is_durable=False)

    def claim(self, lead_ids: Collection[str]) -> None:
        """Note that leads are about to be sent.

        Raises:
            LedgerError: another push has some of them, since this one seemed to be gone; or the database fails.
        """
        if self._change(lead_ids, "sending", "", "", {}, is_durable=True) != len(lead_ids):
            raise LedgerError("Another push took over leads of this one, for the database had lost sight of it.")

    def _change(
        self,
        lead_ids: Collection[str],
        state: str,
        code: str,
        reason: str,
        more: Mapping[str, Any],
        *,
        is_durable: bool,
    ) -> int:
        """Change leads that this push still has, and return how many those are."""
        values = {"state": state, "code": code, "reason": reason, "changed_at": self._now(), **more}
        where = (*self._mine(), self._is_one_of(leads.c.lead_id, lead_ids), leads.c.owner == self.owner)
        with _database_errors(), self._begun(is_durable) as connection:
            return connection.execute(update(leads).where(*where).values(values)).rowcount

    def is_alive(self, connection: Connection, owner: int) -> bool:
        """Tell whether the push that has a lead still runs; on SQLite there is no other."""
        if self._is_file:
            return False
        query = select(func.pg_try_advisory_xact_lock(owner))
        return not connection.execute(query).scalar_one()

    def of_lead(self, lead_id: str) -> tuple[Entry, str, int, float] | None:
        """Return what is known of one lead, its source, its row there, and when that was noted."""
        assert self._engine is not None
        with _database_errors(), self._engine.connect() as connection:
            entry = self.known(connection, [lead_id]).get(lead_id)
            query = select(sources.c.name, leads.c.row, leads.c.changed_at).join(
                sources, sources.c.id == leads.c.source
            )
            row = connection.execute(query.where(*self._mine(), leads.c.lead_id == lead_id)).one_or_none()
        return None if entry is None or row is None else (entry, row.name, row.row, row.changed_at)

    def erase(self, connection: Connection, lead_id: str) -> int:
        """Erase what is known of a lead; return whether there was anything. A push of it would create it again."""
        if self._is_file:
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        return connection.execute(delete(leads).where(*self._mine(), leads.c.lead_id == lead_id)).rowcount

    def _mine(self) -> Iterable[Any]:
        return (leads.c.campaign == self._campaign_key,)

    def _is_one_of(self, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
        """A condition with one parameter, however many values there are."""
        if self._is_file:
            each = func.json_each(json.dumps(list(values))).table_valued("value")
            return column.in_(select(each.c.value))
        return column == any_(literal(list(values), ARRAY(column.type)))

    def _id_of(self, connection: Connection, table: Table, names: Mapping[str, str], *, is_new: bool) -> int:
        """The number that stands for names in each row of a lead; 0 for what is not there and is not to be made."""
        if is_new:
            connection.execute(self._insert(table).values(names).on_conflict_do_nothing())
        found = select(table.c.id).where(*(table.c[column] == name for column, name in names.items()))
        return int(connection.execute(found).scalar_one_or_none() or 0)

    def _insert(self, table: Table) -> Any:
        return sqlite.insert(table) if self._is_file else postgresql.insert(table)

    def _hold_file(self) -> None:
        """Take the place of the one push of a campaign; the system gives it free however the process ends."""
        path = Path(str(self._url.database))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            path.touch(mode=0o600)
        name = hashlib.blake2b(f"{self._service} {self._campaign_id}".encode(), digest_size=6).hexdigest()
        lock = sqlite3.connect(f"{path}.{name}.lock", isolation_level=None, timeout=0.0, check_same_thread=False)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            lock.close()
            raise LedgerError(
                f"Another push of this campaign is under way with the ledger {path}. Wait for its end,"
                " or let several pushes share a PostgreSQL: --ledger postgresql://…"
            ) from None
        self._held.append(lock)


def _url(database: str | Path) -> URL:
    if isinstance(database, str) and "://" in database:
        try:
            url = make_url(database)
        except (ArgumentError, ValueError):
            raise ConfigurationError("ledger: this is no URL that SQLAlchemy reads.") from None
        if url.get_backend_name() in ("postgresql", "postgres"):
            with needs_extra("postgres"):
                import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
            return url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() != "sqlite" or not url.database:
            raise ConfigurationError("ledger: give the path of a SQLite file, or the URL of PostgreSQL.")
        database = url.database
    return URL.create("sqlite+pysqlite", database=os.path.abspath(database))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        use_wal(connection, BUSY_SECONDS)
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")

    def begin(connection: Connection) -> None:
        how = "FULL" if connection.get_execution_options().get(_IS_DURABLE, True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {how}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


@contextmanager
def _database_errors() -> Generator[None]:
    try:
        yield
    except SquadIQError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        origin = getattr(error, "orig", None) or error
        said = f": {str(origin).partition(chr(10))[0]}" if isinstance(error, OperationalError | OSError) else ""
        raise LedgerError(f"The ledger of the push failed ({type(origin).__name__}{said}).") from None
