"""How a lead that is handed to an inbox is stored: in the bytes in which it came, or written anew. Pure."""

from __future__ import annotations

from datetime import datetime

from squadiq_generated.models import ProcessedLead

from squadiq.errors import InvalidInputError, Problem
from squadiq.inbox.payloads import lead_of, payload_of
from squadiq.inbox.store import Arrival
from squadiq.webhooks.parsing import DeliveredLead, DeliveryError


def arrival_of(lead: ProcessedLead) -> Arrival:
    """Return a lead as it is stored: what is read back from it is the lead, with all its fields.

    The bytes in which it came are kept as long as they say the same as its fields; those of a lead that
    was made by hand, or changed since, are written anew.

    Raises:
        DeliveryError: it cannot be written as JSON, or cannot be known again by what is written.
        InvalidInputError: it is no lead.
    """
    if not isinstance(lead, ProcessedLead):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInputError([Problem(None, None, "lead", f"is no DeliveredLead but a {type(lead).__name__}")])
    written = payload_of(lead)
    if written is None:
        raise DeliveryError("The lead cannot be written as JSON.")
    came = lead.raw_payload if isinstance(lead, DeliveredLead) else b""
    payload = came if came and payload_of(lead_of(came)) == written else written
    stored: dict[str, object] = dict(lead_of(payload))  # an odd lead keeps its odd values
    campaign_id, lead_id, processed_at = (stored.get(name) for name in ("campaign_id", "lead_id", "processed_at"))
    if not isinstance(campaign_id, str) or not isinstance(lead_id, str) or not isinstance(processed_at, datetime):
        raise DeliveryError("The lead has no usable campaign_id, lead_id and processed_at to know it by.")
    return Arrival(campaign_id, lead_id, processed_at, payload)
