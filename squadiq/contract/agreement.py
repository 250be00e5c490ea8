"""What a target tells of its leads, held against the model of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from squadiq.contract.model import Model, ModelLead, e164
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target


@dataclass(frozen=True, slots=True)
class Agreement:
    """Hold a target and the model of what it must hold."""

    target: Target
    model: Model

    def look(self, there: Rule, same: Rule, *lead_ids: str) -> None:
        """Compare what the target knows of leads with the model, for targets that tell."""
        for lead_id in lead_ids if Capability.KNOWN in self.target.offers else ():
            lead_state, lead = self.known(lead_id), self.model.leads.get(lead_id)
            require(
                (lead_state is None) == (lead is None),
                there,
                "a lead that must not exist" if lead_state else "no such lead",
            )
            if lead_state and lead:
                require(_facts(lead_state) == _wanted(lead), same, "a lead whose fields differ from what was sent")

    def look_at_update(self, lead_id: str, fields: Mapping[str, Any]) -> None:
        """Demand that an update has set its fields and left the others, for targets that tell."""
        if Capability.KNOWN not in self.target.offers:
            return
        lead_state = self.known(lead_id)
        require(lead_state is not None, Rule.UPDATE_KEEPS_LEAD_ID, "an updated lead is not known by its lead_id")
        lead_fields = {**(lead_state or {}), **(lead_state or {})["custom_fields"]}
        now_set = [
            name for name in fields if name in lead_fields and _same(lead_fields[name], _as_known(name, fields[name]))
        ]
        require(len(now_set) == len(fields), Rule.UPDATES, "fields that the update named have other values")
        self.look(Rule.UPDATE_KEEPS_LEAD_ID, Rule.UPDATE_MERGES, lead_id)

    def known(self, lead_id: str) -> dict[str, Any] | None:
        """Return what the target knows of a lead."""
        return self.target.lead_state(self.target.campaign_id, lead_id)

    def require_unknown(self, status: int, lead_id: str) -> None:
        """Demand that a lead was not found which the model does not have."""
        gone = Rule.DELETES if lead_id in self.model.deleted else Rule.UNKNOWN
        require(status == 404, gone, f"status {status} for a lead that does not exist")

    def require_nobody_else(self, lead_ids: Iterable[str], model: Mapping[str, ModelLead]) -> None:
        """Demand that no other leads are listed than these of the model."""
        for lead_id in set(lead_ids) - model.keys():
            elsewhere = Rule.CAMPAIGNS_APART if lead_id in self.model.elsewhere else Rule.LISTS_PROCESSED
            rule = Rule.DELETED_NOT_LISTED if lead_id in self.model.deleted else elsewhere
            require(False, rule, "a lead is listed that is not there, or never was")

    def require_agreement(self, found: Mapping[str, dict[str, Any]], model: Mapping[str, ModelLead]) -> None:
        """Demand that what is listed is what these leads of the model may be by now, no more and no less."""
        self.require_nobody_else(found, model)
        for lead_id, lead in model.items():
            if lead_id not in found:
                require(not self.model.must_be_listed(lead_id), Rule.LISTS_PROCESSED, "a processed lead is not listed")
                continue
            too_early = Rule.NOT_YET if lead.disabled_at is None else Rule.DISABLES
            require(self.model.may_be_listed(lead_id), too_early, "a lead is listed that cannot be processed yet")
            listed = found[lead_id]
            same = (listed["contact_name"], listed["phone_number"]) == (lead.contact_name, lead.phone_number)
            require(same, Rule.KEEPS_FIELDS, "a listed lead with another contact_name or phone_number")


def _facts(lead_state: dict[str, Any]) -> list[Any]:
    custom = json.dumps(lead_state["custom_fields"], sort_keys=True)
    disabled = lead_state["disabled_at"] is not None
    return [lead_state["phone_number"], lead_state["contact_name"], custom, lead_state["detail"], disabled]


def _wanted(lead: ModelLead) -> list[Any]:
    custom = json.dumps(lead.custom_fields, sort_keys=True)
    return [lead.phone_number, lead.contact_name, custom, lead.detail, lead.disabled_at is not None]


def _as_known(name: str, value: Any) -> Any:
    return e164(value) if name == "phone_number" else value


def _same(value: Any, wanted: Any) -> bool:
    return json.dumps(value, sort_keys=True) == json.dumps(wanted, sort_keys=True)
