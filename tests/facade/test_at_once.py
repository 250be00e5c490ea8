"""Many leads checked at once: the same leads, and the same problems, as when each is looked at."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import field_validator, model_validator
from squadiq_generated._base import to_json
from squadiq_generated.constants import LARGEST_NUMBER
from squadiq_generated.models import Lead

from squadiq import validation
from squadiq._at_once import leads_at_once
from squadiq.errors import InvalidInputError

GOOD = {"lead_id": "u1", "phone_number": "98765 43210", "contact_name": "Asha"}


class LoanLead(Lead):
    amount: float = 1.0
    since: date | None = None

    @field_validator("amount")
    @classmethod
    def doubled(cls, amount: float) -> float:
        return amount * 2 if amount != 7 else float("inf")


class PoppingLead(Lead):
    city: str = "Pune"

    @model_validator(mode="before")
    @classmethod
    def popped(cls, values: dict[str, Any]) -> dict[str, Any]:
        values["city"] = values.pop("town", "Delhi")
        return values


def outcome(items: list[Any], lead_type: type[Lead], **options: Any) -> Any:
    try:
        leads = validation.prepare_leads(items, lead_type, **options)
    except InvalidInputError as refused:
        return [(each.index, each.lead_id, each.field, each.reason) for each in refused.problems]
    return [(to_json(each), each.model_fields_set, type(each)) for each in leads]


def looked_at(*_arguments: object) -> None:
    """Ask for a closer look, whatever was given."""


texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["", " ", "\u200b", "a\0b", "\ud800", "#N/A", " #ref! ", "Flat #1", "nan", " NULL ", "é"]),
)
values = st.one_of(
    texts,
    st.sampled_from([None, True, 0, 7, 17.5, 1e400, -LARGEST_NUMBER, LARGEST_NUMBER + 1, float("nan"), 10**300, [1]]),
)
numbers = st.one_of(st.sampled_from(["98765 43210", "+919876543210", "12", "5012345678", ""]), st.just(9876543210))
odd_leads = st.fixed_dictionaries(
    {},
    optional={
        "lead_id": st.one_of(texts, st.integers(0, 3), st.just(1.0), st.just(True)),
        "phone_number": st.one_of(numbers, values),
        "contact_name": values,
        "amount": values,
        "x\n": values,
    },
)
good_leads = st.fixed_dictionaries(
    {
        "lead_id": st.sampled_from(["u1", "u2", "u3"]),
        "phone_number": st.sampled_from(["9876543210", "98765 43211", "022 2345 6789"]),
        "contact_name": st.sampled_from(["Asha", "É", "आशा"]),
    },
    optional={"amount": values, "city": texts},
)


@given(
    items=st.lists(st.one_of(good_leads, good_leads, odd_leads), max_size=3),
    lead_type=st.sampled_from([Lead, LoanLead, PoppingLead]),
    normalise=st.booleans(),
    duplicates=st.sampled_from(["refuse", "allow"]),
)
def test_the_outcome_is_that_of_looking_at_each(
    items: list[Any], lead_type: type[Lead], normalise: bool, duplicates: str
) -> None:
    options = {"normalise_phone_numbers": normalise, "duplicate_phone_numbers": duplicates}
    before = repr(items)
    with pytest.MonkeyPatch.context() as patch:
        at_once = outcome(items, lead_type, **options)
        patch.setattr(validation, "leads_at_once", looked_at)
        assert at_once == outcome(items, lead_type, **options)
    assert repr(items) == before


@pytest.mark.parametrize(
    "more",
    [{}, {"city": "Pune", "amount": 5, "rate": 1.5, "is_new": True}, {"city": "Flat #1, Köln"}, {"lead_id": 17}],
)
def test_leads_as_most_are_need_no_closer_look(more: dict[str, Any]) -> None:
    made = leads_at_once([{**GOOD, **more}], Lead, True, True)
    assert made is not None
    assert made[0].phone_number == "+919876543210"


@pytest.mark.parametrize(
    "item",
    [
        GOOD["lead_id"],
        Lead(**GOOD),
        {**GOOD, "": 1},
        {"lead_id": "u1"},
        {**GOOD, "contact_name": None},
        {**GOOD, "contact_name": "NULL"},
        {**GOOD, "phone_number": 9876543210},
        {**GOOD, "phone_number": "12"},
        {**GOOD, "city": "a\0b"},
        {**GOOD, "city": "nan"},
        {**GOOD, "city": "\ud800"},
        {**GOOD, "city": "#N/A"},
        {**GOOD, "city": float("inf")},
        {**GOOD, "city": ["Pune"]},
    ],
)
def test_whatever_is_odd_is_looked_at(item: Any) -> None:
    assert leads_at_once([item], Lead, True, True) is None


def test_what_stands_twice_is_looked_at() -> None:
    other = {**GOOD, "lead_id": "u2"}
    assert leads_at_once([GOOD, GOOD], Lead, True, False) is None
    assert leads_at_once([GOOD, other], Lead, True, True) is None
    assert leads_at_once([GOOD, other], Lead, True, False) is not None


def test_what_an_own_type_makes_of_a_value_is_looked_at() -> None:
    assert leads_at_once([{**GOOD, "amount": 7}], LoanLead, True, True) is None
    made = leads_at_once([{**GOOD, "amount": 8}], LoanLead, True, True)
    assert made is not None
    assert b'"amount":16.0' in to_json(made)
    assert to_json(leads_at_once([GOOD], LoanLead, True, True) or []).count(b'"amount":1.0') == 1
