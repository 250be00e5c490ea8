"""What comes in and goes out, apart from any transport, and the responses that refuse a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from squadiq._extras import needs_extra

with needs_extra("mock"):
    import orjson

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a body that are read; what is longer is refused."""


# Not frozen, these two and MockCall: one is made for every request, and to make a frozen one takes four times as long.
@dataclass(slots=True)
class MockRequest:
    """Hold one request; path and query as they stood on the wire, header names in lower case."""

    method: str
    path: str = field(repr=False)
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    base_url: str = "http://127.0.0.1"


@dataclass(slots=True)
class MockResponse:
    """Hold one response."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"


class RefusedError(Exception):
    """A request is not carried out; the response says why."""

    def __init__(self, response: MockResponse) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(status: int, content: Any, *headers: tuple[str, str]) -> MockResponse:
    """Return a response with a body of JSON."""
    return MockResponse(status, orjson.dumps(content), headers)


def refused(status: int, detail: str, *headers: tuple[str, str]) -> RefusedError:
    """Return the refusal of a whole request."""
    return RefusedError(json_response(status, {"detail": detail}, *headers))


def refused_for(status: int, errors: dict[str, list[str]] | list[dict[str, list[str]]]) -> RefusedError:
    """Return a refusal that says what is wrong by field, or by item of a batch and field."""
    return RefusedError(json_response(status, errors))
