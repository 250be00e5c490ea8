"""A real broker for Celery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import valkey


@pytest.fixture
def broker_url() -> Iterator[str]:
    with valkey.running() as url:
        yield url
