"""Faults of create, update, convert, disable and delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contract_tests.faults.mutants import (
    CONVERT,
    CREATE,
    DELETE,
    DISABLE,
    UPDATE,
    another,
    body_of,
    campaign_of,
    each_custom_field,
    fault,
    leads_of,
    with_body,
)
from contract_tests.targets import FaultyMock
from squadiq.contract.rules import Rule
from squadiq.mock.messages import MockRequest, MockResponse, json_response
from squadiq.mock.operations import canonical


def lead_state(mock: FaultyMock, request: MockRequest) -> dict[str, Any] | None:
    return mock.lead_state(campaign_of(request), canonical(body_of(request)["lead_id"]))


@fault(
    Rule.CREATES,
    *(Rule.UPDATES, Rule.CONVERTS, Rule.DELETES, Rule.DISABLES, Rule.LISTS_PROCESSED, Rule.BATCH_WHOLE),
    *(Rule.LEAD_ID_ONCE, Rule.NUMBER_IS_TEXT, Rule.UPDATE_KEEPS_LEAD_ID, Rule.ONE_LEAD, Rule.COUNT),
)
def create_stores_nothing(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if not request.path.startswith(CREATE):
        return mock.sound(request)
    response = mock.sound(request)
    for lead in leads_of(request) if response.status == 201 else []:
        mock.sound(another(request, DELETE, {"lead_id": lead["lead_id"]}))
    return response


@fault(Rule.CREATES, Rule.LISTS_PROCESSED)
def create_stores_only_the_first_of_a_batch(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 201:
        for lead in leads_of(request)[1:]:
            mock.sound(another(request, DELETE, {"lead_id": lead["lead_id"]}))
    return response


@fault(Rule.BATCH_WHOLE)
def create_stores_part_of_a_refused_batch(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 400 and isinstance(body_of(request), list):
        for lead in leads_of(request):
            mock.sound(with_body(request, lead))
    return response


@fault(Rule.KEEPS_FIELDS, Rule.UPDATE_MERGES)
def create_drops_custom_fields(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if not request.path.startswith(CREATE) or mock.sound(replace(request, body=b"")).status != 400:
        return mock.sound(request)
    response = mock.sound(request)
    if response.status == 201:
        for lead in leads_of(request):
            mock.sound(another(request, DELETE, {"lead_id": lead["lead_id"]}))
            mock.sound(with_body(request, {name: lead[name] for name in ("lead_id", "phone_number", "contact_name")}))
    return response


@fault(Rule.KEEPS_FIELDS, Rule.UPDATE_MERGES)
def create_turns_booleans_into_text(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def as_text(value: Any) -> Any:
        return str(value) if isinstance(value, bool) else value

    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 201:
        for lead in leads_of(request):
            mock.sound(another(request, UPDATE, each_custom_field(lead, as_text), "PATCH"))
    return response


@fault(Rule.KEEPS_FIELDS)
def create_shortens_contact_names(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 201:
        for lead in leads_of(request):
            shorter = {"lead_id": lead["lead_id"], "contact_name": lead["contact_name"][:4].strip()}
            mock.sound(another(request, UPDATE, shorter, "PATCH"))
    return response


@fault(Rule.KEEPS_FIELDS)
def create_gives_everybody_one_number(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 201:
        for lead in leads_of(request):
            same = {"lead_id": lead["lead_id"], "phone_number": "+919876500000"}
            mock.sound(another(request, UPDATE, same, "PATCH"))
    return response


@fault(Rule.LEAD_ID_ONCE, by_machine=False, drags_sequences=[Rule.INVALID])
def create_takes_a_lead_id_twice(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 400 and len(leads_of(request)) == 1:
        lead = leads_of(request)[0]
        if isinstance(lead.get("lead_id"), str) and mock.lead_state(campaign_of(request), lead["lead_id"]):
            mock.sound(another(request, CREATE, {**lead, "lead_id": lead["lead_id"] + "~"}))
            return json_response(201, {})
    if request.path.startswith(DELETE) and response.status == 404:
        # The second lead of this lead_id is still there.
        return mock.sound(with_body(request, {"lead_id": f"{body_of(request).get('lead_id')}~"}))
    return response


@fault(Rule.NUMBER_IS_TEXT, by_machine=False, drags_sequences=[Rule.CREATES])
def numbers_as_lead_id_are_kept_apart_from_text(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith((CREATE, UPDATE)) and mock.sound(request).status in (200, 201):
        for lead in leads_of(request):
            if isinstance(lead["lead_id"], int) and request.path.startswith(CREATE):
                mock.sound(another(request, DELETE, {"lead_id": lead["lead_id"]}))
                mock.sound(with_body(request, {**lead, "lead_id": f"#{lead['lead_id']}"}))
        return json_response(201 if request.path.startswith(CREATE) else 200, {})
    return mock.sound(request)


@fault(Rule.UPDATES, Rule.NUMBER_IS_TEXT)
def update_is_always_404(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return (
        json_response(404, {"detail": "Not found."})
        if request.path.startswith(UPDATE) and response.status == 200
        else response
    )


@fault(Rule.UPDATES)
def update_sets_nothing(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith(UPDATE) and request.method == "PATCH" and lead_state(mock, request):
        response = mock.sound(with_body(request, {"lead_id": body_of(request)["lead_id"]}))
        return mock.sound(request) if response.status != 200 else response
    return mock.sound(request)


@fault(Rule.UPDATE_MERGES)
def update_replaces_instead_of_merging(mock: FaultyMock, request: MockRequest) -> MockResponse:
    before = lead_state(mock, request) if request.path.startswith(UPDATE) and leads_of(request) else None
    response = mock.sound(request)
    if before and response.status == 200:
        lost = dict.fromkeys(before["custom_fields"].keys() - body_of(request).keys())
        mock.sound(with_body(request, {"lead_id": before["lead_id"], **lost}))
    return response


@fault(Rule.UPDATE_KEEPS_LEAD_ID)
def update_changes_the_lead_id(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(UPDATE) and response.status == 200:
        now = lead_state(mock, request) or {}
        fixed = {name: now[name] for name in ("phone_number", "contact_name")}
        mock.sound(another(request, DELETE, {"lead_id": now["lead_id"]}))
        mock.sound(another(request, CREATE, {**now["custom_fields"], **fixed, "lead_id": now["lead_id"] + "-new"}))
    return response


@fault(Rule.DETAIL_LENGTH)
def convert_accepts_33_characters(mock: FaultyMock, request: MockRequest) -> MockResponse:
    detail = [lead.get("detail") for lead in leads_of(request)]
    if request.path.startswith(CONVERT) and detail and isinstance(detail[0], str):
        return mock.sound(with_body(request, {**body_of(request), "detail": detail[0][: max(32, len(detail[0]) - 1)]}))
    return mock.sound(request)


@fault(Rule.DETAIL_CHARACTERS)
def convert_counts_bytes(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CONVERT) and response.status == 200 and len(body_of(request)["detail"].encode()) > 32:
        return json_response(400, {"detail": ["Ensure this field has no more than 32 characters."]})
    return response


@fault(Rule.CONVERTS)
def convert_keeps_no_detail(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CONVERT) and response.status == 200:
        mock.sound(with_body(request, {**body_of(request), "detail": "-"}))
    return response


@fault(Rule.DISABLES)
def disable_stops_nothing(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith(DISABLE):
        references = leads_of(request)
        found = [
            mock.lead_state(campaign_of(request), canonical(each["lead_id"]))
            for each in references
            if "lead_id" in each
        ]
        if references and all(found) and len(found) == len(references) and request.headers.get("authorization"):
            if request.headers["authorization"].endswith("wrong_token"):
                return mock.sound(request)
            return json_response(201, [{"lead_id": each["lead_id"]} for each in references])
    return mock.sound(request)


@fault(Rule.BATCH_WHOLE)
def disable_disables_part_of_a_refused_batch(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(DISABLE) and response.status == 404:
        for lead in leads_of(request):
            mock.sound(with_body(request, {"lead_id": lead["lead_id"]}))
    return response


@fault(Rule.DELETES, Rule.DELETED_NOT_LISTED, Rule.LEAD_ID_ONCE, Rule.CREATES)
def delete_deletes_nothing(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith(DELETE) and request.method == "POST":
        reference = next(iter(leads_of(request)), dict[str, Any]())
        probe = mock.sound(another(request, UPDATE, reference, "PATCH"))
        return json_response(202, {}) if probe.status == 200 else probe
    return mock.sound(request)


@fault(Rule.UNKNOWN, Rule.DELETES, Rule.LEAD_ID_ONCE)
def delete_of_an_unknown_lead_is_202(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return json_response(202, {}) if request.path.startswith(DELETE) and response.status == 404 else response


@fault(Rule.NO_SERVER_ERROR, by_schemathesis="Server error")
def nul_is_500(mock: FaultyMock, request: MockRequest) -> MockResponse:
    failed = json_response(500, {"detail": "Internal Server Error"})
    return failed if request.path.startswith(CREATE) and b"\\u0000" in request.body else mock.sound(request)


@fault(Rule.NO_SERVER_ERROR, by_machine=False)
def a_huge_number_is_500(mock: FaultyMock, request: MockRequest) -> MockResponse:
    failed = json_response(500, {"detail": "Internal Server Error"})
    numbers = [value for lead in leads_of(request) for value in lead.values() if type(value) in (int, float)]
    huge = request.path.startswith(CREATE) and any(abs(value) > 2**53 for value in numbers)
    return failed if huge else mock.sound(request)


@fault(Rule.NO_SERVER_ERROR, by_machine=False)
def a_deep_body_is_500(mock: FaultyMock, request: MockRequest) -> MockResponse:
    failed = json_response(500, {"detail": "Internal Server Error"})
    return failed if request.body.count(b"[[[[[[[[") > 100 else mock.sound(request)


@fault(Rule.INVALID)
def a_lead_without_contact_name_is_taken(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 400 and isinstance(body_of(request), list):
        leads = leads_of(request)
        if any("contact_name" not in lead for lead in leads):
            return mock.sound(with_body(request, [{"contact_name": "?", **lead} for lead in leads]))
    return response


@fault(Rule.INVALID, by_machine=False)
def a_wrong_phone_number_is_taken(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if request.path.startswith(CREATE) and response.status == 400 and b"phone_number" in response.body:
        return mock.sound(with_body(request, [{**lead, "phone_number": "9876543210"} for lead in leads_of(request)]))
    return response
