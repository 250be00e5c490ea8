"""The six operations as requests to send and answers to read. Pure: no I/O, the same for both kinds of client."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from squadiq_generated._base import masked
from squadiq_generated.client import convert_lead as convert
from squadiq_generated.client import create_leads as create
from squadiq_generated.client import delete_lead as delete
from squadiq_generated.client import disable_leads as disable
from squadiq_generated.client import get_leads as get
from squadiq_generated.client import update_lead as update
from squadiq_generated.client.types import UNSET
from squadiq_generated.constants import LARGEST_PAGE_SIZE
from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadUpdate, ProcessedLead

from squadiq._inputs import LeadKey, Leads
from squadiq._redaction import MASK
from squadiq._values import plain
from squadiq.error_body import shown_lead_id
from squadiq.errors import InvalidInputError, Problem
from squadiq.responses import Differences, PageRead, read_whole_page
from squadiq.validation import (
    DuplicatePhoneNumbers,
    epoch_seconds,
    prepare_conversion,
    prepare_leads,
    prepare_reference,
    prepare_references,
    prepare_update,
)

LeadT = TypeVar("LeadT", bound=Lead)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Scope(Generic[LeadT]):
    """What every operation of a campaign needs to know."""

    campaign_id: str
    lead_type: type[LeadT]
    normalise_phone_numbers: bool
    duplicate_phone_numbers: DuplicatePhoneNumbers
    differences: Differences
    service: str = ""
    repeat_creates: bool = True


@dataclass(frozen=True, slots=True)
class PreparedRequest(Generic[ResultT]):
    """A request as arguments for httpx, or None if there is nothing to send; and how its response is read.

    Attributes:
        in_bulk: whether it is one of many, and leaves hits of the quota free for others.
        campaign_id, lead_id: what it is about, as messages show it: without what tells who somebody is.
    """

    name: str
    request: dict[str, Any] | None = field(repr=False)
    success: int
    read: Callable[[bytes], ResultT] = field(repr=False)
    in_bulk: bool = False
    campaign_id: str | None = None
    lead_id: str | None = field(default=None, repr=False)


def prepare_create_leads(
    scope: Scope[LeadT],
    leads: Leads,
    duplicate_phone_numbers: DuplicatePhoneNumbers | None = None,
) -> PreparedRequest[list[LeadT]]:
    """Create leads; what is returned are the leads as they were sent."""
    duplicates = scope.duplicate_phone_numbers if duplicate_phone_numbers is None else duplicate_phone_numbers
    with _of(create.OPERATION, scope):
        prepared: list[LeadT] = prepare_leads(
            leads,
            scope.lead_type,
            normalise_phone_numbers=scope.normalise_phone_numbers,
            duplicate_phone_numbers=duplicates,
        )
    request = create.get_kwargs(scope.campaign_id, body=prepared) if prepared else None
    return PreparedRequest(create.OPERATION, request, create.SUCCESS, lambda _: prepared, **_about(scope, prepared))


def prepare_checked_leads(scope: Scope[Any], leads: Sequence[Lead]) -> PreparedRequest[None]:
    """Create leads that were checked before, as a push does."""
    request = create.get_kwargs(scope.campaign_id, body=list(leads))
    return PreparedRequest(
        create.OPERATION, request, create.SUCCESS, lambda _: None, in_bulk=True, **_about(scope, leads)
    )


def prepare_get_leads(
    scope: Scope[Any],
    *,
    lead_id: LeadKey | None,
    processed_after: datetime | float | None,
    processed_before: datetime | float | None,
    page_size: int | None,
) -> Callable[[int], PreparedRequest[PageRead]]:
    """Return a function that makes the operation for a page number."""
    page_size = plain(page_size)
    if page_size is not None and type(page_size) is not int:
        raise InvalidInputError([Problem(None, None, "page_size", "is not a whole number")])
    if page_size is not None and not 1 <= page_size <= LARGEST_PAGE_SIZE:
        raise InvalidInputError([Problem(None, None, "page_size", f"is not between 1 and {LARGEST_PAGE_SIZE}")])
    only = [prepare_reference(lead_id)] if lead_id is not None else []
    query: dict[str, Any] = {
        "lead_id": only[0].lead_id if only else UNSET,
        "processed_after": _or_unset(epoch_seconds(processed_after, "processed_after")),
        "processed_before": _or_unset(epoch_seconds(processed_before, "processed_before", round_up=True)),
        "page_size": _or_unset(page_size),
    }

    def page(number: int) -> PreparedRequest[PageRead]:
        request = get.get_kwargs(scope.campaign_id, page=number if number > 1 else UNSET, **query)
        return PreparedRequest(
            get.OPERATION,
            request,
            get.SUCCESS,
            lambda content: read_whole_page(content, get.OPERATION, scope.differences),
            **_about(scope, only),
        )

    return page


def prepare_update_lead(
    scope: Scope[Any], lead_id: LeadKey, changes: Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> PreparedRequest[LeadUpdate]:
    """Update a lead; what is returned is the update as it was sent."""
    with _of(update.OPERATION, scope):
        prepared = prepare_update(
            lead_id, changes, fields, scope.lead_type, normalise_phone_numbers=scope.normalise_phone_numbers
        )
    request = update.get_kwargs(scope.campaign_id, body=prepared)
    return PreparedRequest(update.OPERATION, request, update.SUCCESS, lambda _: prepared, **_about(scope, [prepared]))


def prepare_convert_lead(scope: Scope[Any], lead_id: LeadKey, detail: str) -> PreparedRequest[LeadConversion]:
    """Mark a lead converted; what is returned is the conversion as it was sent."""
    with _of(convert.OPERATION, scope):
        prepared = prepare_conversion(lead_id, detail)
    request = convert.get_kwargs(scope.campaign_id, body=prepared)
    return PreparedRequest(convert.OPERATION, request, convert.SUCCESS, lambda _: prepared, **_about(scope, [prepared]))


def prepare_disable_leads(scope: Scope[Any], lead_ids: Iterable[LeadKey]) -> PreparedRequest[list[LeadReference]]:
    """Disable leads; what is returned are the references as they were sent."""
    with _of(disable.OPERATION, scope):
        prepared = prepare_references(lead_ids)
    request = disable.get_kwargs(scope.campaign_id, body=prepared) if prepared else None
    return PreparedRequest(disable.OPERATION, request, disable.SUCCESS, lambda _: prepared, **_about(scope, prepared))


def prepare_delete_lead(scope: Scope[Any], lead_id: LeadKey) -> PreparedRequest[LeadReference]:
    """Delete a lead; what is returned is the reference as it was sent."""
    with _of(delete.OPERATION, scope):
        prepared = prepare_reference(lead_id)
    request = delete.get_kwargs(scope.campaign_id, body=prepared)
    return PreparedRequest(delete.OPERATION, request, delete.SUCCESS, lambda _: prepared, **_about(scope, [prepared]))


@contextmanager
def _of(operation: str, scope: Scope[Any]) -> Generator[None]:
    """Let what is refused before it is sent say of which operation and campaign it was."""
    try:
        yield
    except InvalidInputError as error:
        error.operation, error.campaign_id = operation, masked(scope.campaign_id)
        raise


def _about(scope: Scope[Any], leads: Sequence[Any]) -> dict[str, Any]:
    """What messages say that a request is about: the campaign, and the lead if it is one."""
    lead = leads[0] if len(leads) == 1 else None
    if lead is None:
        return {"campaign_id": masked(scope.campaign_id)}
    shown = shown_lead_id(lead.lead_id, getattr(lead, "contact_name", None))
    return {"campaign_id": masked(scope.campaign_id), "lead_id": shown if _NUMBERED.fullmatch(shown) else _cut(shown)}


_NUMBERED = re.compile(r"[^\s]*[0-9][^\s]*")
"""An identifier without a number in it, or with a blank, may be a name."""


def _cut(lead_id: str) -> str:
    return f"{MASK}{lead_id[-2:]}"


def latest_of(leads: Iterable[ProcessedLead], lead_id: str) -> ProcessedLead | None:
    """Return a lead as it was processed last; None if it is not among the leads."""
    wanted = [lead for lead in leads if lead.lead_id == lead_id]
    return max(wanted, key=_processed, default=None)


def _processed(lead: ProcessedLead) -> float:
    moment: Any = lead.processed_at  # an odd response may have anything here
    return float(moment.timestamp()) if isinstance(moment, datetime) else 0.0


def _or_unset(value: int | None) -> Any:
    return UNSET if value is None else value
