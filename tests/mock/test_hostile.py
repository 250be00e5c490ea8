"""Whatever is sent, the response is one that the document names, and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mock.caller import Caller, lead

CREATE = "/api/v4/leads/create/c1/"
GOOD = b'{"lead_id": "a", "phone_number": "9876543210", "contact_name": "Asha", "custom": %b}'
REFUSED = {
    "a NUL in text": GOOD % rb'"\u0000"',
    "a raw NUL": GOOD % b'"\0"',
    "a lone surrogate": GOOD % rb'"\ud800"',
    "bytes that are not UTF-8": GOOD % b'"\xff\xfe"',
    "UTF-16": json.dumps(lead("a")).encode("utf-16"),
    "an integer of 400 digits": GOOD % (b"9" * 400),
    "an integer beyond 64 bits": GOOD % b"18446744073709551616",
    "an integer beyond 53 bits": GOOD % b"9007199254740992",
    "a number beyond a double": GOOD % b"1e999",
    "NaN": GOOD % b"NaN",
    "lists 10,000 deep": GOOD % (b"[" * 10_000 + b"]" * 10_000),
    "objects 10,000 deep": GOOD % (b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "lists 1,000 deep": GOOD % (b"[" * 1_000 + b"]" * 1_000),
    "lists a level too deep": GOOD % (b"[" * 254 + b"]" * 254),
    "a lead 900 deep": b"[" * 900 + GOOD % b"1" + b"]" * 900,
    "a body of nothing but blanks": b" " * 1_000_000,
    "a body larger than is read": GOOD % (b'"' + b"x" * (10 * 1024 * 1024) + b'"'),
    "two roots": GOOD % b"1" + GOOD % b"1",
}
TAKEN = {
    "the same key twice": GOOD % b'1, "custom": 2',
    "a key of another object's inside": GOOD % b'{"__proto__": {"a": 1}, "constructor": null}',
    "text of a megabyte": GOOD % (b'"' + b"x" * 1_000_000 + b'"'),
    "lists as deep as is allowed": GOOD % (b"[" * 253 + b"]" * 253),
    "the smallest double": GOOD % b"5e-324",
    "SQL": GOOD % b'"\'); DROP TABLE lead; --"',
    "right-to-left marks and emoji": GOOD % '"\u202e😀"'.encode(),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_a_body_that_breaks_json_or_the_document_is_refused_and_stores_nothing(mock: Caller, body: bytes) -> None:
    reply = mock.send("POST", CREATE, body=body)
    assert reply.status == 400
    assert mock.core.counts("c1")["created"] == 0


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_a_body_that_only_looks_odd_is_stored_as_it_came(mock: Caller, body: bytes) -> None:
    assert mock.send("POST", CREATE, body=body).status == 201
    assert mock.lead_state("a")["custom_fields"]["custom"] == json.loads(body)["custom"]


def test_an_update_that_would_be_nested_too_deeply_changes_nothing(mock: Caller) -> None:
    mock.create("a")
    deep = json.loads("[" * 300 + "]" * 300)
    assert mock.call("update", {"lead_id": "a", "custom": deep}).status == 400
    assert mock.lead_state("a")["custom_fields"] == {}


def test_a_long_list_of_bad_leads_is_refused_item_by_item(mock: Caller) -> None:
    reply = mock.call("create", [{}] * 5_000)
    assert (reply.status, len(reply.json)) == (400, 5_000)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
nearly_leads = st.fixed_dictionaries(
    {},
    optional={
        "lead_id": st.one_of(st.text(max_size=5), st.integers(-1, 3), anything),
        "phone_number": st.one_of(st.just("9876543210"), anything),
        "contact_name": st.one_of(st.text(max_size=5), anything),
        "detail": st.one_of(st.text(max_size=34), anything),
        "custom": anything,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    action=st.sampled_from(["create", "update", "convert", "disable", "delete"]),
    body=st.one_of(anything, nearly_leads, st.lists(nearly_leads, max_size=3)),
)
def test_any_json_gets_a_response_that_the_document_names(mock: Caller, action: str, body: Any) -> None:
    assert mock.call(action, body).status in {200, 201, 202, 400, 404}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "X"]),
    path=st.text(st.characters(max_codepoint=255), max_size=12).map(lambda text: "/api/v4/leads/responses/" + text),
    query=st.text(st.characters(max_codepoint=255), max_size=20),
    body=st.binary(max_size=20),
    content_type=st.sampled_from([None, "application/json"]),
)
def test_any_bytes_get_a_response(
    mock: Caller, method: str, path: str, query: str, body: bytes, content_type: str | None
) -> None:
    for each in (path, "/api/v4/leads/responses/c1/", "/_mock/" + path[24:], "/_mock/advance", CREATE):
        reply = mock.send(method, each, query=query, body=body, content_type=content_type)
        assert reply.status in {200, 400, 404, 405}


def test_a_database_that_fails_is_told_without_a_word_of_the_lead(
    mock: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    mock.create("a")
    mock.core.store._connection.execute("DROP TABLE lead")  # pyright: ignore[reportPrivateUsage]
    reply = mock.create("b", contact_name="Asha Rao")
    assert (reply.status, reply.json) == (500, {"detail": "Internal Server Error"})
    assert "database of the mock failed" in caplog.text
    assert "Asha" not in caplog.text
    mock.core.store._connection.execute("CREATE TABLE lead (created_at)")  # pyright: ignore[reportPrivateUsage]
