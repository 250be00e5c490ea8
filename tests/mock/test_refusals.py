"""What is refused, in which order and in which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from squadiq.spec import Spec
from tests.mock.caller import Caller, lead

CREATE = "/api/v4/leads/create/c1/"
LIST = "/api/v4/leads/responses/c1/"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/api/v4/leads/create/",
        "/api/v4/leads/create//",
        "/api/v4/leads/create/c1/more",
        "/api/v4/leads/create/c1/more/",
        "/api/v4/leads/create/null%2Cnull/",
        "/api/v4/leads/create/c%0A/",
        "/api/v4/leads/create/%FF/",
        "/api/v4/leads/create/" + "c" * 65 + "/",
        "/_mock/",
        "/_mock/campaigns/c1/leads",
    ],
)
def test_an_unknown_path_is_not_found_before_anything_else(mock: Caller, path: str) -> None:
    reply = mock.send("POST", path, token=None)
    assert (reply.status, reply.json) == (404, {"detail": "Not found."})


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("action", ["create", "responses", "update"])
def test_a_missing_final_slash_is_told_in_words(mock: Caller, action: str, method: str) -> None:
    reply = mock.send(method, f"/api/v4/leads/{action}/c1", token=None)
    words = f"Not found. The path ends with a slash: /api/v4/leads/{action}/{{campaign_id}}/"
    assert (reply.status, reply.json) == (404, {"detail": words})


def test_a_path_without_operations_has_no_form_to_tell(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(Spec({"paths": {"/nothing/": {}}}))
    assert mock.send("GET", "/nothing").json == {"detail": "Not found."}


def test_an_escaped_path_is_read_after_it_is_split(mock: Caller) -> None:
    assert mock.send("GET", "/api/v4/leads/responses/%63%31/").status == 200
    assert mock.send("GET", "/api/v4/leads%2Fresponses/c1/").status == 404


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer test_token_", "Basic test_token", "test_token", "Bearer tést"],
)
def test_a_wrong_access_token_is_refused_before_the_method_and_the_body(mock: Caller, authorization: str) -> None:
    reply = mock.send("PUT", CREATE, body=b"{", headers={"authorization": authorization})
    assert (reply.status, reply.headers) == (401, {"WWW-Authenticate": 'Bearer realm="SquadIQ"'})
    assert reply.json == {
        "detail": "Invalid token." if authorization else "Authentication credentials were not provided."
    }


def test_the_scheme_may_be_written_in_any_case(mock: Caller) -> None:
    assert mock.send("GET", LIST, headers={"authorization": "bearer  test_token"}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"])
def test_a_wrong_method_is_told_which_one_is_allowed(mock: Caller, method: str) -> None:
    reply = mock.send(method, CREATE)
    assert (reply.status, reply.headers) == (405, {"Allow": "POST"})
    assert reply.json == {"detail": f'Method "{method}" not allowed.'}


def test_the_campaign_of_another_business_is_forbidden(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(tokens=("one", "two"))
    assert mock.list(token="two").status == 200, "a campaign without leads belongs to nobody"
    mock.call("create", [lead("a"), lead("a")], token="two")
    assert mock.call("create", lead("a"), token="one").status == 201, "nor does one whose only batch was refused"
    for reply in (mock.list(token="two"), mock.call("create", {"no": "lead"}, token="two")):
        assert (reply.status, reply.json) == (403, {"detail": "You do not have permission to perform this action."})
    assert mock.list(token="one").status == 200


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_a_body_that_is_not_json_by_its_media_type_is_refused(mock: Caller, content_type: str | None) -> None:
    reply = mock.send("POST", CREATE, body=json.dumps(lead("a")).encode(), content_type=content_type)
    assert (reply.status, list(reply.json)) == (400, ["detail"])
    assert mock.core.counts("c1")["created"] == 0


def test_a_media_type_may_have_parameters_and_any_case(mock: Caller) -> None:
    body = json.dumps(lead("a")).encode()
    assert mock.send("POST", CREATE, body=body, content_type="Application/JSON; charset=utf-8").status == 201


def test_a_query_needs_no_media_type(mock: Caller) -> None:
    assert mock.send("GET", LIST, content_type=None).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"[1,]", b'{"a":1}x'])
def test_a_body_that_is_no_json_is_refused_with_the_place_of_the_error(mock: Caller, body: bytes) -> None:
    reply = mock.send("POST", CREATE, body=body)
    assert (reply.status, list(reply.json)) == (400, ["detail"])
    assert reply.json["detail"].startswith("JSON parse error at character ")


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {name: ["This field is required."] for name in ("lead_id", "phone_number", "contact_name")}),
        (lead("a", phone_number="12345"), {"phone_number": ["Enter a valid Indian phone number."]}),
        (lead("a", phone_number=9876543210), {"phone_number": ["Enter a valid Indian phone number."]}),
        (lead("a", contact_name=None), {"contact_name": ["Not a valid string."]}),
        (lead("a", contact_name="   "), {"contact_name": ["Enter a valid value."]}),
        (lead("a", contact_name="x" * 256), {"contact_name": ["Ensure this field has no more than 255 characters."]}),
        (lead("a", plan="\0"), {"plan": ["Enter a valid value."]}),
        (lead(""), {"lead_id": ["Enter a valid value."]}),
        (lead(1.5), {"lead_id": ["Enter a valid value."]}),
        (lead(2**53), {"lead_id": ["Enter a valid value."]}),
        ({**lead("a"), "x\n": 1}, {"non_field_errors": ["Not a valid name of a field."]}),
        (5, {"non_field_errors": ["Invalid data. Expected an object."]}),
        ([], {"non_field_errors": ["This list may not be empty."]}),
        ([5, lead("a")], [{"non_field_errors": ["Invalid data. Expected an object."]}, {}]),
        (
            [lead("a"), {"lead_id": "b", "phone_number": "9876543210"}],
            [{}, {"contact_name": ["This field is required."]}],
        ),
    ],
)
def test_a_lead_that_breaks_the_document_is_told_why(mock: Caller, body: Any, errors: Any) -> None:
    reply = mock.call("create", body)
    assert (reply.status, reply.json) == (400, errors)
    assert mock.core.counts("c1")["created"] == 0


def test_a_value_is_not_repeated_in_what_is_said_of_it(mock: Caller) -> None:
    reply = mock.call("create", lead({"98765": "Asha"}, phone_number="98765-4321", contact_name="Asha\0"))  # type: ignore[arg-type]
    assert reply.status == 400
    assert "98765" not in json.dumps(reply.json)
    assert "Asha" not in json.dumps(reply.json)


def test_a_list_is_refused_where_only_an_object_is_taken(mock: Caller) -> None:
    mock.create("a")
    for action in ("update", "convert", "delete"):
        reply = mock.call(action, [{"lead_id": "a", "detail": "x"}])
        assert (reply.status, reply.json) == (400, {"non_field_errors": ["Invalid data. Expected an object."]})


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("page=x", {"page": ["A valid integer is required."]}),
        ("page=", {"page": ["A valid integer is required."]}),
        ("page=1.0", {"page": ["A valid integer is required."]}),
        ("page=%D9%A1", {"page": ["A valid integer is required."]}),
        ("page=1_0", {"page": ["A valid integer is required."]}),
        ("page=" + "9" * 400, {"page": ["A valid integer is required."]}),
        ("page=0", {"page": ["Ensure this value is greater than or equal to 1."]}),
        ("page_size=1001", {"page_size": ["Ensure this value is less than or equal to 1000."]}),
        ("processed_after=-1", {"processed_after": ["Ensure this value is greater than or equal to 0."]}),
        ("lead_id=%FF", {"lead_id": ["Not a valid string."]}),
        ("lead_id=a%00", {"lead_id": ["Enter a valid value."]}),
        ("page=x&page_size=y", {name: ["A valid integer is required."] for name in ("page", "page_size")}),
    ],
)
def test_a_parameter_that_breaks_the_document_is_told_why(mock: Caller, query: str, errors: Any) -> None:
    reply = mock.list(query)
    assert (reply.status, reply.json) == (400, errors)


def test_an_unknown_parameter_is_ignored_and_of_two_the_last_one_counts(mock: Caller) -> None:
    assert mock.list("other=1&page=x&page=1&&=&%FF=1").status == 200


def test_hits_beyond_the_rate_are_refused_until_the_first_one_is_a_window_old(
    start_mock: Callable[..., Caller],
) -> None:
    mock = start_mock(rate=2, tokens=("one", "two"))
    assert mock.list(token="wrong").status == 401, "and is not counted"
    assert mock.list(token="one").status == 200
    mock.advance(10.5)
    assert mock.send("PUT", CREATE, token="one").status == 405, "and is counted"
    for seconds_later, wait in ((0, 50), (1.5, 48), (47.9, 1)):
        mock.advance(seconds_later)
        reply = mock.send("PUT", CREATE, token="one", body=b"{")
        assert (reply.status, reply.headers) == (429, {"Retry-After": str(wait)})
        words = f"Request was throttled. Expected available in {wait} second{'s' if wait > 1 else ''}."
        assert reply.json == {"detail": words}
    assert mock.list(token="two").status == 200, "each business has a quota of its own"
    mock.advance(0.1)
    assert mock.list(token="one").status == 200
    assert mock.list(token="one").status == 429


def test_the_rate_is_the_documents_unless_another_is_set(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(rate=None)
    assert [mock.list().status for _ in range(101)] == [200] * 100 + [429]
    assert start_mock(rate=0).list().status == 200


def test_what_helps_tests_is_neither_counted_nor_asks_for_a_token(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(rate=1)
    mock.create("a/é")
    for _ in range(3):
        assert mock.send("GET", "/_mock/campaigns/c1", token=None).json["created"] == 1
        assert mock.send("GET", "/_mock/campaigns/c1/leads/a%2F%C3%A9", token=None).json["lead_id"] == "a/é"
    assert mock.send("GET", "/_mock/campaigns/other", token=None).json == dict.fromkeys(
        ("created", "called", "processed", "disabled", "converted"), 0
    )
    assert mock.send("GET", "/_mock/campaigns/other/leads/a").status == 404
    assert mock.send("GET", "/_mock/campaigns/c1/leads/b").status == 404
    assert mock.send("DELETE", "/_mock/campaigns/c1").headers == {"Allow": "GET"}
    assert mock.send("GET", "/_mock/advance").headers == {"Allow": "POST"}


def test_time_is_moved_by_a_call(mock: Caller) -> None:
    mock.create("a")
    reply = mock.send("POST", "/_mock/advance", body=b'{"seconds": 5.5}', token=None, content_type=None)
    assert (reply.status, reply.json) == (200, {"now": "2023-11-14T22:13:25+00:00"})
    assert mock.list().json["count"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"seconds": -1}', b'{"seconds": true}', b'{"seconds": 1e10}', b'{"seconds": "1"}']
)
def test_time_is_moved_forwards_and_by_a_number_only(mock: Caller, body: bytes) -> None:
    reply = mock.send("POST", "/_mock/advance", body=body)
    assert (reply.status, list(reply.json)) == (400, ["seconds"])
