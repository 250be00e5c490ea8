"""The table that outcomes are merged into, of any database that SQLAlchemy reaches, and how far each source was read.

What is written is written with DELETE and INSERT in one transaction, which every database has; two runs at the same
time meet at the primary key, and the later one does its batch again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError
from squadiq.outcomes.errors import OutcomesError
from squadiq.queue.files import make_private
from squadiq.queue.leases import count_of
from squadiq.queue.purpose import Purpose

DEFAULT_TABLE = "squadiq_outcomes"
BUSY_SECONDS = 15.0
_TRIES = 8
_LOOKED_FOR_AT_ONCE = 500
_PARAMETERS = ("of_campaign", "of_lead", "of_time")
_NAME = re.compile(r"(?:(?P<schema>[A-Za-z_][A-Za-z0-9_]{0,62})\.)?(?P<table>[A-Za-z_][A-Za-z0-9_]{0,55})")
_NAMED = 255

ResultT = TypeVar("ResultT")
_Key = tuple[str, str, datetime]


class OutcomeTable:
    """Outcomes in a table of their own, one row for each campaign, lead and time of processing.

    Args:
        url: of a database, as SQLAlchemy has it; `?table=NAME` or `?table=SCHEMA.NAME` says which table.

    Raises:
        ConfigurationError: it is no URL, or there is no driver for it.
    """

    def __init__(self, url: str) -> None:
        self._url, schema, name = _split(url)
        metadata = MetaData(schema=schema)
        key = {"primary_key": True, "nullable": False}
        time = DateTime(timezone=True)
        self._table = Table(
            name,
            metadata,
            Column("campaign_id", String(_NAMED), **key),  # type: ignore[arg-type]
            Column("lead_id", String(_NAMED), **key),  # type: ignore[arg-type]
            Column("processed_at", time, **key),  # type: ignore[arg-type]
            Column("phone_number", Text),
            Column("contact_name", Text),
            Column("lead_outcome", Text),
            Column("created_at", time),
            Column("latest_called_at", time),
            Column("latest_recording_url", Text),
            Column("lead_responses", JSON(none_as_null=True)),
            Column("further_fields", JSON(none_as_null=True)),
            Column("synced_at", time, nullable=False),
        )
        self._progress = Table(
            f"{name}_sync",
            metadata,
            Column("source", String(_NAMED), primary_key=True),
            Column("read_until", BigInteger, nullable=False),
        )
        c = self._table.c
        known = zip((c.campaign_id, c.lead_id, c.processed_at), _PARAMETERS, strict=True)
        self._delete_one = delete(self._table).where(*(column == bindparam(name) for column, name in known))
        self._purpose = Purpose("table of outcomes", OutcomesError, metadata, "")
        self._errors = self._purpose.errors
        self._engine = self._opened()

    def __repr__(self) -> str:
        return f"OutcomeTable({self.place!r})"

    @property
    def place(self) -> str:
        """Where it is, without a user, a password or options."""
        where = f"{self._url.host}/{self._url.database}" if self._url.host else str(self._url.database)
        return f"{self._url.get_backend_name()} {where}, table {self._table.fullname}"

    def exists(self) -> bool:
        """Tell whether there is such a table; an error if it cannot be asked for."""
        with self._errors(), self._engine.connect() as connection:
            return inspect(connection).has_table(self._table.name, schema=self._table.schema)

    def prepare(self) -> None:
        """Make what is not there yet.

        Raises:
            OutcomesError: there is a table of this name with other columns, or the database fails.
        """
        try:
            self._again(self._purpose.metadata.create_all)
        except OutcomesError:
            if not self.exists():  # if it does, another run has made it just now
                raise
        for table in (self._table, self._progress):
            self._check(table)

    def merge(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write outcomes in place of those with the same key; return how many were not there before."""
        synced_at = datetime.now(UTC)
        by_key = {(row["campaign_id"], row["lead_id"], row["processed_at"]): row for row in rows}
        keys = sorted(by_key)  # in one order, so that no two runs wait for each other
        written = [{**by_key[key], "synced_at": synced_at} for key in keys]

        def merge(connection: Connection) -> int:
            known = self._known(connection, by_key.keys())
            if known:
                connection.execute(
                    self._delete_one, [dict(zip(_PARAMETERS, key, strict=True)) for key in sorted(known)]
                )
            connection.execute(insert(self._table), written)
            return len(keys) - len(known)

        return self._again(merge) if keys else 0

    def _known(self, connection: Connection, keys: Collection[_Key]) -> set[_Key]:
        """Those of some keys that are in the table."""
        c = self._table.c
        by_campaign: dict[str, set[str]] = defaultdict(set)
        for campaign_id, lead_id, _ in keys:
            by_campaign[campaign_id].add(lead_id)
        found: set[_Key] = set()
        for campaign_id, lead_ids in by_campaign.items():
            for some in batched(sorted(lead_ids), _LOOKED_FOR_AT_ONCE):
                query = select(c.campaign_id, c.lead_id, c.processed_at)
                query = query.where(c.campaign_id == campaign_id, c.lead_id.in_(some))
                found |= {(row[0], row[1], _aware(row[2])) for row in connection.execute(query)}
        return found & set(keys)

    def read_until(self, source: str) -> int | None:
        """Return how far a source was read."""
        query = select(self._progress.c.read_until).where(self._progress.c.source == source)
        with self._errors(), self._engine.connect() as connection:
            found: int | None = connection.execute(query).scalar_one_or_none()
        return found

    def has_read_until(self, source: str, second: int) -> None:
        """Note how far a source was read; it never goes back."""
        c = self._progress.c

        def note(connection: Connection) -> None:
            there = connection.execute(select(c.read_until).where(c.source == source)).scalar_one_or_none()
            if there is None:
                connection.execute(insert(self._progress).values(source=source, read_until=second))
            else:
                further = (c.source == source, c.read_until < second)
                connection.execute(update(self._progress).where(*further).values(read_until=second))

        self._again(note)

    def erase(self, campaign_id: str, lead_id: str) -> int:
        """Erase what is known of a lead; return how many outcomes that were."""
        c = self._table.c
        of_lead = delete(self._table).where(c.campaign_id == campaign_id, c.lead_id == lead_id)
        return self._again(lambda connection: count_of(connection.execute(of_lead)))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _again(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work in a transaction, again where another run got in its way."""
        with self._errors(), self._engine.connect() as connection:
            tries = 0
            while True:
                tries += 1
                try:
                    with connection.begin():
                        return work(connection)
                except DBAPIError as error:
                    if tries == _TRIES or error.connection_invalidated or not _may_pass(error):
                        raise

    def _opened(self) -> Engine:
        arguments: dict[str, Any] = {}
        is_sqlite = self._url.get_backend_name() == "sqlite"
        if is_sqlite:
            arguments = {"timeout": BUSY_SECONDS}
        try:
            engine = create_engine(self._url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                f"There is no driver for {self._url.get_backend_name()}: {missing.name} is not installed."
            ) from None
        except (SQLAlchemyError, TypeError, ValueError):
            raise ConfigurationError("--to: SQLAlchemy does not know such a database.") from None
        if is_sqlite:
            make_private(str(self._url.database), self._purpose)
            event.listen(engine, "connect", _without_own_transactions)
            event.listen(engine, "begin", _begin)
        return engine

    def _check(self, table: Table) -> None:
        with self._errors(), self._engine.connect() as connection:
            looked_at = inspect(connection)
            found = [each["name"] for each in looked_at.get_columns(table.name, schema=table.schema)]
            key = looked_at.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
        ours, other = {each.name for each in table.columns}, set(found)
        wrong = [f"{', '.join(sorted(names))} {what}" for names, what in _differences(ours, other) if names]
        if not wrong and set(key) != {each.name for each in table.primary_key}:
            wrong = [f"its primary key must be {', '.join(each.name for each in table.primary_key)}"]
        if wrong:
            raise OutcomesError(
                f"{self.place}: there is a table {table.fullname} that is not one of outcomes ({'; '.join(wrong)}). "
                "Name another one, by ?table=NAME."
            )


def _differences(ours: set[str], other: set[str]) -> Generator[tuple[set[str], str]]:
    yield ours - other, "missing"
    yield other - ours, "unknown"


def _split(text: str) -> tuple[URL, str | None, str]:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError("--to: this is no URL that SQLAlchemy reads.") from None
    named = _NAME.fullmatch(str(url.query.get("table", DEFAULT_TABLE)))
    if named is None:
        raise ConfigurationError("--to: table= must be NAME or SCHEMA.NAME, of letters, digits and underscores.")
    url = url.difference_update_query(["table"])
    kind = url.get_backend_name()
    if kind == "sqlite" and (not url.database or url.database == ":memory:"):
        raise ConfigurationError("--to: in memory nothing would last. Give the path of a file.")
    if kind in ("postgresql", "postgres") and url.drivername == kind:
        with needs_extra("postgres"):
            import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
        url = url.set(drivername="postgresql+psycopg")
    return url, named["schema"], named["table"]


def _aware(moment: datetime) -> datetime:
    """A time in UTC; some databases have times without a zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _may_pass(error: DBAPIError) -> bool:
    """Whether it may be another run that was in the way: of the same key, a deadlock, or the same new table."""
    return type(error).__name__ in ("IntegrityError", "OperationalError", "ProgrammingError")


def _without_own_transactions(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # or two that read first could not both write


def batched(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield parts of a sequence; `itertools.batched` of Python 3.12."""
    return (names[first : first + size] for first in range(0, len(names), size))


@contextmanager
def opened_table(url: str) -> Generator[OutcomeTable]:
    """Open a table, and close it.

    Raises:
        ConfigurationError: see `OutcomeTable`.
    """
    table = OutcomeTable(url)
    try:
        yield table
    finally:
        table.close()
