"""What each of the six operations does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mock.caller import START, Caller, lead

LISTED_FIELDS = {
    "lead_id",
    "phone_number",
    "contact_name",
    "created_at",
    "campaign_id",
    "latest_recording_url",
    "latest_called_at",
    "lead_outcome",
    "processed_at",
    "lead_responses",
}


def test_a_list_of_leads_is_created_and_acknowledged_as_a_list(mock: Caller) -> None:
    reply = mock.create("a", 2)
    assert (reply.status, reply.json) == (201, [{"lead_id": "a"}, {"lead_id": "2"}])
    assert mock.core.counts("c1")["created"] == 2


def test_one_lead_alone_is_acknowledged_alone(mock: Caller) -> None:
    reply = mock.call("create", lead("a"))
    assert (reply.status, reply.json) == (201, {"lead_id": "a"})


def test_a_lead_is_kept_with_its_custom_fields_as_they_came(mock: Caller) -> None:
    mock.call("create", lead("a", plan="Lite", amount=2.5, yes=True, none=None, deep=[{"k": [1]}]))
    lead_state = mock.lead_state("a")
    assert lead_state["custom_fields"] == {
        "plan": "Lite",
        "amount": 2.5,
        "yes": True,
        "none": None,
        "deep": [{"k": [1]}],
    }
    assert (lead_state["phone_number"], lead_state["contact_name"]) == ("+919876543210", "Asha")
    assert (lead_state["state"], lead_state["created_at"]) == ("created", "2023-11-14T22:13:20+00:00")


@pytest.mark.parametrize(
    "written",
    [
        "9876543210",
        "98765 43210",
        "+91 98765-43210",
        "09876543210",
        "0091 98765 43210",
        "(0) 98765.43210",
        "919876543210 ",
    ],
)
def test_a_phone_number_is_kept_in_its_international_form(mock: Caller, written: str) -> None:
    assert mock.call("create", lead("a", phone_number=written)).status == 201
    assert mock.lead_state("a")["phone_number"] == "+919876543210"


@pytest.mark.parametrize("number", [7, 7.0])
def test_a_number_names_the_same_lead_as_its_digits(mock: Caller, number: float) -> None:
    mock.create("7")
    assert mock.create(7).status == 400
    assert mock.call("update", {"lead_id": number, "plan": "Pro"}).json == {"lead_id": "7"}
    assert mock.lead_state("7")["custom_fields"] == {"plan": "Pro"}


def test_a_lead_id_that_exists_is_refused_at_its_place_and_nothing_is_stored(mock: Caller) -> None:
    mock.create("a")
    reply = mock.create("new", "a")
    assert reply.status == 400
    assert reply.json == [{}, {"lead_id": ["A lead with this lead_id exists in the campaign already."]}]
    assert mock.core.lead_state("c1", "new") is None


def test_a_lead_id_that_exists_is_refused_for_a_lead_alone(mock: Caller) -> None:
    mock.create("a")
    reply = mock.call("create", lead("a"))
    assert (reply.status, list(reply.json)) == (400, ["lead_id"])


def test_a_lead_id_twice_in_a_batch_is_refused_at_its_second_place(mock: Caller) -> None:
    reply = mock.create("1", 1, "b")
    assert reply.status == 400
    assert reply.json == [{}, {"lead_id": ["This lead_id stands in the batch more than once."]}, {}]
    assert mock.core.counts("c1")["created"] == 0


def test_nothing_of_a_large_batch_is_stored_if_a_lead_at_its_end_is_refused(mock: Caller) -> None:
    mock.create(249)
    reply = mock.create(*range(250))
    assert (reply.status, reply.json.index({})) == (400, 0)
    assert mock.core.counts("c1")["created"] == 1


def test_the_same_lead_id_may_be_in_two_campaigns(mock: Caller) -> None:
    assert [mock.create("a", campaign=campaign).status for campaign in ("c1", "c2")] == [201, 201]


def test_a_lead_is_replaced_if_the_mock_is_told_so_and_the_last_one_wins(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(duplicate_leads="replace")
    mock.create("a", plan="old")
    mock.advance(5)
    assert mock.list().json["count"] == 1
    reply = mock.call("create", [lead("a", plan="newer"), lead("b"), lead("a", plan="newest")])
    assert (reply.status, len(reply.json)) == (201, 3)
    assert mock.lead_state("a")["custom_fields"] == {"plan": "newest"}
    assert mock.lead_state("a")["state"] == "created"
    assert mock.list().json["count"] == 0
    mock.advance(5)
    assert mock.list().json["count"] == 2


def test_more_leads_than_one_statement_takes_are_stored(mock: Caller) -> None:
    assert mock.create(*range(250)).status == 201
    mock.advance(5)
    assert mock.list("page_size=1000").json["count"] == 250


def test_only_processed_leads_are_listed_with_the_fields_of_the_document(mock: Caller) -> None:
    mock.create("a", plan="Lite")
    assert mock.list().json == {"count": 0, "next": None, "previous": None, "results": []}
    mock.advance(5)
    page = mock.list().json
    (listed,) = page["results"]
    assert (page["count"], set(listed)) == (1, LISTED_FIELDS)
    assert (listed["lead_id"], listed["campaign_id"], listed["phone_number"]) == ("a", "c1", "+919876543210")
    assert listed["created_at"] == "2023-11-14T22:13:20+00:00"
    assert listed["created_at"] <= listed["latest_called_at"] <= listed["processed_at"]


def test_leads_of_another_campaign_are_not_listed(mock: Caller) -> None:
    mock.create("a", campaign="c1")
    mock.create("b", campaign="c2")
    mock.advance(5)
    assert [each["lead_id"] for each in mock.list(campaign="c2").json["results"]] == ["b"]


def test_an_update_merges_and_a_null_is_a_value(mock: Caller) -> None:
    mock.create("a", plan="Lite", amount=1)
    reply = mock.call("update", {"lead_id": "a", "phone_number": "09123456789", "amount": None, "new": True})
    assert (reply.status, reply.json) == (200, {"lead_id": "a"})
    lead_state = mock.lead_state("a")
    assert (lead_state["phone_number"], lead_state["contact_name"]) == ("+919123456789", "Asha")
    assert lead_state["custom_fields"] == {"plan": "Lite", "amount": None, "new": True}


def test_an_update_without_fields_changes_nothing(mock: Caller) -> None:
    mock.create("a")
    before = mock.lead_state("a")
    assert mock.call("update", {"lead_id": "a"}).status == 200
    assert mock.lead_state("a") == before


def test_an_update_of_a_listed_lead_is_listed(mock: Caller) -> None:
    mock.create("a")
    mock.advance(5)
    assert mock.list().json["results"][0]["contact_name"] == "Asha"
    mock.call("update", {"lead_id": "a", "contact_name": "Asha Rao"})
    assert mock.list().json["results"][0]["contact_name"] == "Asha Rao"


def test_a_conversion_keeps_its_detail_and_time(mock: Caller) -> None:
    mock.create("a")
    mock.advance(3)
    reply = mock.call("convert", {"lead_id": "a", "detail": "x" * 32})
    assert (reply.status, reply.json) == (200, {"lead_id": "a"})
    lead_state = mock.lead_state("a")
    assert (lead_state["detail"], lead_state["converted_at"]) == ("x" * 32, "2023-11-14T22:13:23+00:00")
    assert mock.core.counts("c1")["converted"] == 1


@pytest.mark.parametrize("character", ["x", "é", "आ", "😀"])
def test_the_32_of_a_detail_are_characters_not_bytes(mock: Caller, character: str) -> None:
    mock.create("a")
    assert mock.call("convert", {"lead_id": "a", "detail": character * 32}).status == 200
    assert list(mock.call("convert", {"lead_id": "a", "detail": character * 33}).json) == ["detail"]


def test_a_disabled_lead_is_called_no_more_and_never_processed(mock: Caller) -> None:
    mock.create("a", "b", "c")
    assert mock.call("disable", [{"lead_id": "a"}, {"lead_id": "b"}]).json == [{"lead_id": "a"}, {"lead_id": "b"}]
    mock.advance(1000)
    assert [each["lead_id"] for each in mock.list().json["results"]] == ["c"]
    lead_state = mock.lead_state("a")
    assert (lead_state["state"], lead_state["processed_at"], lead_state["disabled_at"]) == (
        "disabled",
        None,
        lead_state["created_at"],
    )
    assert all(call <= lead_state["disabled_at"] for call in lead_state["calls"])


def test_calls_before_a_lead_was_disabled_stay_known(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(process_after_seconds=1000)
    mock.create(*range(20))
    mock.advance(499)
    assert mock.core.counts("c1") == {"created": 20, "called": 20, "processed": 0, "disabled": 0, "converted": 0}
    assert mock.lead_state("0")["state"] == "called"
    mock.call("disable", [{"lead_id": each} for each in range(20)])
    calls = [mock.lead_state(str(each))["calls"] for each in range(20)]
    mock.advance(1000)
    assert [mock.lead_state(str(each))["calls"] for each in range(20)] == calls
    assert mock.core.counts("c1") == {"created": 20, "called": 20, "processed": 0, "disabled": 20, "converted": 0}


def test_a_lead_that_is_disabled_after_its_processing_stays_listed(mock: Caller) -> None:
    mock.create("a")
    mock.advance(5)
    assert mock.call("disable", {"lead_id": "a"}).status == 201
    assert mock.list().json["count"] == 1
    assert mock.lead_state("a")["state"] == "processed"


def test_a_lead_may_be_disabled_twice_and_the_first_time_counts(mock: Caller) -> None:
    mock.create("a")
    mock.call("disable", {"lead_id": "a"})
    mock.advance(2)
    assert mock.call("disable", {"lead_id": "a"}).status == 201
    assert mock.lead_state("a")["disabled_at"] == "2023-11-14T22:13:20+00:00"


def test_nothing_is_disabled_if_one_lead_is_unknown(mock: Caller) -> None:
    mock.create("a")
    reply = mock.call("disable", [{"lead_id": "a"}, {"lead_id": "b"}])
    assert (reply.status, reply.json) == (404, [{}, {"lead_id": ["Not found."]}])
    assert mock.lead_state("a")["state"] == "created"
    reply = mock.call("disable", {"lead_id": "b"})
    assert (reply.status, reply.json) == (404, {"detail": "Not found."})


def test_a_deleted_lead_is_gone_from_everywhere(mock: Caller) -> None:
    mock.create("a", "b")
    mock.advance(5)
    assert mock.list().json["count"] == 2
    reply = mock.call("delete", {"lead_id": "a"})
    assert (reply.status, reply.json) == (202, {"lead_id": "a"})
    assert [each["lead_id"] for each in mock.list().json["results"]] == ["b"]
    assert mock.list("lead_id=a").json["count"] == 0
    assert mock.core.lead_state("c1", "a") is None
    assert mock.core.counts("c1")["created"] == 1


@pytest.mark.parametrize("action", ["update", "convert", "disable", "delete"])
@pytest.mark.parametrize("campaign", ["c1", "never_used"])
def test_an_unknown_lead_is_not_found(mock: Caller, action: str, campaign: str) -> None:
    mock.create("a")
    reply = mock.call(action, {"lead_id": "b", "detail": "PAID"}, campaign=campaign)
    assert (reply.status, reply.json) == (404, {"detail": "Not found."})


def test_a_deleted_lead_is_not_found_and_may_be_created_again(mock: Caller) -> None:
    mock.create("a")
    mock.call("delete", {"lead_id": "a"})
    assert mock.call("delete", {"lead_id": "a"}).status == 404
    assert mock.create("a").status == 201


def test_a_lead_that_takes_the_place_of_a_deleted_one_is_listed_as_itself(mock: Caller) -> None:
    mock.create("a", contact_name="Asha")
    mock.advance(5)
    mock.list()
    mock.call("delete", {"lead_id": "a"})
    mock.create("b", contact_name="Bina")
    mock.advance(5)
    assert [each["contact_name"] for each in mock.list().json["results"]] == ["Bina"]


def test_a_lead_that_is_processed_at_once_is_counted_at_once(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(process_after_seconds=0)
    for number in range(3):
        mock.create(number)
        page = mock.list().json
        assert page["count"] == len(page["results"]) == number + 1
    mock.call("delete", {"lead_id": 0})
    assert mock.list().json["count"] == 2


def test_time_in_responses_is_that_of_the_mock(mock: Caller) -> None:
    assert mock.core.clock.now() == START
    mock.advance(60)
    mock.create("a")
    assert mock.lead_state("a")["created_at"] == "2023-11-14T22:14:20+00:00"
