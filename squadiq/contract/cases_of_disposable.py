"""Cases that write and look behind the API, let time pass, or send what is no lead: only a mock offers that."""

from __future__ import annotations

from typing import Any

from squadiq.contract.cases import case, identities
from squadiq.contract.model import last_digits
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target

ALL_OF_JSON: dict[str, Any] = {
    "is_KYC": "YES",
    "product_plan": "Lite",
    "is_squadlead": True,
    "loan_amount": 250000.5,
    "language": None,
    "visits": [{"page": "pricing", "seconds": 42, "first": False}],
}
"""Custom fields of every type; the first three are the API documentation's own."""


@case(Capability.WRITES, Capability.KNOWN, hits=1)
def a_lead_keeps_its_fields(target: Target) -> None:
    lead = target.lead(**ALL_OF_JSON)
    target.create(lead)
    lead_state = target.fields(lead["lead_id"])
    require(lead_state["contact_name"] == lead["contact_name"], Rule.KEEPS_FIELDS, "another contact_name")
    digits = last_digits(lead["phone_number"])
    require(lead_state["phone_number"] == f"+91{digits}", Rule.KEEPS_FIELDS, "another phone_number")
    for name, value in ALL_OF_JSON.items():
        same = name in lead_state["custom_fields"] and _same(lead_state["custom_fields"][name], value)
        require(same, Rule.KEEPS_FIELDS, f"another {name}")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=2)
def a_number_names_the_same_lead_as_its_digits(target: Target) -> None:
    number = target.number()
    lead = target.lead(lead_id=number)
    target.create(lead)
    response = target.update(str(number))
    require(response.status == 200, Rule.NUMBER_IS_TEXT, f"status {response.status} for the digits as text")


@case(Capability.WRITES, Capability.KNOWN, hits=2)
def an_update_sets_what_it_names_and_leaves_the_rest(target: Target) -> None:
    lead = target.lead(**ALL_OF_JSON)
    target.create(lead)
    target.update(lead["lead_id"], contact_name="John Smith", product_plan="Full", new_field=7)
    lead_state = target.lead_state(target.campaign_id, lead["lead_id"])
    require(lead_state is not None, Rule.UPDATE_KEEPS_LEAD_ID, "an updated lead is not known by its lead_id")
    lead_state = lead_state or {}
    custom = lead_state["custom_fields"]
    sets = (lead_state["contact_name"], custom.get("product_plan"), custom.get("new_field"))
    require(sets == ("John Smith", "Full", 7), Rule.UPDATES, "fields that the update named have other values")
    kept = {name: value for name, value in ALL_OF_JSON.items() if name != "product_plan"}
    merged = all(name in custom and _same(custom[name], value) for name, value in kept.items())
    require(merged, Rule.UPDATE_MERGES, "custom fields that the update did not name have changed")


@case(Capability.WRITES, Capability.KNOWN, hits=2)
def a_conversion_keeps_its_detail(target: Target) -> None:
    lead_id = target.created()
    target.send("convertLead", {"lead_id": lead_id, "detail": "PAID"})
    require(target.fields(lead_id)["detail"] == "PAID", Rule.CONVERTS, "another detail")


@case(Capability.WRITES, Capability.CLOCK, hits=4)
def a_disabled_lead_is_never_processed(target: Target) -> None:
    disabled, other = target.lead(), target.lead()
    target.create(disabled, other)
    target.send("disableLeads", [{"lead_id": disabled["lead_id"]}])
    target.advance(target.process_after_seconds + 1)
    require(target.listed(lead_id=other["lead_id"]), Rule.LISTS_PROCESSED, "a processed lead is not listed")
    require(not target.listed(lead_id=disabled["lead_id"]), Rule.DISABLES, "a disabled lead was processed")


@case(Capability.WRITES, Capability.CLOCK, hits=4)
def a_refused_disable_disables_none(target: Target) -> None:
    lead_id, unknown = target.created(), target.lead()["lead_id"]
    response = target.send("disableLeads", [{"lead_id": lead_id}, {"lead_id": unknown}])
    target.advance(target.process_after_seconds + 1)
    if response.status != 201:
        require(target.listed(lead_id=lead_id), Rule.BATCH_WHOLE, "a lead of a refused disable was not processed")


