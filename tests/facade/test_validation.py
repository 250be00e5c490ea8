"""What is checked of leads before they are sent."""

from __future__ import annotations

import math
import numbers
import re
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
from squadiq.validation import (
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
    def lead_state(cls, plan: str) -> str:
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
        "lead 'u1': contact_name has no visible character or holds control characters",
        "lead 'u1': phone_number has 5 digits, too few for an Indian number",
        "lead number 2: lead_id is missing",
        "lead 'u3': contact_name is not valid: it should have at most 255 characters",
        "lead ' u4': lead_id is blank, has blanks at its ends or holds control characters",
        "lead 'u5': phone_number is missing",
        "lead 'u6': phone_number is missing",
        "lead 'u6': contact_name is missing",
        "lead number 7: lead is neither a Lead nor a mapping, nor another row with named fields, but of type str",
        "lead number 8: lead_id is not valid: it should have at least 1 character",
    ]


def test_only_the_first_problems_stand_in_the_message() -> None:
    with pytest.raises(InvalidInputError, match="and 95 more") as refused:
        prepared(*({"lead_id": f"u{n}", "phone_number": "9876543210"} for n in range(100)))
    assert len(refused.value.problems) == 100


def test_a_lead_id_that_stands_twice_in_one_call_is_refused() -> None:
    assert problems_of(GOOD, {**GOOD, "lead_id": "u2", "phone_number": "9876543211"}, GOOD) == [
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


def test_an_own_field_is_sent_as_null_only_when_given_as_null() -> None:
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
        (object(), "custom holds something that JSON cannot say"),
    ],
)
def test_a_custom_value_that_cannot_be_sent_is_refused(value: Any, reason: str) -> None:
    [problem] = problems_of({**GOOD, "custom": value})
    assert reason in problem


@pytest.mark.parametrize("value", ["é", None, True, 2**53 - 1, -0.5, [], {}, [{"a": [None]}], Decimal("1.5")])
def test_any_other_custom_value_is_sent(value: Any) -> None:
    [lead] = prepared({**GOOD, "custom": value})
    assert b'"custom":' in to_json(lead)


@pytest.mark.parametrize("value", [math.inf, -math.inf, Decimal("-Infinity"), [1, math.nan], {"a": (Decimal("NaN"),)}])
def test_what_is_no_number_is_refused(value: Any) -> None:
    assert problems_of({**GOOD, "custom": value}) == ["lead 'u1': custom is not a number"]


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 256])
def test_a_field_name_that_cannot_be_sent_is_refused(name: str) -> None:
    [problem] = problems_of({**GOOD, name: 1})
    assert "has a name that is empty, too long or not plain text" in problem


def test_a_field_name_of_the_campaigns_own_type_that_cannot_be_sent_is_refused() -> None:
    class Odd(Lead):
        plan: str = Field(default="Lite", alias="a\nb")

    [problem] = problems_of(GOOD, lead_type=Odd)
    assert problem == "lead 'u1': a b has a name that is empty, too long or not plain text"


def test_a_default_of_the_campaigns_own_type_that_cannot_be_sent_is_refused() -> None:
    class Odd(Lead):
        amount: float = math.nan
        plan: Any = math.inf

    assert problems_of(GOOD, lead_type=Odd) == ["lead 'u1': amount is not a number", "lead 'u1': plan is not a number"]


def test_an_update_holds_only_what_was_given() -> None:
    update = prepare_update("u1", None, {"product_plan": "Pro", "gone": None}, MyLead, normalise_phone_numbers=True)
    assert to_json(update) == b'{"lead_id":"u1","product_plan":"Pro","gone":null}'


def test_an_update_sends_what_a_lead_of_the_campaigns_own_type_would() -> None:
    fields = {"visits": "7", "loan amount": "2.5", "since": "2026-01-02", "work": {"pin": 400001}, "note": 7}
    update = prepare_update("u1", None, fields, AddressedLead, normalise_phone_numbers=True)
    assert to_json(update) == (
        b'{"lead_id":"u1","visits":7,"loan amount":2.5,"since":"2026-01-02","work":{"pin":"400001"},"note":7}'
    )


def test_an_update_normalises_the_phone_number() -> None:
    update = prepare_update(1, None, {"phone_number": "098765 43210"}, Lead, normalise_phone_numbers=True)
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
        prepare_update("u1", None, fields, MyLead, normalise_phone_numbers=True)
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


# What is missing, and what a spreadsheet broke


class Missing:
    """As pandas' NA: not equal to itself, and nobody can tell."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Masked:
    """As numpy's masked constant."""


class NoTime(datetime):
    """As pandas' NaT: a datetime that is not equal to itself."""

    def __ne__(self, other: object) -> bool:
        return True

    def timestamp(self) -> float:
        return math.nan


