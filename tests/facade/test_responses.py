"""Reading answers that are not what the document says."""

from __future__ import annotations

import json
import logging
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from squadiq_generated.models import LeadsPage

from squadiq.errors import UnexpectedResponseError
from squadiq.responses import Differences, read_page

LEAD: dict[str, Any] = {
    "phone_number": "+91xxxxxxxxxx",
    "lead_id": "test_lead_id",
    "latest_recording_url": "https://www.squadiq.in/",
    "campaign_id": "campaign-1",
    "latest_called_at": "2018-12-03T14:36:38+00:00",
    "lead_outcome": "Connected : Objective Met",
    "processed_at": "2018-12-03T14:37:54+00:00",
    "contact_name": "John Doe",
    "created_at": "2018-12-03T14:36:01+00:00",
    "lead_responses": {"response_key_1": "response_value_1"},
}


def page(*leads: Any, **changes: Any) -> bytes:
    return json.dumps({"count": len(leads), "next": None, "previous": None, "results": leads, **changes}).encode()


def read(content: bytes) -> LeadsPage:
    return read_page(content, "getLeads", Differences())


def test_the_example_of_the_api_documentation_is_read_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    [lead] = read(page(LEAD)).results
    assert lead.lead_id == "test_lead_id"
    assert lead.lead_responses == {"response_key_1": "response_value_1"}
    assert not caplog.records


@pytest.mark.parametrize(
    "written",
    [
        "2018-12-03T14:37:54+00:00",
        "2018-12-03T14:37:54Z",
        "2018-12-03T20:07:54+05:30",
        "2018-12-03T14:37:54",
        1543847874,
        1543847874.0,
        "1543847874",
        1543847874000,
    ],
)
@pytest.mark.parametrize("name", ["created_at", "latest_called_at", "processed_at"])
def test_times_are_aware_in_whatever_form_they_come(
    name: str, written: object, caplog: pytest.LogCaptureFixture
) -> None:
    [lead] = read(page({**LEAD, name: written})).results
    assert getattr(lead, name) == datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)
    assert getattr(lead, name).tzinfo is not None
    assert not caplog.records


def test_a_number_as_lead_id_is_read_as_text() -> None:
    assert read(page({**LEAD, "lead_id": 1})).results[0].lead_id == "1"


