"""Cases of requests that overlap: what looks first and writes then, without a constraint or a lock, breaks here."""

from __future__ import annotations

from squadiq.contract.cases import case
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target

AT_ONCE, ROUNDS = 4, 5
"""What does not happen to overlap in one round may in the next."""
CREATED, DELETED = "-created-at-once", "-deleted-at-once"
"""One of them ends each lead_id here, so that a log tells these leads from others."""


@case(Capability.INVALID_LEADS, hits=ROUNDS * (AT_ONCE + 2))
def creates_of_one_lead_id_at_once_make_one_lead(target: Target) -> None:
    for _ in range(ROUNDS):
        lead = target.lead()
        lead["lead_id"] += CREATED
        statuses = [each.status for each in target.send_at_once(*[("createLeads", [lead])] * AT_ONCE)]
        require(set(statuses) <= {201, 400}, Rule.LEAD_ID_ONCE, f"status {max(statuses)} for a repeated lead_id")
        taken = statuses.count(201)
        one = taken == 1 if target.readings.refuses_repeats else taken >= 1
        require(one, Rule.LEAD_ID_ONCE, f"{taken} of {AT_ONCE} creates of one lead_id at once were answered with 201")
        # Of two rows with this lead_id a delete may find only one.
        deleted = target.send("deleteLead", {"lead_id": lead["lead_id"]})
        require(deleted.status == 202, Rule.CREATES, f"status {deleted.status} for a lead that was created at once")
        require(not target.exists(lead["lead_id"]), Rule.LEAD_ID_ONCE, "a lead is there still after its delete")


@case(Capability.INVALID_LEADS, hits=ROUNDS * (AT_ONCE + 2))
def a_delete_holds_though_updates_come_at_once(target: Target) -> None:
    for _ in range(ROUNDS):
        lead_id = target.created(lead_id=f"{target.lead()['lead_id']}{DELETED}")
        update = ("updateLead", {"lead_id": lead_id, "contact_name": "John Smith"})
        *updated, deleted = target.send_at_once(*[update] * (AT_ONCE - 1), ("deleteLead", {"lead_id": lead_id}))
        statuses = {each.status for each in updated}
        require(statuses <= {200, 404}, Rule.UPDATES, f"status {max(statuses)} for an update beside a delete")
        if deleted.status == 202:
            require(not target.exists(lead_id), Rule.DELETES, "an update at the same time has brought a lead back")