def foreign(kind: type, module: str, name: str) -> type:
    kind.__module__, kind.__name__ = module, name
    return kind


MISSING = [
    math.nan,
    Decimal("NaN"),
    Decimal("sNaN"),
    foreign(Missing, "pandas._libs.missing", "NAType")(),
    foreign(Masked, "numpy.ma.core", "MaskedConstant")(),
    foreign(NoTime, "pandas._libs.tslibs.nattype", "NaTType")(2018, 1, 1),
]
each_missing = pytest.mark.parametrize("missing", MISSING, ids=lambda value: type(value).__name__)


@pytest.mark.parametrize("name", sorted(GOOD))
@pytest.mark.parametrize("missing", [*MISSING, None], ids=lambda value: type(value).__name__)
def test_what_is_missing_is_missing_in_a_required_field(name: str, missing: Any) -> None:
    for normalise in (True, False):
        with pytest.raises(InvalidInputError) as refused:
            prepared({**GOOD, name: missing}, normalise=normalise)
        assert str(refused.value).endswith(f": {name} is missing. Nothing was sent.")


@each_missing
def test_what_is_missing_in_a_custom_field_is_left_out(missing: Any) -> None:
    [of_mapping] = prepared({**GOOD, "plan": missing, "kept": 1})
    [of_model] = prepared(Lead(**GOOD, plan=missing, kept=1))
    assert to_json(of_mapping) == to_json(of_model)
    assert b'"contact_name":"Asha","kept":1}' in to_json(of_mapping)


@each_missing
def test_a_missing_field_of_an_own_type_is_its_default_or_missing(missing: Any) -> None:
    class Planned(Lead):
        plan: str
        visits: int = 7

    [lead] = prepared({**GOOD, "plan": "Lite", "visits": missing}, lead_type=Planned)
    assert b'"visits":7' in to_json(lead)
    assert problems_of({**GOOD, "plan": missing}, lead_type=Planned) == ["lead 'u1': plan is missing"]


@each_missing
def test_what_is_missing_within_a_custom_value_is_refused(missing: Any) -> None:
    for value in ([1, missing], {"a": {"b": missing}}, (missing,), Address.model_construct(pin=missing)):
        [problem] = problems_of({**GOOD, "visits": value})
        assert problem.startswith("lead 'u1': visits ")


@each_missing
@pytest.mark.parametrize("name", ["phone_number", "contact_name", "plan"])
def test_an_update_with_a_missing_value_is_refused_and_clears_nothing(name: str, missing: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"lead 'u1': {name} is missing, as NaN is: leave it out"):
        prepare_update("u1", None, {"kept": 1, name: missing}, Lead, normalise_phone_numbers=True)


@each_missing
def test_a_missing_lead_id_or_detail_is_refused_everywhere(missing: Any) -> None:
    for call in (
        lambda: prepare_reference(missing),
        lambda: prepare_references(["u1", missing]),
        lambda: prepare_conversion("u1", missing),
        lambda: prepare_conversion(missing, "PAID"),
        lambda: prepare_update(missing, None, {"a": 1}, Lead, normalise_phone_numbers=True),
    ):
        with pytest.raises(InvalidInputError, match="is missing"):
            call()


NOBODY = ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", " #n/a ", "NaN", "nan", "NaT", "<NA>"]


