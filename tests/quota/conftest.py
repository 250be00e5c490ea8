"""A real Redis for the quota."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with valkey.running() as url:
        yield url


@pytest.fixture
def redis_name() -> str:
    """A name for a quota that no other test, and no other run, has."""
    return uuid4().hex
