"""What changed reaches whoever looks at a page, without loading it anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from squadiq.mock.core import Mock
from squadiq.mock.page import events
from squadiq.mock.page.calls import CallLog
from squadiq.mock.page.routes import asked_of
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import MockSettings
from tests.page.looking import HTTP, call, create


@contextmanager
def stream(mock: RunningMock, page: str = "/") -> Generator[Iterator[dict[str, Any]]]:
    """The events of a page, as what a browser is told."""
    with HTTP.stream("GET", f"{mock.url}/_mock/events", params={"page": page}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        lines = response.iter_lines()
        yield ({"gone": "now"} if line == "event: gone" else json.loads(line[6:]) for line in lines if told(line))


def told(line: str) -> bool:
    return line == "event: gone" or line.startswith('data: {"')


def until(changes: Iterator[dict[str, Any]], section: str, words: str) -> dict[str, Any]:
    return next(changed for changed in changes if words in changed.get(section, ""))


@pytest.fixture
def mock() -> Generator[RunningMock]:
    with running_mock(rate=100, process_after_seconds=1000) as running:
        yield running


def test_a_page_is_told_all_of_it_at_first_and_then_what_changed(mock: RunningMock) -> None:
    with stream(mock) as changes:
        assert next(changes).keys() == {"clock", "quota", "campaigns", "calls", "deliveries", "faults"}
        create(mock, "u1")
        changed = until(changes, "campaigns", "0 of 1 leads processed")
        assert "deliveries" not in changed
        mock.advance(1000)
        changed = until(changes, "campaigns", "1 of 1 leads processed")
        assert "calls" not in changed
        assert "clock" in changed


def test_nothing_is_told_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSE_SECONDS", 0)
    over, looks = asyncio.Event(), count()

    def still() -> float:
        if next(looks) == 50:
            over.set()
        return 0.0

    core = Mock(MockSettings(), now=lambda: 1e9, monotonic=still)
    streams = events.EventStreams(core, CallLog())

    async def told() -> list[bytes]:
        return [each async for each in streams.changes(asked_of("/"), over)]

    retry, everything = asyncio.run(told())
    assert (retry, everything[:6]) == (b"retry: 1000\n\n", b"data: ")
    streams.end()
    over.clear()
    assert asyncio.run(told()) == [b"retry: 1000\n\n"]
    core.close()


def test_a_lead_that_is_deleted_is_gone_from_its_page(mock: RunningMock) -> None:
    create(mock, "u1")
    with stream(mock, "/_mock/page/leads/1?reveal=1") as changes:
        assert "Asha Rao" in next(changes)["main"]
        call(mock, "POST", "delete/c1/", json={"lead_id": "u1"})
        assert list(changes) == [{"gone": "now"}]


def test_a_page_that_is_not_there_has_no_stream(mock: RunningMock) -> None:
    response = HTTP.get(f"{mock.url}/_mock/events", params={"page": "/_mock/page/leads/1"})
    assert response.status_code == 404


def test_who_leaves_makes_room_for_others(mock: RunningMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "OPEN_AT_MOST", 1)
    with stream(mock) as changes:
        next(changes)
        assert HTTP.get(f"{mock.url}/_mock/events").status_code == 503
        assert HTTP.head(f"{mock.url}/_mock/events").status_code == 405
    status = 503
    while status == 503:  # until the server has seen that the browser left
        with HTTP.stream("GET", f"{mock.url}/_mock/events") as response:
            status = response.status_code
    assert status == 200


def test_the_mock_ends_at_once_though_somebody_looks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAUSE_SECONDS", 600)
    with running_mock() as mock:
        looking = HTTP.stream("GET", f"{mock.url}/_mock/events")
        response = looking.__enter__()
    response.read()
    looking.__exit__(None, None, None)
    assert capfd.readouterr().err == ""
