"""Cases that only read: the API document's own and its contradictions, on any target alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from squadiq.contract.conformance import DIGITS_AT_MOST
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import BrokenError, InconclusiveError, Rule, require
from squadiq.contract.target import Capability, Target, in_seconds

Run = Callable[[Target], None]

LONGEST_WALK = 3
"""Pages that are read in a row; a live campaign may have thousands."""


@dataclass(frozen=True, slots=True)
class Case:
    """Hold one case: what it needs, the most hits that it takes, and how it runs."""

    name: str
    needs: frozenset[Capability]
    hits: int
    run: Run


CASES: list[Case] = []


def case(*needs: Capability, hits: int) -> Callable[[Run], Run]:
    """Add a function to the suite."""

    def add(run: Run) -> Run:
        CASES.append(Case(run.__name__, frozenset(needs), hits, run))
        return run

    return add


def run_case(each: Case, target: Target) -> CaseResult:
    """Run one case; what stops the whole run, such as a spent budget, is raised."""
    before = target.hits
    try:
        each.run(target)
    except BrokenError as broken:
        return CaseResult(each.name, target.hits - before, broken.finding, target.last)
    except InconclusiveError as reason:
        return CaseResult(each.name, target.hits - before, inconclusive=str(reason))
    return CaseResult(each.name, target.hits - before)


def identities(leads: Iterable[dict[str, Any]]) -> list[str]:
    """Return the lead_ids of listed leads, as text."""
    return [str(lead["lead_id"]) for lead in leads]


def number_of(url: str | None) -> int | None:
    """Return the number of the page that an address leads to, None for null.

    Raises:
        BrokenError: it leads to no page.
    """
    if url is None:
        return None
    try:
        numbers = parse_qs(urlsplit(url).query, keep_blank_values=True).get("page", ["1"])
    except ValueError:
        numbers = []
    readable = len(numbers) == 1 and numbers[0].isascii() and numbers[0].isdecimal()
    require(readable and len(numbers[0]) <= DIGITS_AT_MOST, Rule.NEXT, "an address without the number of a page")
    return int(numbers[0])


@case(hits=1)
def the_first_page_needs_no_query(target: Target) -> None:
    response = target.page()
    require(response.status == 200, Rule.LISTS_PROCESSED, f"status {response.status} for a first page")
    require_page(response.json, number=1, size=100, seen=identities(response.json["results"]))


@case(hits=1)
def a_page_of_one_holds_one(target: Target) -> None:
    here = len(target.listed(page_size=1))
    require(here <= 1, Rule.PAGE_SIZE, f"{here} leads on a page of one")


@case(hits=LONGEST_WALK)
def pages_hold_each_lead_once(target: Target) -> None:
    seen: list[str] = []
    for number in range(1, LONGEST_WALK + 1):
        response = target.page(page=number, page_size=2)
        require(response.status == 200, Rule.NEXT, f"status {response.status} for a page that next led to")
        seen += identities(response.json["results"])
        require_page(response.json, number=number, size=2, seen=seen)
        if response.json["next"] is None:
            return


def require_page(page: dict[str, Any], *, number: int, size: int, seen: list[str]) -> None:
    """Look at one page of a walk that began at the first one; `seen` holds the leads of all pages so far."""
    here, total, following = len(page["results"]), page["count"], number_of(page["next"])
    require(here <= size, Rule.PAGE_SIZE, f"{here} leads on a page of {size}")
    require(len(set(seen)) == len(seen), Rule.PAGES_APART, f"a lead of an earlier page again on page {number}")
    require(len(seen) <= total, Rule.COUNT, f"{len(seen)} leads up to page {number}, and a smaller count")
    if following is None:
        rule = Rule.COUNT if here < size else Rule.NEXT
        require(len(seen) == total, rule, f"{len(seen)} leads up to page {number} without a next, and a greater count")
    else:
        require(following == number + 1, Rule.NEXT, f"next of page {number} leads to another page than {number + 1}")
        require(here == size, Rule.NEXT, f"a page after page {number}, which is not full")
    require(number_of(page["previous"]) == (number - 1 or None), Rule.NEXT, f"previous of page {number}")


@case(hits=1)
def a_page_past_the_last_one_is_not_found(target: Target) -> None:
    response = target.page(page=2_000_000_000)
    require(response.status == 404, Rule.PAST_THE_END, f"status {response.status}")


@case(hits=2)
def a_lead_id_selects_its_lead(target: Target) -> None:
    lead_id = str(target.some_lead()["lead_id"])
    found = identities(target.listed(lead_id=lead_id))
    require(found == [lead_id], Rule.ONE_LEAD, f"{len(found)} leads, {found.count(lead_id)} of them the one asked for")


@case(hits=1)
def an_unknown_lead_id_selects_nothing(target: Target) -> None:
    response = target.page(lead_id="test_lead_id_that_nobody_has")
    require(response.status == 200, Rule.ONE_LEAD, f"status {response.status}")
    require(response.json["results"] == [], Rule.ONE_LEAD, "leads for an unknown lead_id")


@case(hits=2)
def the_second_of_processing_is_within_both_ends(target: Target) -> None:
    lead = target.some_lead()
    moment = int(in_seconds(lead["processed_at"]))
    found = target.listed(lead_id=lead["lead_id"], processed_after=moment, processed_before=moment)
    require(found, Rule.TIME_EDGES, "not the lead that was processed at that very second")


@case(hits=3)
def the_seconds_beside_are_outside(target: Target) -> None:
    lead = target.some_lead()
    moment = int(in_seconds(lead["processed_at"]))
    for query in ({"processed_after": moment + 1}, {"processed_before": moment - 1}):
        found = target.listed(lead_id=lead["lead_id"], **query)
        require(found == [], Rule.TIME_FILTER, f"a lead that was processed outside of {next(iter(query))}")


@case(hits=3)
def a_time_filter_keeps_to_its_side(target: Target) -> None:
    moment = int(in_seconds(target.some_lead()["processed_at"]))
    late = [in_seconds(lead["processed_at"]) for lead in target.listed(processed_after=moment + 1)]
    require(all(each >= moment + 1 for each in late), Rule.TIME_FILTER, "leads from before processed_after")
    early = [in_seconds(lead["processed_at"]) for lead in target.listed(processed_before=moment)]
    require(all(each < moment + 1 for each in early), Rule.TIME_FILTER, "leads from after processed_before")


@case(hits=1)
def swapped_ends_are_an_empty_page(target: Target) -> None:
    response = target.page(processed_after=2_000_000_000, processed_before=1_000_000_000)
    require(response.status == 200, Rule.TIME_FILTER, f"status {response.status}")
    require(response.json["results"] == [], Rule.TIME_FILTER, "leads for a range whose ends are swapped")


@case(hits=1)
def a_lead_tells_its_times_in_their_order(target: Target) -> None:
    lead = target.some_lead()
    called = lead["latest_called_at"]
    times = [lead["created_at"], *([] if called is None else [called]), lead["processed_at"]]
    require(
        sorted(times, key=in_seconds) == times,
        Rule.LISTS_PROCESSED,
        "processed before it was called or created",
    )
    require(lead["campaign_id"] == target.campaign_id, Rule.CAMPAIGNS_APART, "a lead of another campaign")


@case(hits=8)
def values_that_the_document_excludes_are_refused(target: Target) -> None:
    for query in (
        {"page": 0},
        {"page": "first"},
        {"page": "last"},
        {"page_size": 0},
        {"page_size": 1001},
        {"page_size": "1_0"},
        {"processed_after": "yesterday"},
        {"processed_before": 10**17},
    ):
        response = target.page(**query)
        name = next(iter(query))
        refused = response.status == 400 or (name == "page" and response.status == 404)
        require(refused, Rule.INVALID, f"status {response.status} for {name} out of its range")
