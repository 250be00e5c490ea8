"""A real Redis for the tests: Valkey from a package, or the one that SQUADIQ_TEST_REDIS_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    given = os.environ.get("SQUADIQ_TEST_REDIS_URL")
    if given:
        yield given
        return
    with valkey.running() as url:
        yield url


@pytest.fixture
def redis_name() -> str:
    """A name for a quota that no other test, and no other run, has."""
    return uuid4().hex
