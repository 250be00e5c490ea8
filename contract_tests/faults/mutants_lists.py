"""Faults of getLeads: pages, counts, filters, and what a listed lead says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from contract_tests.faults.mutants import CREATE, DELETE, LIST, Fault, another, campaign_of, changed, fault, leads_of
from contract_tests.targets import FaultyMock
from squadiq.contract.rules import Rule
from squadiq.mock.messages import MockRequest, MockResponse

Page = dict[str, Any]


def with_query(change: Callable[[dict[str, str]], dict[str, Any]]) -> Fault:
    """Return a fault that reads another query than the one that was sent, which the neighbours' addresses keep."""

    def respond(mock: FaultyMock, request: MockRequest) -> MockResponse:
        if not request.path.startswith(LIST):
            return mock.sound(request)
        query = dict(parse_qsl(request.query))
        response = mock.sound(replace(request, query=urlencode(change(query))))
        return neighbours(response, lambda asked: {**query, **asked}) if response.status == 200 else response

    return respond


def neighbours(response: MockResponse, change: Callable[[dict[str, str]], dict[str, str]]) -> MockResponse:
    """Return a page whose next and previous ask for something else; `change` is given the number of their page."""

    def moved(url: str | None) -> str | None:
        if url is None:
            return None
        address, _, query = url.partition("?")
        page = {name: text for name, text in parse_qsl(query) if name == "page"}
        return f"{address}?{urlencode(change(page))}"

    page = json.loads(response.body)
    return changed(response, next=moved(page["next"]), previous=moved(page["previous"]))


def with_page(change: Callable[[Page, dict[str, str]], Page]) -> Fault:
    """Return a fault that changes the page that it answers with."""

    def respond(mock: FaultyMock, request: MockRequest) -> MockResponse:
        response = mock.sound(request)
        if not request.path.startswith(LIST) or response.status != 200:
            return response
        return changed(response, **change(json.loads(response.body), dict(parse_qsl(request.query))))

    return respond


def shifted(query: dict[str, str], name: str, seconds: int) -> dict[str, Any]:
    if not query.get(name, "").isdecimal() or len(query[name]) > 12:
        return query
    return {**query, name: max(0, int(query[name]) + seconds)}