@pytest.mark.parametrize("name", ["lead_id", "contact_name"])
@pytest.mark.parametrize("text", [*NOBODY, "None", "NULL", "null", "N/A", "inf"])
def test_what_a_program_writes_for_a_missing_value_is_nobody(text: str, name: str) -> None:
    [problem] = problems_of({**GOOD, name: text})
    assert f"{name} is" in problem
    if name == "contact_name":
        with pytest.raises(InvalidInputError, match="contact_name is"):
            prepare_update("u1", None, {name: text}, Lead, normalise_phone_numbers=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN")])
def test_a_model_that_made_text_of_a_missing_name_is_found_out(value: Any) -> None:
    [problem] = problems_of(Lead(lead_id="u1", phone_number="98765 43210", contact_name=value))
    assert problem == "lead 'u1': contact_name is how a program writes a missing value"


@pytest.mark.parametrize("value", [math.inf, -math.inf, Decimal("Infinity")])
def test_a_number_without_an_end_is_no_name(value: Any) -> None:
    assert problems_of({**GOOD, "contact_name": value}) == ["lead 'u1': contact_name is not a number"]


@pytest.mark.parametrize("name", ["Null", "Nan", "NAN", "NONE", "Na", "#1 Plumbers", "Inf", "Zoë", "आशा"])
def test_people_may_be_called_so(name: str) -> None:
    assert prepared({**GOOD, "contact_name": name})[0].contact_name == name


@pytest.mark.parametrize("blank", ["", " ", "\t", "\xa0", "\u200b", "\u2060\u3000", "\u3164", "\u2800", "\ufeff"])
def test_a_name_or_detail_without_a_visible_character_is_refused(blank: str) -> None:
    assert problems_of({**GOOD, "contact_name": blank})
    with pytest.raises(InvalidInputError, match="detail"):
        prepare_conversion("u1", blank)


@pytest.mark.parametrize("text", NOBODY)
def test_an_error_value_of_a_spreadsheet_is_refused_in_custom_fields_too(text: str) -> None:
    for value in (text, [text], {"a": text}):
        [problem] = problems_of({**GOOD, "plan": value})
        assert problem.startswith("lead 'u1': plan is ")


@pytest.mark.parametrize("text", ["None", "N/A", "null", "#VIP", "inf", ""])
def test_other_texts_are_sent_in_custom_fields(text: str) -> None:
    assert prepared({**GOOD, "plan": text})


@pytest.mark.parametrize("text", ["#N/A", "nan", "#VALUE!"])
def test_an_error_value_is_no_phone_number_and_no_detail(text: str) -> None:
    assert problems_of({**GOOD, "phone_number": text})
    with pytest.raises(InvalidInputError, match="detail is"):
        prepare_conversion("u1", text)


def test_a_lead_that_was_created_as_nan_can_still_be_deleted() -> None:
    assert prepare_reference("nan").lead_id == "nan"


class Whole:
    """As a whole number of numpy."""

    def __int__(self) -> int:
        return 7


class Single:
    """As a decimal number of numpy."""

    def __float__(self) -> float:
        return 1.5


class Truth:
    """As a truth value of numpy."""

    def __bool__(self) -> bool:
        return True


numbers.Integral.register(foreign(Whole, "numpy", "int64"))
numbers.Real.register(foreign(Single, "numpy", "float32"))


def test_numbers_of_a_data_frame_are_numbers() -> None:
    truth = foreign(Truth, "numpy", "bool")()
    [lead] = prepared({**GOOD, "lead_id": Whole(), "a": Whole(), "b": Single(), "c": truth})
    assert b'"lead_id":"7"' in to_json(lead)
    assert b'"a":7,"b":1.5,"c":true' in to_json(lead)
    assert problems_of({**GOOD, "lead_id": Single()})
    assert prepare_reference(Whole()).lead_id == "7"  # type: ignore[arg-type]
    assert epoch_seconds(Whole(), "a") == 7  # type: ignore[arg-type]


@pytest.mark.parametrize("decimal", [1.0, Decimal(1), math.inf])
def test_a_lead_id_that_is_no_whole_number_is_refused_however_it_is_held(decimal: Any) -> None:
    assert problems_of({**GOOD, "lead_id": decimal}) == [
        "lead number 1: lead_id is a decimal number: give text or a whole number"
    ]


def test_a_phone_number_may_be_a_decimal_of_a_database() -> None:
    assert prepared({**GOOD, "phone_number": Decimal(9876543210)})[0].phone_number == "+919876543210"


# One phone number, several leads


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("other", ["9876543210", "+91-98765-43210", "098765 43210", "0091 98765 43210", 9876543210])
def test_one_phone_number_under_two_lead_ids_is_refused_and_both_are_named(normalise: bool, other: Any) -> None:
    twice = {**GOOD, "lead_id": "u2", "phone_number": other if normalise else str(other)}
    with pytest.raises(InvalidInputError) as refused:
        prepared(GOOD, {**GOOD, "lead_id": "u7", "phone_number": "9876543211"}, twice, normalise=normalise)
    assert [str(problem) for problem in refused.value.problems] == [
        "lead 'u2': phone_number is the same as that of lead 'u1' (number 1); both would be called. "
        'Leave one out, or give duplicate_phone_numbers="allow"'
    ]
    assert not re.search("9876|5432", str(refused.value))


def test_lead_ids_that_are_phone_numbers_are_not_shown_beside_each_other() -> None:
    [problem] = problems_of({**GOOD, "lead_id": "9876543210"}, {**GOOD, "lead_id": "+919876543210"})
    assert problem.startswith("lead '…10': phone_number is the same as that of lead '…10' (number 1)")


def test_one_phone_number_may_be_sent_under_two_lead_ids_where_that_is_allowed() -> None:
    leads = [GOOD, {**GOOD, "lead_id": "u2"}]
    made = prepare_leads(leads, Lead, normalise_phone_numbers=True, duplicate_phone_numbers="allow")
    assert [lead.lead_id for lead in made] == ["u1", "u2"]


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
