"""A misspelt field of a lead is told, and a custom field of a name of its own is sent (decision 0031)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from squadiq_generated.models import LeadUpdate

from squadiq import InvalidInputError, Lead
from squadiq._misspellings import fixed_field_meant
from squadiq.outbox import Outbox
from squadiq.validation import prepare_leads, prepare_update

LEAD: dict[str, Any] = {"lead_id": "u1", "phone_number": "9876543210", "contact_name": "Asha"}
FIXED = ("lead_id", "phone_number", "contact_name")

SLIPS = """
lead_id: Lead_ID|lead_id |\ufefflead_id|leadId|LEAD ID|lead-id|laed_id|lead_di|leadd_id|leaad_id|ead_id|lead_i
phone_number: phone_numbr|phone_nubmer|phone_numberr|phone_nummber|Phone Number|phoneNumber|phone_numbet
phone_number: phone_numbers|phone_nuimber|hone_number|phone_numbe|ｐｈｏｎｅ＿ｎｕｍｂｅｒ
contact_name: contct_name|contact_nmae|contact_mame|contact.name|CONTACT_NAME|contactt_name
"""
OWN = """
load_id|head_id|lead_ip|lead_uid|lead_id2|leads|lead|id|phone_number_2|phone_number2|home_number|phone|mobile
zone_number|iphone_number|3phone_number|phone_type|contract_name|contact_date|contact_note|contact_nam3|contact|name
product_plan|अंक|is KYC
"""


def slips() -> Iterator[tuple[str, str]]:
    for line in SLIPS.strip().split("\n"):
        field, _, names = line.partition(": ")
        yield from ((name, field) for name in names.split("|"))


@pytest.mark.parametrize(("name", "field"), list(slips()))
def test_one_slip_of_the_finger_is_recognised(name: str, field: str) -> None:
    assert fixed_field_meant(name, FIXED) == field


@pytest.mark.parametrize("name", OWN.strip().replace("\n", "|").split("|"))
def test_a_name_of_its_own_is_a_custom_field(name: str) -> None:
    [lead] = prepare_leads([{**LEAD, name: "x"}], Lead, normalise_phone_numbers=True)
    assert lead.model_dump()[name] == "x"


@pytest.mark.parametrize("name", ["phone_numbr", "Lead_ID", "lead_id "])
def test_a_misspelt_field_is_not_sent(name: str, tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        ways: list[Callable[[], object]] = [
            lambda: prepare_leads([{**LEAD, name: "x"}], Lead, normalise_phone_numbers=True),
            lambda: prepare_leads([Lead.model_validate({**LEAD, name: "x"})], Lead, normalise_phone_numbers=True),
            lambda: prepare_update("u1", {name: "x"}, {}, Lead, normalise_phone_numbers=True),
            lambda: outbox.create_leads("campaign-1", [{**LEAD, name: "x"}]),
            lambda: outbox.update_lead("campaign-1", "u1", {name: "x"}),
        ]
        for way in ways:
            with pytest.raises(InvalidInputError, match="is not sent as a custom field: rename it"):
                way()


def test_of_a_list_the_one_that_is_misspelt_is_named() -> None:
    leads = [{**LEAD, "lead_id": f"u{n}", "phone_number": f"98765432{n}"} for n in range(10, 20)]
    with pytest.raises(InvalidInputError) as raised:
        prepare_leads([*leads, {**LEAD, "contct_name": "Asha"}], Lead, normalise_phone_numbers=True)
    [problem] = raised.value.problems
    assert (problem.index, problem.field) == (10, "contct_name")
    assert problem.reason.startswith("is nearly contact_name, ")


@pytest.mark.parametrize("name", ["lead_id ", "\ufefflead_id"])
def test_what_cannot_be_seen_in_a_name_is_told(name: str) -> None:
    with pytest.raises(InvalidInputError, match="is written with blanks or signs"):
        prepare_leads([{**LEAD, name: "x"}], Lead, normalise_phone_numbers=True)


class TwoPhones(Lead):
    phone_numbers: list[str]


def test_who_means_it_declares_it() -> None:
    given: dict[str, Any] = {**LEAD, "phone_numbers": ["9876543211"]}
    for each in ([given], [TwoPhones.model_validate(given)]):
        assert len(prepare_leads(each, TwoPhones, normalise_phone_numbers=True)) == 1
    [as_own] = prepare_leads([TwoPhones.model_validate(given)], Lead, normalise_phone_numbers=True)
    assert as_own.model_dump()["phone_numbers"] == ["9876543211"]
    update: LeadUpdate = prepare_update("u1", {"phone_numbers": []}, {}, TwoPhones, normalise_phone_numbers=True)
    assert update.model_dump()["phone_numbers"] == []


@pytest.mark.parametrize(("name", "hint"), [("phone", "'phone'"), ("phne_numbr", "'phne_numbr'"), ("zzz", None)])
def test_what_may_be_meant_by_another_name_is_told_with_what_is_missing(name: str, hint: str | None) -> None:
    given = {field: value for field, value in LEAD.items() if field != "phone_number"}
    with pytest.raises(InvalidInputError) as raised:
        prepare_leads([{**given, name: "9876543210"}], Lead, normalise_phone_numbers=True)
    assert "phone_number is missing" in str(raised.value)
    assert (f"did you mean it by {hint}?" in str(raised.value)) == (hint is not None)