@case(Capability.WRITES, Capability.CLOCK, hits=3)
def a_processed_lead_is_listed_as_it_was_created(target: Target) -> None:
    lead = target.lead(contact_name="आशा शर्मा")
    target.create(lead)
    require(not target.listed(lead_id=lead["lead_id"]), Rule.NOT_YET, "a lead that was created just now is listed")
    target.advance(target.process_after_seconds + 1)
    found = target.listed(lead_id=lead["lead_id"])
    require(identities(found) == [lead["lead_id"]], Rule.LISTS_PROCESSED, f"{len(found)} times in the list")
    require(found[0]["contact_name"] == lead["contact_name"], Rule.KEEPS_FIELDS, "another contact_name")


@case(Capability.WRITES, Capability.CLOCK, hits=4)
def a_deleted_lead_is_not_listed(target: Target) -> None:
    lead = target.lead()
    target.processed(lead)
    target.send("deleteLead", {"lead_id": lead["lead_id"]})
    require(not target.listed(lead_id=lead["lead_id"]), Rule.DELETED_NOT_LISTED, "a deleted lead is listed by lead_id")
    everyone = identities(target.listed(page_size=1000))
    require(lead["lead_id"] not in everyone, Rule.DELETED_NOT_LISTED, "a deleted lead is listed")


@case(Capability.WRITES, Capability.CLOCK, Capability.CAMPAIGNS, hits=4)
def a_lead_is_listed_in_its_own_campaign_only(target: Target) -> None:
    here, there = target.lead(), target.lead()
    target.create(here)
    target.create(there, campaign_id=f"{target.campaign_id}-2")
    target.advance(target.process_after_seconds + 1)
    require(target.listed(lead_id=here["lead_id"]), Rule.LISTS_PROCESSED, "a processed lead is not listed")
    require(not target.listed(lead_id=there["lead_id"]), Rule.CAMPAIGNS_APART, "a lead of another campaign is listed")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=8)
def leads_that_the_document_excludes_are_refused(target: Target) -> None:
    for wrong in (
        {"phone_number": "12345"},
        {"phone_number": int(last_digits(target.phone_numbers[0]))},
        {"contact_name": " "},
        {"contact_name": "Asha\0"},
        {"lead_id": ""},
        {"lead_id": True},
        {"lead_id": 2**53},
    ):
        response = target.send("createLeads", [target.lead(**wrong)])
        require(response.status == 400, Rule.INVALID, f"status {response.status} for a wrong {next(iter(wrong))}")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=1)
def a_nul_is_refused_and_does_no_harm(target: Target) -> None:
    response = target.send("createLeads", [target.lead(note="a\0b")])
    require(response.status == 400, Rule.INVALID, f"status {response.status} for U+0000 in a custom field")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=2)
def a_huge_number_is_refused_and_does_no_harm(target: Target) -> None:
    for number in (10**400, 1e300):
        response = target.send("createLeads", [target.lead(loan_amount=number)])
        require(response.status == 400, Rule.INVALID, f"status {response.status} for a huge number in a custom field")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=1)
def a_deep_body_does_no_harm(target: Target) -> None:
    response = target.send(
        "createLeads", content=b'[{"lead_id":"deep","visits":' + b"[" * 20_000 + b"]" * 20_000 + b"}]"
    )
    require(response.status == 400, Rule.INVALID, f"status {response.status} for 20,000 lists within each other")


@case(Capability.WRITES, Capability.INVALID_LEADS, hits=4)
def a_body_that_is_no_json_is_refused(target: Target) -> None:
    for content in (b"", b"[{", b'"\xff"'):
        response = target.send("createLeads", content=content)
        require(response.status == 400, Rule.INVALID, f"status {response.status} for a body that is not JSON")
    response = target.send("createLeads", [target.lead()], content_type="text/plain")
    require(response.status == 400, Rule.INVALID, f"status {response.status} for JSON that is sent as text/plain")


def _same(value: Any, wanted: Any) -> bool:
    """Compare as JSON does: True is not 1."""
    return type(value) is type(wanted) and value == wanted
