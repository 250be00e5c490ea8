"""The latest calls of the API, as the page shows them: a ring in memory that forgets the oldest."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from squadiq.mock.messages import MockRequest, MockResponse

KEPT = 200
"""Calls that are kept."""
BODY_KEPT = 16 * 1024
"""Bytes that are kept of a body."""


class LoggedCall(NamedTuple):
    """Hold a call with what it was answered; bodies are cut, their lengths are not.

    A request holds its access token: who shows one names the headers that are shown.
    """

    number: int
    moment: float
    seconds: float
    request: MockRequest
    length: int
    response: MockResponse
    response_length: int
    fault: str | None = None


class CallLog:
    """Keep the latest calls; this is on the way of every call, and does next to nothing."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Any, ...]] = deque(maxlen=KEPT)
        self.total = 0

    def note(
        self, moment: float, seconds: float, request: MockRequest, response: MockResponse, fault: str | None = None
    ) -> None:
        """Take note of a call.

        Args:
            moment: when it came, by the clock of the leads.
            seconds: how long it took.
            request: as it came.
            response: as it went out, or would have without a fault of the connection.
            fault: the kind of what went wrong on purpose.
        """
        self.total += 1
        length, response_length = len(request.body), len(response.body)
        if length > BODY_KEPT:
            request = replace(request, body=request.body[:BODY_KEPT])
        if response_length > BODY_KEPT:
            response = replace(response, body=response.body[:BODY_KEPT])
        # A bare tuple: to make a named one costs half as much again as all else here.
        self._calls.append((self.total, moment, seconds, request, length, response, response_length, fault))

    def latest(self, most: int = KEPT) -> Sequence[LoggedCall]:
        """Return calls, the latest first."""
        return tuple(map(LoggedCall._make, islice(reversed(self._calls), most)))

    def find(self, number: int) -> LoggedCall | None:
        """Return a call, None if it is forgotten or never was."""
        oldest = self.total - len(self._calls) + 1
        return LoggedCall._make(self._calls[number - oldest]) if oldest <= number <= self.total else None
