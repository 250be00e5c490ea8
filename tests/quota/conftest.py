"""A real Redis and a real PostgreSQL for the quota."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import valkey
from tests.inbox import postgres
from tests.inbox.conftest import postgres_url  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with valkey.running() as url:
        yield url


@pytest.fixture
def redis_name() -> str:
    """A name for a quota that no other test, and no other run, has."""
    return uuid4().hex


@pytest.fixture
def postgres_database(request: pytest.FixtureRequest) -> str:
    """The URL of a schema that no other test has."""
    return postgres.new_database(request.getfixturevalue("postgres_url"))
