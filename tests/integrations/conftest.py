"""PostgreSQL, Valkey, and a mock, for the engines that people already run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import valkey
from tests.inbox import postgres
from tests.inbox.conftest import postgres_url  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture
from tests.push.conftest import mock, own_environment  # noqa: F401  # pyright: ignore[reportUnusedImport] - fixtures


@pytest.fixture
def database(postgres_url: str) -> str:  # noqa: F811
    return postgres.new_database(postgres_url)


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    with valkey.running() as url:
        yield url
