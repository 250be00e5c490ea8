"""What is to be done about a lead, as it is stored, and how it goes with what waits already. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from squadiq_generated.constants import CONVERT_LEAD, CREATE_LEADS, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD
from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadUpdate

EntryState = Literal["waiting", "done", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class OutboxRequest:
    """One thing to do about a lead."""

    operation: str
    lead_id: str = field(repr=False)
    payload: bytes = field(repr=False)
    phone_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class EarlierEntry:
    """What stands in the outbox about the same lead.

    Attributes:
        is_free: whether no worker has it, or ever had: it surely was not sent.
    """

    id: int
    operation: str
    state: EntryState
    is_free: bool
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Insert:
    """To do: store it as a new entry."""

    request: OutboxRequest


@dataclass(frozen=True, slots=True)
class Replace:
    """To do: let an entry that waits, or was refused, be this instead."""

    id: int
    request: OutboxRequest


@dataclass(frozen=True, slots=True)
class Supersede:
    """To do: store it in place of entries, none of which was ever sent.

    Whether SquadIQ knows the lead in spite of that, from elsewhere, is not known: that it does not is fine too.
    """

    ids: Sequence[int] = field(repr=False)
    request: OutboxRequest


def changes_for(request: OutboxRequest, earlier: Sequence[EarlierEntry]) -> Insert | Replace | Supersede | None:
    """Return what is to be done to store a request; None if it stands there already.

    Args:
        request: to be stored.
        earlier: what stands in the outbox about its lead, in the order in which it was stored.
    """
    deletes = [place for place, entry in enumerate(earlier) if entry.operation == DELETE_LEAD]
    since = earlier[deletes[-1] + 1 :] if deletes else earlier
    last = earlier[-1] if earlier else None
    if request.operation == CREATE_LEADS:
        creates = [entry for entry in since if entry.operation == CREATE_LEADS]
        if not creates:
            return Insert(request)
        return Replace(creates[-1].id, request) if creates[-1].state == "refused" else None
    if last is None:
        return Insert(request)
    if request.operation == DELETE_LEAD and _was_never_sent(since):
        return Supersede([entry.id for entry in since], request)
    if last.operation != request.operation or last.state != "waiting":
        return Insert(request)
    if request.operation == UPDATE_LEAD:
        folded = OutboxRequest(UPDATE_LEAD, request.lead_id, _folded(last.payload, request.payload))
        return Replace(last.id, folded) if last.is_free else Insert(request)
    return None if last.payload == request.payload else Insert(request)


def _was_never_sent(since: Sequence[EarlierEntry]) -> bool:
    begins = bool(since) and since[0].operation == CREATE_LEADS
    return begins and all(entry.state == "refused" or (entry.state == "waiting" and entry.is_free) for entry in since)


def _folded(earlier: bytes, later: bytes) -> bytes:
    return written({**json.loads(earlier), **json.loads(later)})


def to_create(leads: Iterable[Lead]) -> list[OutboxRequest]:
    """Return leads that were checked as requests to create them."""
    return [OutboxRequest(CREATE_LEADS, lead.lead_id, written(_sent(lead)), lead.phone_number) for lead in leads]


def to_update(update: LeadUpdate) -> OutboxRequest:
    """Return an update that was checked as a request."""
    values = _sent(update)
    del values["lead_id"]
    return OutboxRequest(UPDATE_LEAD, update.lead_id, written(values))


def to_convert(conversion: LeadConversion) -> OutboxRequest:
    """Return a conversion that was checked as a request."""
    return OutboxRequest(CONVERT_LEAD, conversion.lead_id, written({"detail": conversion.detail}))


def to_disable(references: Iterable[LeadReference]) -> list[OutboxRequest]:
    """Return references that were checked as requests to disable their leads."""
    return [OutboxRequest(DISABLE_LEADS, reference.lead_id, written({})) for reference in references]


def to_delete(reference: LeadReference) -> OutboxRequest:
    """Return a reference that was checked as a request to delete its lead."""
    return OutboxRequest(DELETE_LEAD, reference.lead_id, written({}))


def written(values: Mapping[str, Any]) -> bytes:
    """Return values as they are stored."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _sent(model: Lead | LeadUpdate) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)
