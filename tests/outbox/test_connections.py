"""What is stored is committed, or rolled back, with what the user writes, by whatever connection that is."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, insert, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from squadiq.errors import ConfigurationError
from squadiq.outbox import Outbox, OutboxError
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url
from tests.outbox.conftest import CAMPAIGN, lead

signups = Table("signups", MetaData(), Column("id", Integer, primary_key=True))


@contextmanager
def by_core(database: str) -> Generator[tuple[Any, Callable[[], None]]]:
    engine = create_engine(database_url(database, OUTBOX))
    with engine.connect() as connection:
        yield connection, connection.commit
    engine.dispose()


@contextmanager
def by_session(database: str) -> Generator[tuple[Any, Callable[[], None]]]:
    engine = create_engine(database_url(database, OUTBOX))
    with Session(engine) as session:
        yield session, session.commit
    engine.dispose()


@contextmanager
def by_driver(database: str) -> Generator[tuple[Any, Callable[[], None]]]:
    engine = create_engine(database_url(database, OUTBOX))
    with closing(engine.raw_connection()) as connection:
        yield connection.driver_connection, connection.commit
    engine.dispose()


@contextmanager
def by_django(database: str) -> Generator[tuple[Any, Callable[[], None]]]:
    django: Any = importlib.import_module("django")
    settings: Any = importlib.import_module("django.conf").settings
    if not settings.configured:
        settings.configure()
    django.setup()
    connections: Any = importlib.import_module("django.db.utils")
    url = database_url(database, OUTBOX)
    if url.get_backend_name() == "sqlite":
        place: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    else:
        options = {"options": url.query["options"]}
        place = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.database,
            "USER": url.username,
            "HOST": url.query["host"],
            "OPTIONS": options,
        }
    connection = connections.ConnectionHandler({"default": place})["default"]
    connection.set_autocommit(False)
    yield connection, connection.commit
    connection.rollback()
    connection.close()


WAYS = [by_core, by_session, by_driver, by_django]


@pytest.fixture
def signups_of(user_engine: Engine) -> Callable[[], int]:
    signups.create(user_engine)

    def count() -> int:
        with user_engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM signups")).scalar_one())

    return count


def sign_up(connection: Any) -> None:
    if hasattr(connection, "execute") and not isinstance(connection, sqlite3.Connection):
        statement: Any = insert(signups).values(id=1) if hasattr(connection, "in_transaction") else None
        connection.execute(statement if statement is not None else "INSERT INTO signups (id) VALUES (1)")
    else:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO signups (id) VALUES (1)")
        cursor.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_sign_up_and_its_lead_are_committed_together(
    way: Any, outbox: Outbox, database: str, signups_of: Callable[[], int]
) -> None:
    outbox.open()
    with way(database) as (connection, _):
        sign_up(connection)
        assert outbox.create_leads(CAMPAIGN, [lead(1), lead(2)], connection=connection) == 2
    assert (signups_of(), sum(outbox.counts().values())) == (0, 0), "rolled back, and stored all the same"
    with way(database) as (connection, commit):
        sign_up(connection)
        assert outbox.create_leads(CAMPAIGN, [lead(1), lead(2)], connection=connection) == 2
        assert outbox.update_lead(CAMPAIGN, "L1", city="Pune", connection=connection) == 1
        assert outbox.update_lead(CAMPAIGN, "L1", city="Goa", zip="1", connection=connection) == 1
        assert outbox.create_leads(CAMPAIGN, [lead(1)], connection=connection) == 0
        commit()
    assert signups_of() == 1
    assert [(each.operation, each.values) for each in outbox.entries(CAMPAIGN, "L1")][1:] == [
        ("updateLead", {"city": "Goa", "zip": "1"})
    ]
    with way(database) as (connection, commit):
        outbox.delete_lead(CAMPAIGN, "L1", connection=connection)
        commit()
    assert [each.operation for each in outbox.entries(CAMPAIGN, "L1")] == ["deleteLead"]
    assert outbox.counts()["waiting"] == 2


def test_an_async_session_stores_by_run_sync(outbox: Outbox, database: str) -> None:
    url = database_url(database, OUTBOX)
    if url.get_backend_name() != "postgresql":
        with Outbox(Path(str(url.database)).with_name("other.sqlite3")) as other:
            other.open()
        return

    async def store() -> None:
        engine = create_async_engine(make_url(url))
        async with engine.begin() as connection:
            await connection.run_sync(lambda it: outbox.create_leads(CAMPAIGN, [lead(1)], connection=it))
        await engine.dispose()

    anyio.run(store)
    assert outbox.counts()["waiting"] == 1


@pytest.mark.parametrize("connection", [5, "connection", object(), sqlite3])
def test_what_is_no_connection_is_named(outbox: Outbox, connection: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"connection: a .* is none that the outbox can write with"):
        outbox.create_leads(CAMPAIGN, [lead(1)], connection=connection)


def test_a_connection_to_another_database_is_an_error(outbox: Outbox, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "other.sqlite3")) as driver,
        pytest.raises(OutboxError, match="OperationalError"),
    ):
        outbox.create_leads(CAMPAIGN, [lead(1)], connection=driver)
    engine = create_engine(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    with engine.connect() as alchemy, pytest.raises(OutboxError, match="no such table"):
        outbox.create_leads(CAMPAIGN, [lead(1)], connection=alchemy)
    engine.dispose()
