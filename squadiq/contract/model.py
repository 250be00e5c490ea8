"""What a campaign must hold after any sequence of operations: a model, pure, its clock given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FIXED = ("lead_id", "phone_number", "contact_name")


@dataclass
class ModelLead:
    """Hold a lead; times in seconds of the model."""

    phone_number: str = field(repr=False)
    contact_name: str = field(repr=False)
    custom_fields: dict[str, Any] = field(repr=False)
    created_at: float
    disabled_at: float | None = None
    disabled_by: float = 0.0
    detail: str | None = field(default=None, repr=False)

    def set(self, fields: dict[str, Any]) -> None:
        """Set the given fields and leave the others."""
        self.phone_number = e164(fields.get("phone_number", self.phone_number))
        self.contact_name = fields.get("contact_name", self.contact_name)
        self.custom_fields |= {name: value for name, value in fields.items() if name not in FIXED}


@dataclass
class Model:
    """Know what a campaign holds: a lead is processed at some moment between two, unless disabled before.

    Args:
        earliest_seconds: no lead is processed sooner than this after it is created.
        latest_seconds: every lead is processed by then.
        passed: seconds that may have passed for the server beside those that it was told to let pass.
    """

    earliest_seconds: float
    latest_seconds: float
    passed: Callable[[], float] = lambda: 0.0
    now: float = 0.0
    leads: dict[str, ModelLead] = field(default_factory=dict[str, ModelLead])
    deleted: set[str] = field(default_factory=set[str])
    elsewhere: set[str] = field(default_factory=set[str])

    def create(self, batch: list[dict[str, Any]]) -> None:
        """Store new leads; one that exists is a new one from now on."""
        for fields in batch:
            lead = ModelLead("", "", {}, self.now)
            lead.set(fields)
            self.leads[lead_name(fields["lead_id"])] = lead
            self.deleted.discard(lead_name(fields["lead_id"]))

    def disable(self, lead_ids: list[str]) -> None:
        """Disable leads that exist; the first time counts."""
        for lead_id in lead_ids:
            lead = self.leads[lead_id]
            if lead.disabled_at is None:
                lead.disabled_at, lead.disabled_by = self.now, self.now + self.passed()

    def delete(self, lead_id: str) -> None:
        """Forget a lead."""
        del self.leads[lead_id]
        self.deleted.add(lead_id)

    def must_be_listed(self, lead_id: str) -> bool:
        """Tell whether a lead is processed for certain."""
        lead = self.leads[lead_id]
        latest = lead.created_at + self.latest_seconds
        return self.now >= latest and (lead.disabled_at is None or lead.disabled_at >= latest)

    def may_be_listed(self, lead_id: str) -> bool:
        """Tell whether a lead may be processed by now."""
        lead = self.leads[lead_id]
        earliest = lead.created_at + self.earliest_seconds
        return self.now + self.passed() >= earliest and (lead.disabled_at is None or lead.disabled_by >= earliest)


def lead_name(lead_id: str | int) -> str:
    """Return a lead_id as text: a number names the same lead as its decimal digits."""
    return str(lead_id)


def e164(phone_number: str) -> str:
    """Return `+91` and the last ten digits."""
    return f"+91{last_digits(phone_number)}"


def last_digits(phone_number: str) -> str:
    """Return the ten digits that are a phone number, however it is written."""
    return "".join(each for each in phone_number if each.isdecimal())[-10:]
