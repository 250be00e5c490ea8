"""Real databases for the inbox: a SQLite file, and PostgreSQL (see `postgres.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select

from squadiq.inbox import Inbox
from squadiq.inbox.store import InboxStore
from squadiq.inbox.tables import INBOX
from squadiq.queue.database import database_url
from tests.inbox import postgres
from tests.inbox.timed import timed_inbox


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database for an inbox, once of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "inbox.sqlite3")
    return postgres.new_database(request.getfixturevalue("postgres_url"))


effects = Table("effects", MetaData(), Column("id", Integer, primary_key=True), Column("lead_id", String))
"""A table of the user's own in the inbox's database."""


postgres_database = postgres.new_database


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
        opened.append(timed_inbox(database, **settings, now=clock, monotonic=clock, rng=lambda: 0.0))
        look_at_the_clock(opened[-1]._open())  # pyright: ignore[reportPrivateUsage]
        return opened[-1]

    yield _open
    for inbox in opened:
        inbox.close()


@pytest.fixture
def effect_ids(database: str) -> Callable[[], list[str]]:
    """A table of the user's own in the inbox's database; gives the lead_ids in it."""
    engine = create_engine(database_url(database, INBOX))
    effects.create(engine)
    engine.dispose()

    def read() -> list[str]:
        with engine.connect() as connection:
            found = list(connection.execute(select(effects.c.lead_id).order_by(effects.c.id)).scalars())
        engine.dispose()
        return found

    return read
