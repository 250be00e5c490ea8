"""A page of leads is held against its query by itself, and no reading of the API documentation is called a fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from squadiq.contract.cases import run_case
from squadiq.contract.pages import require_page
from squadiq.contract.rules import BrokenError, Rule
from squadiq.contract.suite import SUITE
from squadiq.contract.target import Target
from tests.servers import Reply, acting_server, scripted

LIST = "https://elsewhere.test/api/v4/leads/responses/c1/"
QUERY = {"processed_after": "100", "processed_before": "200", "page": "2", "page_size": "2"}
KEPT = "processed_after=100&processed_before=200&page_size=2"


def lead(lead_id: str | int = "a", **fields: Any) -> dict[str, Any]:
    given = {"lead_id": lead_id, "campaign_id": "c1", "created_at": 90, "latest_called_at": None}
    return {**given, "processed_at": "1970-01-01T00:02:30+00:00", **fields}


(WALK,) = [each for each in SUITE if each.name == "pages_hold_each_lead_once"]


def processed(lead_id: str) -> dict[str, Any]:
    fixed = {"phone_number": "+919812345678", "contact_name": "Asha Rao", "lead_outcome": "Not Connected"}
    return lead(lead_id, **fixed, lead_responses={}, latest_recording_url=None)


def walked(counts: tuple[int, int], *pages: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Return two pages of two; where the second is the last one, it holds what is left."""
    last = pages[1][: counts[1] - 2]
    after = f"{LIST}?page_size=2"
    return [
        {"count": counts[0], "next": f"{after}&page=2", "previous": None, "results": list(pages[0])},
        {"count": counts[1], "next": None, "previous": after, "results": list(last)},
    ]


LATEST = lead("b", processed_at="1970-01-01T00:03:20.9Z")
HUNDRED = [lead(number) for number in range(100)]


def page(**fields: Any) -> dict[str, Any]:
    return {
        "count": 5,
        "next": f"{LIST}?{KEPT}&page=3",
        "previous": f"{LIST}?{KEPT}",
        "results": [lead("a"), lead("b")],
        **fields,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (QUERY, page()),
        ({}, page(count=2, next=None, previous=None)),
        ({}, page(count=0, next=None, previous=None, results=[])),
        ({"page": "1"}, page(count=0, next=None, previous=None, results=[])),
        (QUERY, page(count=4, next=None)),
        (QUERY, page(count=3, next=None, results=[lead()])),
        # A proxy has another host, and may have words of its own; what is empty is no filter.
        (QUERY, page(next=f"http://10.0.0.1:8000/x?page=3&{KEPT}&lead_id=&utm=1")),
        # A size that is the default need not be said, nor the number of the first page.
        (
            {"page_size": "100"},
            page(count=101, next=f"{LIST}?page=2", previous=None, results=HUNDRED),
        ),
        ({"lead_id": "7"}, page(count=1, next=None, previous=None, results=[lead(7)])),
        # Both ends are inclusive and count whole seconds, of times with and without an offset.
        (
            QUERY,
            page(results=[lead(processed_at="1970-01-01T00:01:40"), LATEST]),
        ),
        # A number of seconds says no fraction, so what is created in one second may be processed in it.
        (QUERY, page(results=[lead(created_at=150, latest_called_at="1970-01-01T00:02:30.9Z"), lead("b")])),
    ],
)
def test_a_page_in_any_reading_is_one(query: dict[str, str], found: dict[str, Any]) -> None:
    require_page(found, query, "c1")


@pytest.mark.parametrize(("counts", "rule"), [((3, 4), None), ((3, 3), Rule.PAGES_APART)])
def test_a_lead_that_has_moved_on_is_no_fault_where_the_count_has_moved_too(
    counts: tuple[int, int], rule: Rule | None
) -> None:
    """As where the newest come first, and one was processed between two pages."""
    first, second = (processed("a"), processed("b")), (processed("b"), processed("c"))
    with (
        acting_server(scripted(*map(Reply, (200, 200), walked(counts, first, second)))) as server,
        httpx.Client(base_url=server.url, trust_env=False) as http,
    ):
        outcome = run_case(WALK, Target(http=http, token="t", campaign_id="c1", prefix="a"))
    assert (outcome.finding and outcome.finding.rule) == rule
    assert bool(outcome.inconclusive) == (rule is None)


@pytest.mark.parametrize(
    ("rule", "query", "found"),
    [
        (Rule.CAMPAIGNS_APART, QUERY, page(results=[lead("a"), lead("b", campaign_id="c2")])),
        (Rule.ONE_LEAD, {"lead_id": "b"}, page(count=1, next=None, previous=None, results=[lead("a")])),
        (Rule.TIME_FILTER, {**QUERY, "processed_after": "151"}, page()),
        (Rule.TIME_FILTER, {**QUERY, "processed_before": "149"}, page()),
        (Rule.TIMES, QUERY, page(results=[lead("a"), lead("b", processed_at="1970-01-01T00:00:60+00:00")])),
        (Rule.LISTS_PROCESSED, QUERY, page(results=[lead("a"), lead("b", created_at=151)])),
        (Rule.LISTS_PROCESSED, QUERY, page(results=[lead("a"), lead("b", latest_called_at="1970-01-01T00:01:29")])),
        (Rule.PAGES_APART, QUERY, page(results=[lead("7"), lead(7)])),
        (Rule.PAGE_SIZE, QUERY, page(results=[lead("a"), lead("b"), lead("c")])),
        (Rule.PAST_THE_END, QUERY, page(count=2, next=None, results=[])),
        (Rule.COUNT, QUERY, page(count=3)),
        (Rule.COUNT, QUERY, page(count=4)),
        (Rule.COUNT, QUERY, page(next=None, results=[lead()])),
        (Rule.NEXT, QUERY, page(next=None)),
        (Rule.NEXT, QUERY, page(next=f"{LIST}?{KEPT}&page=4")),
        (Rule.NEXT, QUERY, page(next=f"{LIST}?{KEPT}&page=last")),
        (Rule.NEXT, QUERY, page(next="http://[x")),
        (Rule.NEXT, QUERY, page(results=[lead()])),
        (Rule.NEXT, QUERY, page(previous=None)),
        (Rule.NEXT, QUERY, page(previous=f"{LIST}?{KEPT}&page=2")),
        (Rule.NEXT, QUERY, page(next=f"{LIST}?page=3&page_size=2")),
        (Rule.NEXT, QUERY, page(next=f"{LIST}?{KEPT.replace('page_size=2', 'page_size=3')}&page=3")),
        (Rule.NEXT, QUERY, page(previous=f"{LIST}?{KEPT}&lead_id=a")),
    ],
)
def test_what_is_wrong_with_a_page_is_found_without_another(
    rule: Rule, query: dict[str, str], found: dict[str, Any]
) -> None:
    with pytest.raises(BrokenError) as broken:
        require_page(found, query, "c1")
    assert broken.value.finding.rule is rule
