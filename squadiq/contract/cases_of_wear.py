"""Cases for what real services get wrong: caches, proxies, collations, columns that are too short, stale copies."""

from __future__ import annotations

from squadiq.contract.cases import case, identities
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target

LONGEST = 255


@case(Capability.WRITES, Capability.KNOWN, hits=1)
def a_name_keeps_every_character(target: Target) -> None:
    # Two code points for one letter, one beyond the 65,536 that some databases know, and blanks at both ends.
    lead = target.lead(contact_name=" Zoe\N{COMBINING DIAERESIS} \N{SLIGHTLY SMILING FACE} ")
    target.create(lead)
    same = target.fields(lead["lead_id"])["contact_name"] == lead["contact_name"]
    require(same, Rule.KEEPS_FIELDS, "a contact_name of other characters")


@case(Capability.WRITES, Capability.KNOWN, hits=1)
def a_custom_field_may_have_the_name_of_a_column(target: Target) -> None:
    custom = {"id": 7, "pk": "x", "created_at": "yesterday", "campaign_id": "another", "state": None}
    lead = target.lead(**custom)
    target.create(lead)
    require(target.fields(lead["lead_id"])["custom_fields"] == custom, Rule.KEEPS_FIELDS, "other custom fields")


@case(Capability.INVALID_LEADS, hits=1)
def a_charset_changes_nothing(target: Target) -> None:
    response = target.send("createLeads", [target.lead()], content_type="application/json; charset=utf-8")
    require(response.status == 201, Rule.CREATES, f"status {response.status} for JSON with a charset")


@case(Capability.INVALID_LEADS, hits=4)
def the_longest_lead_id_is_kept_whole(target: Target) -> None:
    lead = target.lead()
    lead_id = lead["lead_id"].ljust(LONGEST, "x")
    target.create({**lead, "lead_id": lead_id})
    response = target.update(lead_id)
    require(response.status == 200, Rule.UPDATES, f"status {response.status} for a lead_id of {LONGEST} characters")
    response = target.update(lead_id[:-1])
    require(response.status == 404, Rule.UNKNOWN, f"status {response.status} for a lead_id without its last character")
    response = target.page(lead_id=lead_id)
    require(response.status == 200, Rule.ONE_LEAD, f"status {response.status} for a lead_id of {LONGEST} characters")


@case(Capability.INVALID_LEADS, hits=2)
def a_lead_id_in_capitals_is_another(target: Target) -> None:
    lead_id = target.created(lead_id=f"{target.lead()['lead_id']}-a")
    response = target.update(f"{lead_id[:-1]}A")
    require(response.status == 404, Rule.UNKNOWN, f"status {response.status} for a lead_id that differs in case")


@case(Capability.INVALID_LEADS, hits=3)
def a_lead_that_was_asked_for_too_early_is_found_later(target: Target) -> None:
    lead = target.lead()
    response = target.update(lead["lead_id"])
    require(response.status == 404, Rule.UNKNOWN, f"status {response.status} for a lead that does not exist")
    target.create(lead)
    response = target.update(lead["lead_id"])
    require(response.status == 200, Rule.UPDATES, f"status {response.status} for a lead that was created just now")


@case(Capability.INVALID_LEADS, Capability.CLOCK, hits=2)
def a_lead_id_of_odd_characters_is_found(target: Target) -> None:
    lead = target.lead()
    lead["lead_id"] += "+%2B & %25=#?/आ"
    target.processed(lead)
    found = identities(target.listed(lead_id=lead["lead_id"]))
    require(found == [lead["lead_id"]], Rule.ONE_LEAD, f"{len(found)} leads for a lead_id that a URL must encode")


@case(Capability.INVALID_LEADS, Capability.CLOCK, hits=4)
def a_list_is_not_a_stale_one(target: Target) -> None:
    lead = target.lead()
    target.processed(lead)
    require(target.listed(lead_id=lead["lead_id"]), Rule.LISTS_PROCESSED, "a processed lead is not listed")
    target.send("deleteLead", {"lead_id": lead["lead_id"]})
    found = target.listed(lead_id=lead["lead_id"])
    require(not found, Rule.DELETED_NOT_LISTED, "a lead is listed as before it was deleted")


@case(Capability.INVALID_LEADS, Capability.CLOCK, hits=3)
def the_count_follows_what_is_processed(target: Target) -> None:
    before = target.page(page_size=1).json["count"]
    target.processed(target.lead())
    after = target.page(page_size=1).json["count"]
    require(after > before, Rule.COUNT, "the same count after one more lead was processed")


@case(Capability.INVALID_LEADS, Capability.CLOCK, hits=5)
def a_lead_that_is_created_again_begins_anew(target: Target) -> None:
    lead = target.lead()
    target.create(lead)
    target.send("disableLeads", [{"lead_id": lead["lead_id"]}])
    target.send("deleteLead", {"lead_id": lead["lead_id"]})
    target.processed(lead)
    found = target.listed(lead_id=lead["lead_id"])
    require(found, Rule.LISTS_PROCESSED, "a lead that was deleted and created again is not processed")
