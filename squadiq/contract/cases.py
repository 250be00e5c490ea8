"""Cases that only read: the API document's own and its contradictions, on any target alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from squadiq.contract.results import CaseResult
from squadiq.contract.rules import BrokenError, InconclusiveError, Rule, require
from squadiq.contract.target import Capability, Target
from squadiq.contract.times import in_seconds

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


@case(hits=1)
def the_first_page_needs_no_query(target: Target) -> None:
    response = target.page()
    require(response.status == 200, Rule.LISTS_PROCESSED, f"status {response.status} for a first page")


@case(hits=1)
def a_page_of_one_holds_one(target: Target) -> None:
    # With a filter that leaves nobody out, so that the address of the next page has one to keep.
    target.listed(page_size=1, processed_after=0)


@case(hits=LONGEST_WALK)
def pages_hold_each_lead_once(target: Target) -> None:
    seen: list[str] = []
    counts: set[int] = set()
    for number in range(1, LONGEST_WALK + 1):
        response = target.page(page=number, page_size=2)
        require(response.status == 200, Rule.NEXT, f"status {response.status} for a page that next led to")
        seen += identities(response.json["results"])
        counts.add(response.json["count"])
        if len(counts) > 1 and len(set(seen)) < len(seen):
            raise InconclusiveError("leads were processed or deleted while pages were read")
        require_apart(seen, number)
        if response.json["next"] is None:
            return


def require_apart(seen: Sequence[str], number: int) -> None:
    """Demand that pages have no lead in common; `seen` are those of all pages up to this one."""
    require(len(set(seen)) == len(seen), Rule.PAGES_APART, f"a lead of an earlier page again on page {number}")


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
    # As long as the document has them, and of what an address must encode: a proxy may cut it, or read it twice.
    response = target.page(lead_id="test_lead_id that+nobody/has%2B&आ".ljust(255, "x"))
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


@case(hits=4)
def a_time_filter_keeps_to_its_side(target: Target) -> None:
    target.some_lead()
    moments = sorted(target.met.values())
    moment = moments[len(moments) // 2]
    target.listed(processed_before=moment)
    target.listed(processed_after=moment)
    target.page(processed_after=moment, page=2, page_size=1)


@case(hits=1)
def swapped_ends_are_an_empty_page(target: Target) -> None:
    response = target.page(processed_after=2_000_000_000, processed_before=1_000_000_000)
    require(response.status == 200, Rule.TIME_FILTER, f"status {response.status}")
    require(response.json["results"] == [], Rule.TIME_FILTER, "leads for a range whose ends are swapped")


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
