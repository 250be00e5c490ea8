"""What is checked of leads before they are sent."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator
from squadiq_generated._base import Model, to_json
from squadiq_generated.models import Lead

from squadiq.errors import InvalidInputError
from squadiq.leads import (
    epoch_seconds,
    prepare_conversion,
    prepare_leads,
    prepare_reference,
    prepare_references,
    prepare_update,
)

GOOD = {"lead_id": "u1", "phone_number": "98765 43210", "contact_name": "Asha"}


class MyLead(Lead):
    product_plan: str = "Lite"
    visits: int | None = None
    since: date | None = None
    loan_amount: float = Field(default=0.0, alias="loan amount", ge=0)

    @field_validator("product_plan")
    @classmethod
    def known(cls, plan: str) -> str:
        if plan not in ("Lite", "Pro"):
            raise ValueError(f"is unknown, was it 98765 43210? {len(plan)} characters")
        return plan


class Address(Model):
    pin: str


class AddressedLead(MyLead):
    work: Address = Address(pin="1")
    note: list[int] | None = None

    @field_validator("note", mode="before")
    @classmethod
    def listed(cls, note: object) -> object:
        return [note] if isinstance(note, int) else note


def prepared(*leads: Any, lead_type: type[Lead] = Lead, normalise: bool = True) -> list[Lead]:
    return prepare_leads(leads, lead_type, normalise_phone_numbers=normalise)


def problems_of(*leads: Any, lead_type: type[Lead] = Lead) -> list[str]:
    with pytest.raises(InvalidInputError) as refused:
        prepared(*leads, lead_type=lead_type)
    assert "Nothing was sent" in str(refused.value)
    return [str(problem) for problem in refused.value.problems]


def test_a_mapping_and_a_model_become_the_same_lead() -> None:
    [of_mapping] = prepared({**GOOD, "product_plan": "Lite"})
    [of_model] = prepared(Lead(**GOOD, product_plan="Lite"))
    assert to_json(of_mapping) == to_json(of_model)
    assert of_model.phone_number == "+919876543210"


def test_what_the_caller_gave_is_not_changed() -> None:
    given, model = dict(GOOD), Lead(**GOOD)
    prepared(given)
    prepared(model)
    assert given == GOOD
    assert model.phone_number == "98765 43210"


def test_numbers_as_a_spreadsheet_gives_them_are_texts() -> None:
    [lead] = prepared({"lead_id": 7, "phone_number": 9876543210.0, "contact_name": "Asha"})
    assert (lead.lead_id, lead.phone_number) == ("7", "+919876543210")


def test_normalising_can_be_switched_off() -> None:
    [lead] = prepared(GOOD, normalise=False)
    assert lead.phone_number == "98765 43210"


def test_every_problem_of_every_lead_is_named() -> None:
    assert problems_of(
        {"lead_id": "u1", "phone_number": "98765", "contact_name": " "},
        {"phone_number": "98765 43210", "contact_name": "Asha"},
        {**GOOD, "lead_id": "u3", "contact_name": "x" * 256},
        {**GOOD, "lead_id": " u4"},
        {**GOOD, "lead_id": "u5", "phone_number": None},
        {"lead_id": "u6"},
        "u7",
        {**GOOD, "lead_id": ""},
    ) == [
        "lead 'u1': phone_number has 5 digits, too few for an Indian number",
        "lead number 2: lead_id is missing",
        "lead 'u3': contact_name is not valid: it should have at most 255 characters",
        "lead ' u4': lead_id is blank, has blanks at its ends or holds control characters",
        "lead 'u5': phone_number is not valid: it should be a valid string",
        "lead 'u6': phone_number is missing",
        "lead 'u6': contact_name is missing",
        "lead number 7: lead is neither a Lead nor a mapping",
        "lead number 8: lead_id is not valid: it should have at least 1 character",
    ]


def test_only_the_first_problems_stand_in_the_message() -> None:
    with pytest.raises(InvalidInputError, match="and 95 more") as refused:
        prepared(*({"lead_id": f"u{n}", "phone_number": "9876543210"} for n in range(100)))
    assert len(refused.value.problems) == 100


def test_a_lead_id_that_stands_twice_in_one_call_is_refused() -> None:
    assert problems_of(GOOD, {**GOOD, "lead_id": "u2"}, GOOD) == [
        "lead 'u1': lead_id is the same as that of lead number 1"
    ]


def test_a_number_and_its_digits_are_the_same_lead_id() -> None:
    assert problems_of({**GOOD, "lead_id": 1}, {**GOOD, "lead_id": "1"}) == [
        "lead '1': lead_id is the same as that of lead number 1"
    ]


def test_a_decimal_number_is_no_lead_id() -> None:
    assert problems_of({**GOOD, "lead_id": 1.0}) == [
        "lead number 1: lead_id is a decimal number: give text or a whole number"
    ]


def test_a_lead_id_that_looks_like_a_phone_number_is_masked() -> None:
    assert problems_of({"lead_id": "9876543210", "phone_number": "+919876543210"}) == [
        "lead '…10': contact_name is missing"
    ]


@pytest.mark.parametrize("one", [GOOD, Lead(**GOOD), "u1"])
def test_one_lead_that_is_not_in_a_list_is_refused(one: Any) -> None:
    with pytest.raises(InvalidInputError, match="leads is one, not a list"):
        prepare_leads(one, Lead, normalise_phone_numbers=True)


def test_a_phone_number_that_no_sender_understands_is_refused_unnormalised_too() -> None:
    with pytest.raises(InvalidInputError, match="phone_number is not an Indian phone number"):
        prepared({**GOOD, "phone_number": "call me maybe"}, normalise=False)


def test_defaults_of_the_campaigns_own_fields_are_sent() -> None:
    [lead] = prepared({**GOOD, "loan amount": 5}, lead_type=MyLead)
    assert to_json(lead) == (
        b'{"lead_id":"u1","phone_number":"+919876543210","contact_name":"Asha","product_plan":"Lite","loan amount":5.0}'
    )


def test_an_own_field_that_was_not_given_is_not_sent_as_null_but_one_given_as_null_is() -> None:
    [of_model] = prepared(MyLead.model_validate({**GOOD, "since": None}), lead_type=MyLead)
    [of_mapping] = prepared({**GOOD, "since": None}, lead_type=MyLead)
    assert to_json(of_model) == to_json(of_mapping)
    assert b'"since":null' in to_json(of_model)
    assert b"visits" not in to_json(of_model)


def test_a_field_of_the_campaigns_own_type_is_written_as_json() -> None:
    [lead] = prepared(MyLead.model_validate({**GOOD, "since": date(2026, 1, 2)}), lead_type=MyLead)
    assert b'"since":"2026-01-02"' in to_json(lead)


def test_the_campaigns_own_fields_are_checked_and_values_are_not_repeated() -> None:
    assert problems_of({**GOOD, "product_plan": "Gold", "visits": "many", "loan amount": -1}, lead_type=MyLead) == [
        "lead 'u1': product_plan is unknown, was it …? 4 characters",
        "lead 'u1': visits is not valid: it should be a valid integer, unable to parse string as an integer",
        "lead 'u1': loan amount is not valid: it should be greater than or equal to 0",
    ]


def test_a_plain_lead_is_checked_against_the_campaigns_own_type() -> None:
    assert problems_of(Lead(**GOOD, visits="many"), lead_type=MyLead)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\0b", "holds the character U+0000"),
        ("\ud800", "holds half of a character"),
        (2**53, "is a number too large"),
        (-1e300, "is a number too large"),
        ([1, {"deep": ["a\0"]}], "holds the character U+0000"),
        ({"a\0": 1}, "holds the character U+0000"),
        (object(), "hold something that JSON cannot say"),
    ],
)
def test_a_custom_value_that_cannot_be_sent_is_refused(value: Any, reason: str) -> None:
    [problem] = problems_of({**GOOD, "custom": value})
    assert reason in problem


@pytest.mark.parametrize("value", ["é", None, True, 2**53 - 1, -0.5, [], {}, [{"a": [None]}], Decimal("1.5")])
def test_any_other_custom_value_is_sent(value: Any) -> None:
    [lead] = prepared({**GOOD, "custom": value})
    assert b'"custom":' in to_json(lead)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    assert problems_of({**GOOD, "custom": value}) == ["lead 'u1': custom is not a number"]


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 256])
def test_a_field_name_that_cannot_be_sent_is_refused(name: str) -> None:
    [problem] = problems_of({**GOOD, name: 1})
    assert "has a name that is empty, too long or not plain text" in problem


def test_an_update_holds_only_what_was_given() -> None:
    update = prepare_update("u1", {"product_plan": "Pro", "gone": None}, MyLead, normalise_phone_numbers=True)
    assert to_json(update) == b'{"lead_id":"u1","product_plan":"Pro","gone":null}'


def test_an_update_sends_what_a_lead_of_the_campaigns_own_type_would() -> None:
    fields = {"visits": "7", "loan amount": "2.5", "since": "2026-01-02", "work": {"pin": 400001}, "note": 7}
    update = prepare_update("u1", fields, AddressedLead, normalise_phone_numbers=True)
    assert to_json(update) == (
        b'{"lead_id":"u1","visits":7,"loan amount":2.5,"since":"2026-01-02","work":{"pin":"400001"},"note":7}'
    )


def test_an_update_normalises_the_phone_number() -> None:
    update = prepare_update(1, {"phone_number": "098765 43210"}, Lead, normalise_phone_numbers=True)
    assert to_json(update) == b'{"lead_id":"1","phone_number":"+919876543210"}'


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "lead 'u1': fields are missing: there is nothing to change"),
        ({"lead_id": "u2"}, "lead 'u1': lead_id cannot be changed"),
        ({"phone_number": None}, "lead 'u1': phone_number is null"),
        ({"contact_name": None}, "lead 'u1': contact_name is null"),
        ({"contact_name": "\n"}, "lead 'u1': contact_name has no visible character or holds control characters"),
        ({"phone_number": "12"}, "lead 'u1': phone_number"),
        ({"visits": "many"}, "lead 'u1': visits is not valid"),
        ({"note": "a\0"}, "lead 'u1': note holds the character U+0000"),
    ],
)
def test_an_update_that_is_not_valid_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        prepare_update("u1", fields, MyLead, normalise_phone_numbers=True)
    assert reason in str(refused.value)


def test_a_detail_has_at_most_32_characters_not_bytes() -> None:
    assert prepare_conversion("u1", "आ" * 32).detail == "आ" * 32
    with pytest.raises(InvalidInputError, match="lead 'u1': detail is not valid: it should have at most 32 characters"):
        prepare_conversion("u1", "x" * 33)
    with pytest.raises(InvalidInputError, match="lead 'u1': detail holds control characters"):
        prepare_conversion("u1", "\n")


def test_references_name_each_lead_once() -> None:
    assert [reference.lead_id for reference in prepare_references(["u1", 2, "u1", "2"])] == ["u1", "2"]
    assert prepare_references([]) == []
    with pytest.raises(InvalidInputError, match="lead_ids is one, not a list"):
        prepare_references("u1")
    with pytest.raises(InvalidInputError, match="lead number 2: lead_id is a decimal number"):
        prepare_references(["u1", 2.0])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match="lead_id is blank"):
        prepare_reference(" ")


@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1)), st.integers(-14, 14))
def test_a_time_is_sent_in_whole_seconds_so_that_no_lead_is_left_out(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=offset)))
    after, before = epoch_seconds(aware, "a"), epoch_seconds(aware, "b", round_up=True)
    assert after is not None
    assert before is not None
    assert after <= aware.timestamp() <= before <= after + 1


def test_epoch_numbers_are_taken_as_they_are() -> None:
    assert epoch_seconds(1543847761, "a") == 1543847761
    assert epoch_seconds(1543847761.5, "a") == 1543847761
    assert epoch_seconds(1543847761.5, "a", round_up=True) == 1543847762
    assert epoch_seconds(None, "a") is None
    assert epoch_seconds(datetime(2018, 12, 3, 14, 36, 1, tzinfo=UTC), "a") == 1543847761


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (datetime(2018, 12, 3), "has no time zone"),
        (True, "is neither a datetime nor an epoch number"),
        ("yesterday", "is neither"),
        (math.nan, "is neither"),
        (-1, "is not between the years 1970 and 9999"),
        (1543847761000, "is not between"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(moment: Any, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=f"processed_after {reason}"):
        epoch_seconds(moment, "processed_after")
