"""Cases that write: what becomes of a lead that is created, updated, converted, disabled or deleted."""

from __future__ import annotations

from typing import Any

from squadiq.contract.cases import case
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target


@case(Capability.WRITES, hits=4)
def leads_are_created_from_a_list_or_alone(target: Target) -> None:
    first, second, alone = target.lead(product_plan="Lite"), target.lead(product_plan="Lite"), target.lead()
    target.create(first, second)
    response = target.send("createLeads", alone)
    require(response.status == 201, Rule.CREATES, f"status {response.status} for one lead alone")
    for lead in (first, second, alone):
        require(target.exists(lead["lead_id"]), Rule.CREATES, "a lead that was answered with 201 does not exist")


@case(Capability.WRITES, hits=5)
def a_batch_with_one_bad_lead_stores_none(target: Target) -> None:
    good, also_good, bad = target.lead(), target.lead(), target.lead()
    del bad["contact_name"]
    response = target.send("createLeads", [good, bad, also_good])
    require(
        response.status == 400, Rule.INVALID, f"status {response.status} for a batch with a lead without contact_name"
    )
    for lead in (good, also_good):
        require(not target.exists(lead["lead_id"]), Rule.BATCH_WHOLE, "a lead of a refused batch exists")


@case(Capability.WRITES, hits=5)
def a_repeated_lead_id_is_still_one_lead(target: Target) -> None:
    lead = target.lead()
    target.create(lead)
    for repeated in ([lead], [twin := target.lead(), twin]):
        response = target.send("createLeads", repeated)
        require(response.status in (201, 400), Rule.LEAD_ID_ONCE, f"status {response.status} for a repeated lead_id")
    first = target.send("deleteLead", {"lead_id": lead["lead_id"]}).status
    again = target.send("deleteLead", {"lead_id": lead["lead_id"]}).status
    require((first, again) == (202, 404), Rule.LEAD_ID_ONCE, f"deleting twice was answered with {first}, then {again}")


@case(Capability.WRITES, hits=3)
def an_update_finds_its_lead_twice(target: Target) -> None:
    lead_id = target.created(product_plan="Lite")
    first = target.update(lead_id, contact_name="John Smith").status
    require(first == 200, Rule.UPDATES, f"status {first} for a lead that exists")
    again = target.update(lead_id, product_plan="Full").status
    require(again == 200, Rule.UPDATE_KEEPS_LEAD_ID, f"status {again} for a lead that was updated before")


@case(Capability.WRITES, hits=4)
def a_lead_that_was_never_created_is_not_found(target: Target) -> None:
    lead_id = target.lead()["lead_id"]
    bodies: dict[str, dict[str, Any]] = {
        "updateLead": {"contact_name": "John Doe"},
        "convertLead": {"detail": "PAID"},
        "deleteLead": {},
    }
    for operation_id, fields in bodies.items():
        response = target.send(operation_id, {"lead_id": lead_id, **fields})
        require(response.status == 404, Rule.UNKNOWN, f"status {response.status} for {operation_id}")


@case(Capability.WRITES, hits=4)
def a_detail_has_32_characters_of_any_script(target: Target) -> None:
    lead_id = target.created()
    for detail, rule in (("P" * 32, Rule.CONVERTS), ("आ" * 32, Rule.DETAIL_CHARACTERS)):
        response = target.send("convertLead", {"lead_id": lead_id, "detail": detail})
        require(response.status == 200, rule, f"status {response.status} for 32 characters")
    response = target.send("convertLead", {"lead_id": lead_id, "detail": "P" * 33})
    require(response.status == 400, Rule.DETAIL_LENGTH, f"status {response.status} for 33 characters")


@case(Capability.WRITES, hits=5)
def a_deleted_lead_is_gone(target: Target) -> None:
    lead_id = target.created()
    response = target.send("deleteLead", {"lead_id": lead_id})
    require(response.status == 202, Rule.DELETES, f"status {response.status} for a lead that exists")
    for operation_id, fields in (("updateLead", {}), ("convertLead", {"detail": "PAID"}), ("deleteLead", {})):
        response = target.send(operation_id, {"lead_id": lead_id, **fields})
        require(response.status == 404, Rule.DELETES, f"status {response.status} for {operation_id} of a deleted lead")


@case(Capability.WRITES, hits=3)
def leads_are_disabled_in_a_list_or_alone(target: Target) -> None:
    lead_id = target.created()
    for body in ([{"lead_id": lead_id}], {"lead_id": lead_id}):
        response = target.send("disableLeads", body)
        require(response.status == 201, Rule.DISABLES, f"status {response.status} for a lead that exists")