def without(query: dict[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in query.items() if name not in names}


@fault(Rule.COUNT)
def count_is_one_too_many(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_page(lambda page, query: {"count": page["count"] + 1})(mock, request)


@fault(Rule.COUNT)
def count_is_that_of_the_page(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_page(lambda page, query: {"count": len(page["results"])})(mock, request)


@fault(Rule.NEXT)
def next_leads_to_the_same_page(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def loop(page: Page, query: dict[str, str]) -> Page:
        number = int(query.get("page", "1"))
        return {"next": page["next"] and page["next"].replace(f"page={number + 1}", f"page={number}")}

    return with_page(loop)(mock, request)


@fault(Rule.NEXT)
def next_goes_on_after_the_last_page(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def go_on(page: Page, query: dict[str, str]) -> Page:
        return {"next": page["next"] or f"http://mock.test{request.path}?page={int(query.get('page', '1')) + 1}"}

    return with_page(go_on)(mock, request)


@fault(Rule.NEXT)
def previous_is_missing(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_page(lambda page, query: {"previous": None})(mock, request)


@fault(Rule.NEXT)
def next_forgets_the_page_size(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return forgetful(mock, request, "page_size")


@fault(Rule.NEXT, by_machine=False)
def next_forgets_the_filters(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return forgetful(mock, request, "processed_after", "processed_before")


def forgetful(mock: FaultyMock, request: MockRequest, *names: str) -> MockResponse:
    response = mock.sound(request)
    if not request.path.startswith(LIST) or response.status != 200:
        return response
    return neighbours(response, lambda page: {**without(dict(parse_qsl(request.query)), *names), **page})


@fault(Rule.PAGES_APART)
def a_lead_is_on_two_pages(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def repeat(page: Page, query: dict[str, str]) -> Page:
        number = int(query.get("page", "1"))
        if number == 1 or not page["results"]:
            return {}
        before = mock.sound(replace(request, query=urlencode({**query, "page": number - 1})))
        return {"results": [json.loads(before.body)["results"][-1], *page["results"][1:]]}

    return with_page(repeat)(mock, request)


@fault(Rule.PAGE_SIZE, Rule.INVALID)
def page_size_is_ignored(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: without(query, "page_size"))(mock, request)


@fault(Rule.PAST_THE_END)
def a_page_past_the_end_is_empty(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(LIST) and response.status == 404:
        first = mock.sound(replace(request, query=""))
        return changed(first, results=[], next=None, previous=None)
    return response


@fault(Rule.ONE_LEAD)
def the_lead_id_filter_is_ignored(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: without(query, "lead_id"))(mock, request)


@fault(Rule.TIME_FILTER, Rule.INVALID)
def the_time_filters_are_ignored(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: without(query, "processed_after", "processed_before"))(mock, request)


@fault(Rule.TIME_EDGES)
def processed_after_excludes_its_second(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: shifted(query, "processed_after", 1))(mock, request)


@fault(Rule.TIME_EDGES)
def processed_before_excludes_its_second(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: shifted(query, "processed_before", -1))(mock, request)


@fault(Rule.TIME_FILTER)
def processed_before_takes_one_second_more(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: shifted(query, "processed_before", 1))(mock, request)


@fault(Rule.SCHEMA, by_schemathesis="Response violates schema")
def created_at_has_no_offset(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def cut(page: Page, query: dict[str, str]) -> Page:
        return {"results": [{**lead, "created_at": lead["created_at"][:19]} for lead in page["results"]]}

    return with_page(cut)(mock, request)


@fault(Rule.SCHEMA, by_schemathesis="Response violates schema")
def a_listed_lead_has_no_outcome(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def cut(page: Page, query: dict[str, str]) -> Page:
        return {"results": [without(lead, "lead_outcome") for lead in page["results"]]}

    return with_page(cut)(mock, request)


@fault(Rule.LISTS_PROCESSED)
def a_lead_is_processed_before_it_is_called(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def swap(page: Page, query: dict[str, str]) -> Page:
        return {"results": [{**lead, "latest_called_at": "2099-01-01T00:00:00+00:00"} for lead in page["results"]]}

    return with_page(swap)(mock, request)


@fault(Rule.LISTS_PROCESSED)
def a_lead_is_processed_before_it_is_created(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def later(page: Page, query: dict[str, str]) -> Page:
        return {
            "results": [*page["results"][:1], *[{**lead, "created_at": 4_000_000_000} for lead in page["results"][1:]]]
        }

    return with_page(later)(mock, request)


@fault(Rule.CAMPAIGNS_APART)
def the_last_page_ends_with_a_lead_of_another_campaign(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def foreign(page: Page, query: dict[str, str]) -> Page:
        *others, last = page["results"] or [None]
        return {"results": [*others, {**last, "campaign_id": "another"}]} if last and not page["next"] else {}

    return with_page(foreign)(mock, request)


@fault(Rule.TIME_FILTER, by_machine=False)
def the_time_filters_hold_for_the_first_page_only(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def first(query: dict[str, str]) -> dict[str, Any]:
        later = query.get("page", "1") != "1"
        return without(query, "processed_after", "processed_before") if later else query

    return with_query(first)(mock, request)


@fault(Rule.CAMPAIGNS_APART, second_campaign=True)
def leads_are_listed_in_every_campaign(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    query = dict(parse_qsl(request.query))
    if request.path.startswith(LIST) and response.status == 200 and "lead_id" in query:
        elsewhere = f"{campaign_of(request)}-2"
        found = mock.sound(replace(request, path=f"{LIST}{elsewhere}/"))
        return found if found.status == 200 and json.loads(found.body)["count"] else response
    return response


@fault(Rule.NOT_YET, Rule.DISABLES)
def leads_are_listed_before_they_are_processed(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    query = dict(parse_qsl(request.query))
    lead_state = mock.lead_state(campaign_of(request), query["lead_id"]) if "lead_id" in query else None
    if request.path.startswith(LIST) and response.status == 200 and lead_state and not lead_state["processed_at"]:
        now = lead_state["created_at"]
        lead: dict[str, Any] = {
            **{name: lead_state[name] for name in ("lead_id", "phone_number", "contact_name")},
            "campaign_id": campaign_of(request),
            "created_at": now,
            "processed_at": now,
            "latest_called_at": now,
            "lead_outcome": "Not Connected",
            "lead_responses": {},
            "latest_recording_url": None,
        }
        return changed(response, count=1, results=[lead])
    return response


@fault(Rule.DELETED_NOT_LISTED)
def a_deleted_lead_is_listed_all_the_same(mock: FaultyMock, request: MockRequest) -> MockResponse:
    deleted: dict[str, Any] = mock.__dict__.setdefault("_deleted", {})
    if request.path.startswith(DELETE) and leads_of(request):
        lead_id = str(leads_of(request)[0].get("lead_id"))
        listing = mock.sound(replace(another(request, LIST, None, "GET"), query=urlencode({"lead_id": lead_id})))
        if listing.status == 200 and json.loads(listing.body)["results"]:
            deleted[lead_id] = json.loads(listing.body)["results"][0]
    if request.path.startswith(CREATE):
        for lead in leads_of(request):
            deleted.pop(str(lead.get("lead_id")), None)
    response = mock.sound(request)
    if request.path.startswith(LIST) and response.status == 200:
        query = dict(parse_qsl(request.query))
        page = json.loads(response.body)
        extra = [lead for lead_id, lead in deleted.items() if query.get("lead_id", lead_id) == lead_id]
        extra = extra[: int(query.get("page_size", "100")) - len(page["results"])]
        if extra and not page["next"] and not {"processed_after", "processed_before"} & query.keys():
            return changed(response, count=page["count"] + len(extra), results=[*page["results"], *extra])
    return response
