"""Fixtures for pytest, found by it as soon as squadiq is installed.

Nothing of the extra `squadiq[mock]` is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from squadiq.mock.settings import MockOptions
    from squadiq.testing import SquadIQMock

_MARKER = "squadiq_mock"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{_MARKER}(**settings): settings of the fixture squadiq_mock, such as rate=2")


@pytest.fixture
def squadiq_mock(request: pytest.FixtureRequest) -> Iterator[SquadIQMock]:
    """A mock of its own for the test, on a free loopback port, without a rate limit; the marker sets it."""
    from squadiq.testing import running_squadiq_mock

    with running_squadiq_mock(**_marked(request)) as running:
        yield running


def _marked(request: pytest.FixtureRequest) -> MockOptions:
    from squadiq.mock.settings import MockOptions

    settings: dict[str, Any] = {"rate": 0}
    names = MockOptions.__annotations__
    for marker in reversed([*request.node.iter_markers(_MARKER)]):  # from the module's to the test's own
        if marker.args or not marker.kwargs.keys() <= names.keys():
            raise pytest.UsageError(f"{_MARKER}: give settings by name, such as rate=2; there are {', '.join(names)}.")
        settings |= marker.kwargs
    return cast("MockOptions", settings)