def test_an_unknown_field_is_kept_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    differences = Differences()
    for _ in range(2):
        content = page({**LEAD, "score": 7}, LEAD, total="x")
        result = read_page(content, "getLeads", differences)
        assert result.results[0].model_extra == {"score": 7}
        assert result.model_extra == {"total": "x"}
    assert [record.getMessage() for record in caplog.records] == [
        "getLeads: the response differs from the document: total is not in the document; it is kept",
        "getLeads: the response differs from the document: results[].score is not in the document; it is kept",
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_of_many_unknown_fields_only_the_first_are_told(caplog: pytest.LogCaptureFixture) -> None:
    differences = Differences()
    for _ in range(3):
        content = page({**LEAD, **{f"field {letter * 9}": 1 for letter in "abcdefghijklm"}}, total=1)
        [lead] = read_page(content, "getLeads", differences).results
        assert len(lead.model_extra or ()) == 13
    told = [record.getMessage().partition("document: ")[2] for record in caplog.records]
    assert told[0] == "total is not in the document; it is kept"
    assert told[-1] == "results[].… has 13 fields that are not in the document; they are kept"
    assert len(told) == 7


def test_however_many_leads_differ_the_log_and_the_memory_have_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    differences = Differences()
    for number in range(1000):
        read_page(
            page({**LEAD, f"x{number}" * 50: 1, **{f"y{number}-{n}": 1 for n in range(30)}}), "getLeads", differences
        )
    assert len(caplog.records) == 101
    assert caplog.messages[-1].endswith("it does so in further ways, which are not told")
    assert len(pickle.dumps(vars(differences)["_told"])) < 50_000


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("9876543210", "…"),
        ("call ९८७६५ ४३२१०", "call …"),
        ("asha@example.com", "…"),
        ("spoke to JOHN", "…"),
        ("\x1b[31m\nred", "[31m red"),
        ("long " * 100, "long " * 12 + "…"),
    ],
)
def test_names_of_unknown_fields_tell_nothing_about_a_person(
    name: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    read(page({**LEAD, name: 1}))
    assert caplog.messages[0].partition("document: results[].")[2] == f"{told} is not in the document; it is kept"


def test_an_odd_lead_shows_nothing_that_is_not_what_it_should_be() -> None:
    odd = {
        "created_at": "Asha",
        "processed_at": ["Asha"],
        "campaign_id": "9876543210",
        "latest_called_at": {"a": "Asha"},
    }
    shown = repr(read(page({**LEAD, **odd}, count="Asha")))
    assert "Asha" not in shown
    assert "98765" not in shown
    assert "asha@" not in repr(read(page({**LEAD, "lead_id": "asha@example.com"})).results[0])


def test_an_odd_lead_costs_neither_its_page_nor_its_other_fields(caplog: pytest.LogCaptureFixture) -> None:
    odd: dict[str, Any] = {**LEAD, "lead_outcome": None, "processed_at": "yesterday", "lead_responses": [], "extra": 1}
    del odd["contact_name"]
    before, lead, after = read(page(LEAD, odd, LEAD)).results
    assert before == after
    assert lead.lead_id == "test_lead_id"
    assert lead.created_at == before.created_at
    assert lead.processed_at == "yesterday"
    assert lead.lead_outcome is None
    assert lead.lead_responses == []
    assert lead.contact_name is None
    assert "contact_name" not in lead.model_fields_set
    assert lead.model_extra == {"extra": 1}
    told = [record.getMessage().partition("document: ")[2] for record in caplog.records]
    assert sorted(told) == [
        "results[].contact_name is missing",
        "results[].extra is not in the document; it is kept",
        "results[].lead_outcome is null: Input should be a valid string",
        "results[].lead_responses is a list: Input should be a valid dictionary",
        "results[].processed_at is a text: Input should be a valid datetime or date, input is too short",
    ]
    assert "yesterday" not in caplog.text


def test_what_is_no_lead_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert len(read(page(LEAD, 7, LEAD)).results) == 2
    assert "results[] is a number, not a lead" in caplog.text


def test_an_odd_count_does_not_cost_the_leads() -> None:
    result = read(page(LEAD, count="many"))
    assert str(result.count) == "many"
    assert len(result.results) == 1


def test_a_missing_neighbour_is_known_to_be_missing() -> None:
    result = read(b'{"results": []}')
    assert result.next is None
    assert "next" not in result.model_fields_set


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "is a list, not an object"),
        (b"null", "is null, not an object"),
        (b"{}", "has no list of results"),
        (b'{"results": {}}', "has no list of results"),
    ],
)
def test_what_is_no_page_at_all_is_an_error(content: bytes, what: str) -> None:
    with pytest.raises(UnexpectedResponseError, match=what) as raised:
        read(content)
    assert raised.value.operation == "getLeads"


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()) | st.just({"a": 1})


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(sorted(LEAD))), st.dictionaries(st.sampled_from(sorted(LEAD)), VALUES))),
    st.dictionaries(st.sampled_from(["count", "next", "previous", "more"]), VALUES),
)
def test_no_lead_of_a_page_is_ever_lost(changes: list[tuple[set[str], dict[str, Any]]], around: dict[str, Any]) -> None:
    leads = [
        {name: value for name, value in {**LEAD, **odd}.items() if name not in missing} for missing, odd in changes
    ]
    assert len(read(page(*leads, **around)).results) == len(leads)


def test_a_lead_shows_nothing_about_a_person() -> None:
    [lead] = read(page({**LEAD, "contact_name": "Asha", "phone_number": "+919876543210"})).results
    for shown in (repr(lead), str(lead), f"{lead}"):
        assert "Asha" not in shown
        assert "98765" not in shown
        assert "squadiq.in" not in shown
        assert "response_value" not in shown
        assert "test_lead_id" in shown
