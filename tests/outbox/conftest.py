"""An outbox on a real database, and a client for real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine

from squadiq import SquadIQ
from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url
from tests.inbox.conftest import database, postgres_url  # noqa: F401  # pyright: ignore[reportUnusedImport] - fixtures
from tests.push.conftest import mock, own_environment  # noqa: F401  # pyright: ignore[reportUnusedImport] - fixtures

CAMPAIGN = "c1"


@pytest.fixture
def outbox(database: str) -> Iterator[Outbox]:  # noqa: F811
    with Outbox(database, linger_seconds=0.001) as opened:
        yield opened


@pytest.fixture
def user_engine(database: str) -> Iterator[Any]:  # noqa: F811
    """The user's own way to the database that the outbox is in."""
    engine = create_engine(database_url(database, OUTBOX))
    yield engine
    engine.dispose()


Drain = Callable[..., int]


def drain(outbox: Outbox, url: str, **options: Any) -> int:
    """Send what is due, once, with a client that is quick to give up."""
    settings: dict[str, Any] = {"quota": "memory", "quota_window_seconds": 0.001, "max_attempts": 2, **options}
    with SquadIQ("test_token", base_url=url, **settings) as client:
        return outbox.run(client, once=True, concurrency=1)


def lead(number: int, **more: Any) -> dict[str, Any]:
    """A good lead."""
    return {"lead_id": f"L{number}", "phone_number": f"98{number:08}", "contact_name": "Asha", **more}
