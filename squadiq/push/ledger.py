"""What became of every lead that was pushed: in a SQLite file, or in a PostgreSQL that several machines share.

A lead is written down before it is sent and after it is answered, so a push that is killed goes on where it was.
Phone numbers are kept as keyed digests, leads as digests of what was sent: nothing about a person stands in here
but the `lead_id`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    create_engine,
    event,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from squadiq._extras import needs_extra
from squadiq._sqlite import use_wal
from squadiq.errors import ConfigurationError, SquadIQError

BUSY_SECONDS = 15.0
_SCHEMA_LOCK = 0x5D1B0D

metadata = MetaData()
leads = Table(
    "squadiq_push_leads",
    metadata,
    Column("service", String, primary_key=True),
    Column("campaign_id", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("sent_before", Boolean, nullable=False, server_default="0"),
    Column("content", LargeBinary, nullable=False),
    Column("number", LargeBinary, nullable=False),
    Column("owner", BigInteger, nullable=False),
    Column("source", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("code", String, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),
    Column("changed_at", Float, nullable=False),
)
"""One row for each lead. `state` is waiting, sending, created, existing, refused or unknown."""
Index("squadiq_push_numbers", leads.c.service, leads.c.campaign_id, leads.c.number)
keys = Table("squadiq_push_key", metadata, Column("id", Integer, primary_key=True), Column("key", LargeBinary))


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


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A lead that is about to be written down."""

    lead_id: str = field(repr=False)
    content: bytes = field(repr=False)
    number: bytes = field(repr=False)
    row: int


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

    def number_digest(self, phone_number: str) -> bytes:
        """Return what stands for a phone number; without the ledger's key nobody can make it again."""
        return hmac.digest(self._key, phone_number.encode(), "sha256")[:16]

    def content_digest(self, content: bytes) -> bytes:
        """Return what stands for a lead as it is sent."""
        return hashlib.blake2b(content, digest_size=16, key=self._key).digest()

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """Begin a transaction in which leads are looked for and written down; one at a time for a campaign.

        Raises:
            LedgerError: the database fails.
        """
        assert self._engine is not None
        with _database_errors(), self._engine.begin() as connection:
            if not self._is_file:
                name = hashlib.blake2b(f"{self._service} {self._campaign_id}".encode(), digest_size=7).digest()
                connection.execute(select(func.pg_advisory_xact_lock(int.from_bytes(name))))
            yield connection

    def known(self, connection: Connection, lead_ids: Collection[str]) -> Mapping[str, Entry]:
        """Return what is known of leads, by lead_id."""
        columns = (leads.c.state, leads.c.sent_before, leads.c.content, leads.c.owner, leads.c.code, leads.c.reason)
        query = select(leads.c.lead_id, *columns).where(*self._mine(), leads.c.lead_id.in_(list(lead_ids)))
        return {
            row.lead_id: Entry(row.state, bool(row.sent_before), bytes(row.content), row.owner, row.code, row.reason)
            for row in connection.execute(query)
        }

    def numbers(self, connection: Connection, digests: Collection[bytes]) -> Mapping[bytes, str]:
        """Return by digest which lead has a phone number, of those that are called or may be."""
        query = select(leads.c.number, leads.c.lead_id).where(
            *self._mine(), leads.c.number.in_(list(digests)), leads.c.state != "refused"
        )
        return {bytes(row.number): row.lead_id for row in connection.execute(query)}

    def add(self, connection: Connection, entries: Sequence[NewEntry]) -> None:
        """Write leads down as waiting for this push; one that was refused gives way."""
        if not entries:
            return
        statement = self._insert(leads)
        values = ("state", "content", "number", "owner", "source", "row", "changed_at", "code", "reason")
        changed = {name: statement.excluded[name] for name in values}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["service", "campaign_id", "lead_id"], set_=changed),
            [
                {
                    "service": self._service,
                    "campaign_id": self._campaign_id,
                    "lead_id": entry.lead_id,
                    "state": "waiting",
                    "sent_before": False,
                    "content": entry.content,
                    "number": entry.number,
                    "owner": self.owner,
                    "source": self._source,
                    "row": entry.row,
                    "code": "",
                    "reason": "",
                    "changed_at": self._now(),
                }
                for entry in entries
            ],
        )

    def take_over(self, connection: Connection, lead_ids: Collection[str], *, sent_before: bool) -> None:
        """Make leads of a push that is gone those of this one."""
        if lead_ids:
            values = {"state": "waiting", "owner": self.owner, "sent_before": sent_before, "changed_at": self._now()}
            connection.execute(update(leads).where(*self._mine(), leads.c.lead_id.in_(list(lead_ids))).values(values))

    def mark(
        self, lead_ids: Collection[str], state: str, *, code: str = "", reason: str = "", sent_before: bool = False
    ) -> None:
        """Note in a transaction of its own what became of leads.

        Raises:
            LedgerError: the database fails.
        """
        if lead_ids:
            self._change(lead_ids, state, code, reason, {"sent_before": True} if sent_before else {})

    def claim(self, lead_ids: Collection[str]) -> None:
        """Note that leads are about to be sent.

        Raises:
            LedgerError: another push has some of them, since this one seemed to be gone; or the database fails.
        """
        if self._change(lead_ids, "sending", "", "", {}) != len(lead_ids):
            raise LedgerError("Another push took over leads of this one, for the database had lost sight of it.")

    def _change(self, lead_ids: Collection[str], state: str, code: str, reason: str, more: Mapping[str, Any]) -> int:
        """Change leads that this push still has, and return how many those are."""
        assert self._engine is not None
        values = {"state": state, "code": code, "reason": reason, "changed_at": self._now(), **more}
        where = (*self._mine(), leads.c.lead_id.in_(list(lead_ids)), leads.c.owner == self.owner)
        with _database_errors(), self._engine.begin() as connection:
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
            query = select(leads.c.source, leads.c.row, leads.c.changed_at)
            row = connection.execute(query.where(*self._mine(), leads.c.lead_id == lead_id)).one_or_none()
        return None if entry is None or row is None else (entry, row.source, row.row, row.changed_at)

    def _mine(self) -> Iterable[Any]:
        return (leads.c.service == self._service, leads.c.campaign_id == self._campaign_id)

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
        connection.execute("PRAGMA synchronous = FULL")

    def begin(connection: Connection) -> None:
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
