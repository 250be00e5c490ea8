"""The helper endpoints at `/_mock/deliveries`: list deliveries, wait for them, send one again."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from squadiq.mock.deliveries.dispatch import Dispatch
from squadiq.mock.messages import MockRequest, MockResponse, json_response, refused, refused_for
from squadiq.mock.operations import in_iso_form

PATH = "/_mock/deliveries"
LIMIT = 100
MOST_SECONDS = 600
_INTEGERS = {"after": (0, 2**53), "limit": (1, 10_000), "wait_for": (1, 2**53), "timeout_seconds": (0, MOST_SECONDS)}
_TEXTS = ("campaign_id", "lead_id")


@dataclass(frozen=True, slots=True)
class Query:
    """Hold what a caller wants to see, and how many acknowledged leads to wait for how long."""

    campaign_id: str | None = None
    lead_id: str | None = field(default=None, repr=False)
    after: int = 0
    limit: int = LIMIT
    wait_for: int = 0
    timeout_seconds: int = 30


def query_of(request: MockRequest) -> Query:
    """Read the query of a request.

    Raises:
        RefusedError: a parameter is unknown or out of range.
    """
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    errors: dict[str, list[str]] = {}
    integers: dict[str, int] = {}
    for name, text in given.items():
        if name in _INTEGERS:
            least, most = _INTEGERS[name]
            if text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most:
                integers[name] = int(text)
            else:
                errors[name] = [f"Give a whole number from {least} to {most}."]
        elif name not in _TEXTS:
            errors[name] = [f"There is no such parameter; there are {', '.join([*_TEXTS, *_INTEGERS])}."]
    if errors:
        raise refused_for(400, errors)
    return Query(given.get("campaign_id"), given.get("lead_id"), **integers)


def list_deliveries(deliveries: Dispatch, request: MockRequest) -> MockResponse:
    """List deliveries; 408 if fewer leads were acknowledged than the caller waits for."""
    query = query_of(request)
    counts = deliveries.ledger.counts(query.campaign_id, query.lead_id)
    if counts["leads_acknowledged"] < query.wait_for:
        words = f"{counts['leads_acknowledged']} of {query.wait_for} leads were acknowledged with 201 in time."
        raise refused(408, words)
    results = deliveries.ledger.listed(query.campaign_id, query.lead_id, query.after, query.limit, _iso)
    return json_response(200, {**counts, "results": results})


def one_delivery(deliveries: Dispatch, number: str) -> MockResponse:
    """Show one delivery."""
    found = deliveries.ledger.one(_number(number), _iso)
    if found is None:
        raise refused(404, "Not found.")
    return json_response(200, found)


def send_again(deliveries: Dispatch, number: str) -> MockResponse:
    """Let one delivery be sent once more, at once."""
    if deliveries.settings.webhook_url is None:
        raise refused(400, "Nothing is sent: start the mock with --webhook-url.")
    if not deliveries.ledger.send_again(_number(number), deliveries.now()):
        raise refused(404, "Not found.")
    return one_delivery(deliveries, number)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _iso(moment: float) -> str:
    return in_iso_form(int(moment))
