"""Fixtures for pytest, found by it as soon as squadiq is installed.

Nothing of the extra `squadiq[mock]` is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from squadiq.mock.server import RunningMock


@pytest.fixture
def squadiq_mock() -> Iterator[RunningMock]:
    """A mock of its own for the test, on a free loopback port, without a rate limit."""
    from squadiq.mock.server import running_mock

    with running_mock(rate=0) as running:
        yield running
