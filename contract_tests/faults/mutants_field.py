"""Faults of services in the field: frameworks, proxies, caches, databases, time zones, copies that have gone stale."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from contract_tests.faults.mutants import (
    CREATE,
    DELETE,
    DISABLE,
    LIST,
    UPDATE,
    another,
    campaign_of,
    changed,
    fault,
    leads_of,
    with_body,
)
from contract_tests.faults.mutants_lists import Page, shifted, with_page, with_query, without
from contract_tests.targets import FaultyMock
from squadiq.contract.rules import Rule
from squadiq.contract.times import in_seconds
from squadiq.mock.messages import MockRequest, MockResponse, json_response


def kept_by(mock: FaultyMock, name: str) -> dict[str, Any]:
    """Return what a fault remembers from one request to the next."""
    kept: dict[str, Any] = mock.__dict__.setdefault(name, {})
    return kept


def query_of(request: MockRequest) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def renamed(mock: FaultyMock, request: MockRequest, change: Callable[[str], str]) -> MockResponse:
    """Create leads whose names a database has changed."""
    if request.path.startswith(CREATE) and mock.sound(request).status == 201:
        for lead in leads_of(request):
            name = {"lead_id": lead["lead_id"], "contact_name": change(lead["contact_name"])}
            mock.sound(another(request, UPDATE, name, "PATCH"))
        return json_response(201, {})
    return mock.sound(request)


@fault(Rule.INVALID, by_machine=False)
def the_word_last_is_a_page(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: without(query, *(["page"] if query.get("page") == "last" else [])))(mock, request)


@fault(Rule.INVALID, by_machine=False)
def a_page_size_beyond_its_bounds_is_clamped(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def clamp(query: dict[str, str]) -> dict[str, Any]:
        size = query.get("page_size", "")
        return {**query, "page_size": min(max(int(size), 1), 1000)} if size.isdecimal() else query

    return with_query(clamp)(mock, request)


@fault(Rule.INVALID, by_machine=False)
def a_number_is_read_as_python_reads_it(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def read(query: dict[str, str]) -> dict[str, Any]:
        return {name: text if name == "lead_id" else text.replace("_", "") for name, text in query.items()}

    return with_query(read)(mock, request)


@fault(Rule.INVALID, by_machine=False)
def a_phone_number_may_be_a_number(mock: FaultyMock, request: MockRequest) -> MockResponse:
    leads = leads_of(request)
    if request.path.startswith(CREATE) and any(type(lead.get("phone_number")) is int for lead in leads):
        return mock.sound(
            with_body(request, [{**lead, "phone_number": str(lead.get("phone_number"))} for lead in leads])
        )
    return mock.sound(request)


@fault(Rule.KEEPS_FIELDS, by_machine=False)
def blanks_are_cut_off_a_name(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return renamed(mock, request, str.strip)


@fault(Rule.KEEPS_FIELDS, by_machine=False)
def names_are_normalised(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return renamed(mock, request, lambda name: unicodedata.normalize("NFC", name))


@fault(Rule.KEEPS_FIELDS, by_machine=False)
def characters_of_four_bytes_are_lost(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return renamed(mock, request, lambda name: "".join(each if each < "\U00010000" else "?" for each in name))


@fault(Rule.KEEPS_FIELDS, by_machine=False)
def a_custom_field_named_id_is_lost(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith(CREATE) and any("id" in lead for lead in leads_of(request)):
        return mock.sound(
            with_body(request, [{name: lead[name] for name in lead.keys() - {"id"}} for lead in leads_of(request)])
        )
    return mock.sound(request)


@fault(Rule.CREATES, by_machine=False)
def a_charset_is_another_media_type(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if "charset" in request.headers.get("content-type", ""):
        return json_response(400, {"detail": "Unsupported media type."})
    return mock.sound(request)


@fault(Rule.NO_SERVER_ERROR, by_machine=False)
def a_lead_id_twice_in_a_batch_breaks_a_constraint(mock: FaultyMock, request: MockRequest) -> MockResponse:
    lead_ids = [str(lead.get("lead_id")) for lead in leads_of(request)]
    if request.path.startswith(CREATE) and len(set(lead_ids)) < len(lead_ids):
        return json_response(500, {"detail": "Internal Server Error"})
    return mock.sound(request)


@fault(Rule.STATUS, by_machine=False)
def a_proxy_cuts_long_urls(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return json_response(414, {"detail": "URI Too Long"}) if len(request.query) > 250 else mock.sound(request)


@fault(Rule.ONE_LEAD, by_machine=False)
def a_proxy_decodes_the_query_twice(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return with_query(lambda query: {name: unquote_plus(text) for name, text in query.items()})(mock, request)


@fault(Rule.SCHEMA, by_machine=False)
def a_proxy_drops_the_body_of_a_201(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return replace(response, body=b"") if response.status == 201 else response


@fault(Rule.SCHEMA)
def a_page_begins_with_a_mark_of_byte_order(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    marked = request.path.startswith(LIST) and response.status == 200
    return replace(response, body=b"\xef\xbb\xbf" + response.body) if marked else response


@fault(Rule.SCHEMA)
def an_answer_holds_nan(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(LIST) and response.status == 200 and b'"lead_responses":{' in response.body:
        return replace(
            response, body=response.body.replace(b'"lead_responses":{', b'"lead_responses":{"score":NaN,', 1)
        )
    return response


@fault(Rule.SCHEMA)
def created_at_is_in_milliseconds(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def change(page: Page, query: dict[str, str]) -> Page:
        return {
            "results": [{**lead, "created_at": int(in_seconds(lead["created_at"])) * 1000} for lead in page["results"]]
        }

    return with_page(change)(mock, request)


@fault(Rule.TIME_FILTER, Rule.TIME_EDGES)
def filters_are_in_the_time_of_india(mock: FaultyMock, request: MockRequest) -> MockResponse:
    hours = 19_800
    return with_query(lambda query: shifted(shifted(query, "processed_after", hours), "processed_before", hours))(
        mock, request
    )


@fault(Rule.TIME_FILTER, Rule.TIME_EDGES)
def filters_are_read_as_milliseconds(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def read(query: dict[str, str]) -> dict[str, Any]:
        return {
            name: int(text) // 1000 if name.startswith("processed_") and text.isdecimal() and len(text) < 13 else text
            for name, text in query.items()
        }

    return with_query(read)(mock, request)


@fault(Rule.PAGES_APART, by_machine=False)
def pages_have_no_order_between_them(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response, query = mock.sound(request), query_of(request)
    if not request.path.startswith(LIST) or response.status != 200 or query.get("page", "1") == "1":
        return response
    whole = mock.sound(replace(request, query=urlencode({**without(query, "page"), "page_size": 1000})))
    leads = list(reversed(json.loads(whole.body)["results"]))
    size = int(query.get("page_size", "100"))
    start = (int(query["page"]) - 1) * size
    return changed(response, results=leads[start : start + size])


@fault(Rule.COUNT, by_machine=False, drags_sequences=[Rule.NEXT])
def the_count_is_kept_from_the_first_page_on(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def remember(page: Page, query: dict[str, str]) -> Page:
        if not page["count"]:
            return {}
        first = kept_by(mock, "_count").setdefault(campaign_of(request), page["count"])
        return {"count": first} if query.get("page_size") == "1" else {}

    return with_page(remember)(mock, request)


@fault(Rule.DELETED_NOT_LISTED, by_machine=False)
def a_cache_lists_a_lead_as_it_was(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response, query = mock.sound(request), query_of(request)
    if request.path.startswith(CREATE):
        kept_by(mock, "_cache").clear()
    if not request.path.startswith(LIST) or response.status != 200 or query.keys() != {"lead_id"}:
        return response
    if json.loads(response.body)["results"]:
        kept_by(mock, "_cache")[query["lead_id"]] = response
    cached: MockResponse = kept_by(mock, "_cache").get(query["lead_id"], response)
    return cached


@fault(Rule.UPDATES, by_machine=False)
def a_cache_remembers_that_there_was_no_such_lead(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response, missed = mock.sound(request), kept_by(mock, "_missed")
    for lead in leads_of(request) if request.path.startswith(UPDATE) else ():
        if response.status == 404:
            missed[str(lead.get("lead_id"))] = response
        elif response.status == 200 and str(lead["lead_id"]) in missed:
            return json_response(404, {"detail": "Not found."})
    return response


@fault(Rule.UNKNOWN, by_machine=False)
def lead_ids_are_compared_without_their_case(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response, spelled = mock.sound(request), kept_by(mock, "_spelled")
    for lead in leads_of(request):
        lead_id = str(lead.get("lead_id"))
        if request.path.startswith(CREATE) and response.status == 201:
            spelled[lead_id.casefold()] = lead_id
        elif request.path.startswith(UPDATE) and response.status == 404:
            known = spelled.get(lead_id.casefold(), lead_id)
            return mock.sound(with_body(request, {**lead, "lead_id": known})) if known != lead_id else response
    return response


@fault(Rule.UNKNOWN, by_machine=False)
def lead_ids_are_cut_to_200_characters(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response, whole = mock.sound(request), kept_by(mock, "_whole")
    for lead in leads_of(request):
        lead_id = str(lead.get("lead_id"))
        if request.path.startswith(CREATE) and response.status == 201:
            whole[lead_id[:200]] = lead_id
        elif request.path.startswith(UPDATE) and response.status == 404 and len(lead_id) > 200:
            known = whole.get(lead_id[:200], lead_id)
            return mock.sound(with_body(request, {**lead, "lead_id": known}))
    return response


@fault(Rule.DELETES, by_machine=False, drags_sequences=[Rule.UNKNOWN])
def an_update_saves_a_stale_copy_of_a_deleted_lead(mock: FaultyMock, request: MockRequest) -> MockResponse:
    gone = kept_by(mock, "_gone")
    lead_id = str(next(iter(leads_of(request)), dict[str, Any]()).get("lead_id"))
    if request.path.startswith(DELETE):
        gone[lead_id] = mock.lead_state(campaign_of(request), lead_id)
    response = mock.sound(request)
    if request.path.startswith(UPDATE) and response.status == 404 and gone.get(lead_id):
        fixed = {name: gone[lead_id][name] for name in ("lead_id", "phone_number", "contact_name")}
        mock.sound(another(request, CREATE, fixed))
    return response


@fault(Rule.LISTS_PROCESSED, by_machine=False)
def a_lead_that_was_hidden_comes_back_disabled(mock: FaultyMock, request: MockRequest) -> MockResponse:
    hidden = kept_by(mock, "_hidden")
    leads = leads_of(request)
    if request.path.startswith(DELETE) and leads:
        state = mock.lead_state(campaign_of(request), str(leads[0].get("lead_id")))
        hidden[str(leads[0].get("lead_id"))] = bool(state and state["disabled_at"])
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 201:
        for lead in leads:
            if hidden.get(str(lead["lead_id"])):
                mock.sound(another(request, DISABLE, {"lead_id": lead["lead_id"]}))
    return response


@fault(Rule.HEADERS, by_machine=False, quota=True)
def a_retry_after_is_a_fraction(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if response.status != 429:
        return response
    return replace(
        response, headers=tuple((name, "0.5" if name == "Retry-After" else text) for name, text in response.headers)
    )
