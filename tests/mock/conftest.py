"""Mocks at a time that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Unpack

import pytest

from squadiq.mock.core import Mock
from squadiq.mock.settings import MockOptions, MockSettings
from squadiq.spec import Spec
from tests.mock.caller import START, Caller


@pytest.fixture
def start_mock() -> Generator[Callable[..., Caller]]:
    """Starts mocks without a rate limit, at a time that stands still, and closes them."""
    with ExitStack() as stack:

        def start(document: Spec | None = None, **options: Unpack[MockOptions]) -> Caller:
            options.setdefault("rate", 0)
            core = Mock(MockSettings(**options), spec=document, now=lambda: START, monotonic=lambda: 0.0)
            stack.callback(core.close)
            return Caller(core)

        yield start


@pytest.fixture
def mock(start_mock: Callable[..., Caller]) -> Caller:
    return start_mock()
