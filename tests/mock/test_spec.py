"""The mock follows the document: what changes there changes here."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from squadiq.spec import Spec
from tests.mock.caller import Caller, lead

Start = Callable[..., Caller]


@pytest.fixture
def contents() -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((resources.files("squadiq_generated") / "openapi.json").read_bytes())
    return copy.deepcopy(contents)


def pause(responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A path with one operation that the mock knows nothing of."""
    return {
        "parameters": [{"$ref": "#/components/parameters/CampaignIdPath"}],
        "post": {"operationId": "pauseCampaign", "responses": responses, **more},
    }


def test_an_operation_without_a_behaviour_is_answered_with_its_first_example(
    start_mock: Start, contents: dict[str, Any]
) -> None:
    responses = {
        "400": {"$ref": "#/components/responses/BadRequest"},
        "204": {"description": "Paused already."},
        "202": {
            "description": "Paused.",
            "content": {
                "application/json": {
                    "examples": {"first": {"$ref": "#/components/examples/AcknowledgedLead"}, "second": {"value": 2}}
                }
            },
        },
    }
    contents["paths"]["/api/v4/campaigns/{campaign_id}/pause/"] = pause(responses)
    mock = start_mock(Spec(contents))
    reply = mock.send("POST", "/api/v4/campaigns/c1/pause/")
    assert (reply.status, reply.json) == (202, {"lead_id": "uniqueleadid1"})
    assert mock.send("POST", "/api/v4/campaigns/c1/pause/", token=None).status == 401
    assert mock.send("GET", "/api/v4/campaigns/c1/pause/").headers == {"Allow": "POST"}
    assert mock.send("POST", "/api/v4/campaigns/c.1/pause/").status == 404


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"description": "Nothing."}, None),
        ({"description": "One.", "content": {"application/json": {"example": [1]}}}, [1]),
        ({"description": "None.", "content": {"application/json": {"schema": {}}}}, None),
    ],
)
def test_a_response_without_examples_is_as_empty_as_the_document_has_it(
    start_mock: Start, contents: dict[str, Any], response: Any, expected: Any
) -> None:
    contents["paths"]["/pause/{campaign_id}"] = pause({"200": response}, security=[])
    reply = start_mock(Spec(contents)).send("POST", "/pause/c1", token=None)
    assert (reply.status, reply.json) == (200, expected)


def test_a_new_operation_has_its_body_and_its_parameters_checked(start_mock: Start, contents: dict[str, Any]) -> None:
    contents["paths"]["/pause/{campaign_id}"] = pause(
        {"200": {"description": "Paused."}},
        parameters=[{"name": "until", "in": "query", "required": True, "schema": {"type": "string", "minLength": 2}}],
        requestBody={
            "content": {"application/json": {"schema": {"type": "array", "maxItems": 1, "items": {"type": "boolean"}}}}
        },
    )
    mock = start_mock(Spec(contents))

    def reply(query: str, body: bytes) -> Any:
        response = mock.send("POST", "/pause/c1", query=query, body=body)
        return response.status, response.json

    assert reply("until=now", b"[true]") == (200, None)
    assert reply("", b"[]") == (400, {"until": ["This parameter is required."]})
    assert reply("until=n", b"[]") == (400, {"until": ["Ensure this field has at least 2 characters."]})
    assert reply("until=now", b"[1]") == (400, [{"non_field_errors": ["Must be a valid boolean."]}])
    assert reply("until=now", b"[true, true]") == (
        400,
        {"non_field_errors": ["Ensure this list has no more than 1 items."]},
    )
    assert reply("until=now", b"{}") == (400, {"non_field_errors": ["Invalid data. Expected a list."]})


def test_a_schema_that_changes_changes_what_is_refused(start_mock: Start, contents: dict[str, Any]) -> None:
    schemas = contents["components"]["schemas"]
    schemas["ConversionDetail"]["maxLength"] = 4
    schemas["Lead"]["required"].append("city")
    schemas["Lead"]["properties"]["city"] = {"enum": ["Pune", "Delhi"]}
    schemas["PageSize"]["default"] = 1
    mock = start_mock(Spec(contents))
    assert mock.call("create", lead("a")).json == {"city": ["This field is required."]}
    assert mock.call("create", lead("a", city="Goa")).json == {"city": ["Enter a valid value."]}
    assert mock.call("create", [lead("a", city="Pune"), lead("b", city="Delhi")]).status == 201
    assert mock.call("convert", {"lead_id": "a", "detail": "12345"}).json == {
        "detail": ["Ensure this field has no more than 4 characters."]
    }
    mock.advance(5)
    assert len(mock.list().json["results"]) == 1


def test_a_path_or_a_rate_that_changes_changes_here_too(start_mock: Start, contents: dict[str, Any]) -> None:
    contents["paths"] = {path.replace("v4", "v5"): item for path, item in contents["paths"].items()}
    contents["x-rate-limit"] = {"hits": 1, "window_seconds": 5}
    mock = start_mock(Spec(contents), rate=None)
    assert mock.list().status == 404
    assert mock.send("GET", "/api/v5/leads/responses/c1/").status == 200
    reply = mock.send("GET", "/api/v5/leads/responses/c1/")
    assert (reply.status, reply.headers) == (429, {"Retry-After": "5"})


def test_a_document_without_a_rate_limit_has_none(start_mock: Start, contents: dict[str, Any]) -> None:
    del contents["x-rate-limit"]
    mock = start_mock(Spec(contents), rate=None)
    assert {mock.list().status for _ in range(200)} == {200}


def test_each_operation_of_the_document_has_a_behaviour_of_its_own() -> None:
    from squadiq.mock.operations import OPERATIONS

    named = {each.operation_id for route in Spec.installed().routes for each in route.operations.values()}
    assert named == set(OPERATIONS)


def test_what_was_found_for_a_path_is_kept_but_not_for_every_path_there_ever_was() -> None:
    spec = Spec.installed()
    paths = [f"/api/v4/leads/create/c{number}/" for number in range(1500)]
    found = [spec.find(path) for path in paths]
    assert [each[1]["campaign_id"] for each in found if each] == [f"c{number}" for number in range(1500)]
    assert spec.find(paths[-1]) is found[-1]
    assert spec.find(paths[0]) is not found[0]
