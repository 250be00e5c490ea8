"""A real broker for Celery: Valkey from a package, or the Redis that SQUADIQ_TEST_REDIS_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import valkey


@pytest.fixture
def broker_url() -> Iterator[str]:
    given = os.environ.get("SQUADIQ_TEST_REDIS_URL")
    if given:
        yield given
        return
    with valkey.running() as url:
        yield url
