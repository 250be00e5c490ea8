"""Between processed leads and the JSON in which an inbox keeps them. Pure."""

from __future__ import annotations

from pydantic_core import PydanticSerializationError
from squadiq_generated.models import ProcessedLead

from squadiq.responses import Differences, read_lead
from squadiq.webhooks.parsing import DeliveredLead, DeliveryError, parse

_DIFFERENCES = Differences()


def lead_of(payload: bytes) -> DeliveredLead:
    """Return the lead that a stored payload tells of; what is odd in one that was polled is kept as it came."""
    try:
        return parse(payload, {}, max_body_bytes=len(payload))
    except DeliveryError:
        odd = read_lead(payload, "getLeads", _DIFFERENCES)
        lead = DeliveredLead.model_construct(_fields_set=set(odd.model_fields_set), **dict(odd))
        return lead.with_raw_payload(payload)


def payload_of(lead: ProcessedLead) -> bytes | None:
    """Return the JSON of a lead that was polled; None if there is none."""
    try:
        return lead.model_dump_json(by_alias=True, exclude_unset=True, warnings=False).encode()
    except (PydanticSerializationError, UnicodeError):
        return None
