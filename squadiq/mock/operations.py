"""What each operation of the document does, once its request is found valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from squadiq._extras import needs_extra
from squadiq.mock import simulation
from squadiq.mock.messages import MockResponse, RefusedError, json_response, refused, refused_for
from squadiq.mock.settings import MockSettings
from squadiq.mock.store import LeadStore, RepeatedLeadError, StoredCampaign, StoredLead

with needs_extra("mock"):
    import orjson

FIXED_FIELDS = ("lead_id", "phone_number", "contact_name")
_TAKEN = "A lead with this lead_id exists in the campaign already."
_TWICE = "This lead_id stands in the batch more than once."
_NOT_FOUND = "Not found."


@dataclass(slots=True)
class MockCall:
    """Hold a request that is valid, and what its operation works on.

    Args:
        query: every parameter of the query, those that were not given with their default.
        given: those that were given.
        now: whole seconds since the epoch.
        url: the request's own, without its query.
    """

    settings: MockSettings
    store: LeadStore
    business: str
    campaign_id: str
    query: dict[str, Any] = field(repr=False)
    given: dict[str, Any] = field(repr=False)
    body: Any = field(repr=False)
    now: int
    url: str = field(repr=False)

    @property
    def is_batch(self) -> bool:
        """Whether the body is a list; then the response is one too."""
        return isinstance(self.body, list)

    @property
    def batch(self) -> list[dict[str, Any]]:
        """The body as a list."""
        return self.body if self.is_batch else [self.body]


def handle_create_leads(call: MockCall) -> MockResponse:
    """Store new leads, all or none."""
    batch = call.batch
    lead_ids = [canonical(fields["lead_id"]) for fields in batch]
    replacing = call.settings.duplicate_leads == "replace"
    if not replacing and len(set(lead_ids)) < len(lead_ids):
        first = {lead_id: place for place, lead_id in reversed(list(enumerate(lead_ids)))}
        raise _refused_by_item(call, 400, [first[lead_id] < place for place, lead_id in enumerate(lead_ids)], _TWICE)
    campaign = call.store.campaign(call.campaign_id) or call.store.new_campaign(call.campaign_id, call.business)
    now, process_after = call.now, call.settings.process_after_seconds
    life_key = simulation.campaign_key(call.settings.seed, call.campaign_id)
    leads = [
        (
            campaign.key,
            lead_id,
            normalised(fields["phone_number"]),
            fields["contact_name"],
            custom_fields(fields),
            now,
            due_at := now + simulation.delay_seconds(life_key, lead_id, process_after),
            due_at,
        )
        for lead_id, fields in zip(lead_ids, batch, strict=True)
    ]
    try:
        call.store.create(campaign, leads, replace=replacing)
    except RepeatedLeadError:
        taken = call.store.existing(campaign, lead_ids)
        raise _refused_by_item(call, 400, [lead_id in taken for lead_id in lead_ids], _TAKEN) from None
    return _acknowledged(call, 201, lead_ids)


def handle_get_leads(call: MockCall) -> MockResponse:
    """List processed leads, a page of them, in the order in which they were processed."""
    page, size = call.query["page"], call.query["page_size"]
    after = call.query["processed_after"]
    before = min(call.now, call.now if call.query["processed_before"] is None else call.query["processed_before"])
    campaign = call.store.campaign(call.campaign_id)
    if campaign is None:
        count, results = 0, list[bytes]()
    elif call.query["lead_id"] is not None:
        lead = call.store.find(campaign, call.query["lead_id"])
        count = int(lead is not None and lead.processed_at is not None and (after or 0) <= lead.processed_at <= before)
        results = [render_processed_lead(call.settings.seed, campaign, lead)] if lead is not None and count else []
    else:
        count = call.store.count_processed(campaign, after, before)
        seed = call.settings.seed
        results = call.store.page(
            campaign,
            after or 0,
            before,
            size,
            (page - 1) * size,
            lambda lead: render_processed_lead(seed, campaign, lead),
        )
    if page > max(1, -(-count // size)):
        raise refused(404, "Invalid page.")
    more = page * size < count
    return MockResponse(
        200,
        b'{"count":%d,"next":%b,"previous":%b,"results":[%b]}'
        % (
            count,
            _page_url(call, page + 1) if more else b"null",
            _page_url(call, page - 1) if page > 1 else b"null",
            b",".join(results),
        ),
    )


def handle_disable_leads(call: MockCall) -> MockResponse:
    """Stop all calls to leads, to all of them or to none."""
    batch = call.batch
    lead_ids = [canonical(reference["lead_id"]) for reference in batch]
    campaign = call.store.campaign(call.campaign_id)
    known = call.store.existing(campaign, lead_ids) if campaign else set[str]()
    if campaign is None or not known.issuperset(lead_ids):
        raise _refused_by_item(call, 404, [lead_id not in known for lead_id in lead_ids], _NOT_FOUND)
    call.store.disable(campaign, lead_ids, call.now)
    return _acknowledged(call, 201, lead_ids)


def handle_delete_lead(call: MockCall) -> MockResponse:
    """Remove a lead with everything that is known of it."""
    campaign, lead = _found(call)
    call.store.delete(campaign, lead.lead_id)
    return _acknowledged(call, 202, [lead.lead_id])


def handle_update_lead(call: MockCall) -> MockResponse:
    """Set the given fields of a lead and leave the others."""
    _, lead = _found(call)
    old = orjson.loads(lead.custom_fields or b"{}")
    call.store.save(
        replace(
            lead,
            phone_number=normalised(call.body.get("phone_number", lead.phone_number)),
            contact_name=call.body.get("contact_name", lead.contact_name),
            custom_fields=custom_fields({**old, **call.body}),
        )
    )
    return _acknowledged(call, 200, [lead.lead_id])


def handle_convert_lead(call: MockCall) -> MockResponse:
    """Keep that a lead was converted, when, and why."""
    _, lead = _found(call)
    call.store.save(replace(lead, converted_at=call.now, detail=call.body["detail"]))
    return _acknowledged(call, 200, [lead.lead_id])


OPERATIONS: dict[str, Callable[[MockCall], MockResponse]] = {
    "createLeads": handle_create_leads,
    "getLeads": handle_get_leads,
    "disableLeads": handle_disable_leads,
    "deleteLead": handle_delete_lead,
    "updateLead": handle_update_lead,
    "convertLead": handle_convert_lead,
}
"""Operations with a behaviour of their own, by operationId."""


def canonical(lead_id: str | float) -> str:
    """Return a lead_id as text: a number names the same lead as its decimal digits."""
    return lead_id if isinstance(lead_id, str) else str(int(lead_id))


def normalised(phone_number: str) -> str:
    """Return `+91` and the last ten digits of a phone number that the document allows."""
    if len(phone_number) == 10:  # there is room for nothing but its digits
        return "+91" + phone_number
    return "+91" + phone_number.encode().translate(None, b" ().-+")[-10:].decode()


def custom_fields(fields: dict[str, Any]) -> bytes | None:
    """Return the fields beside the fixed ones as JSON, None without any."""
    custom = fields.copy()
    for name in FIXED_FIELDS:
        custom.pop(name, None)
    return orjson.dumps(custom) if custom else None


def in_iso_form(moment: int) -> str:
    """Return whole seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def life_of(seed: int, campaign_id: str, lead: StoredLead) -> simulation.LeadSimulation:
    """Return what happens to a lead that nobody disables, with the outcome that was chosen for it, if one was."""
    key = simulation.campaign_key(seed, campaign_id)
    lived = simulation.simulate_lead(key, campaign_id, lead.lead_id, lead.created_at, lead.due_at)
    return lived if lead.chosen is None else replace(lived, **orjson.loads(lead.chosen))


def render_processed_lead(seed: int, campaign: StoredCampaign, lead: StoredLead) -> bytes:
    """Return a lead as the document's ProcessedLead, in JSON."""
    lived = life_of(seed, campaign.campaign_id, lead)
    return orjson.dumps(
        {
            "lead_id": lead.lead_id,
            "phone_number": lead.phone_number,
            "contact_name": lead.contact_name,
            "campaign_id": campaign.campaign_id,
            "created_at": in_iso_form(lead.created_at),
            "latest_called_at": in_iso_form(lived.calls[-1]),
            "latest_recording_url": lived.recording_url,
            "lead_outcome": lived.lead_outcome,
            "lead_responses": lived.lead_responses,
            "processed_at": in_iso_form(lead.due_at),
        }
    )


def _found(call: MockCall) -> tuple[StoredCampaign, StoredLead]:
    campaign = call.store.campaign(call.campaign_id)
    lead = call.store.find(campaign, canonical(call.body["lead_id"])) if campaign else None
    if campaign is None or lead is None:
        raise refused(404, _NOT_FOUND)
    return campaign, lead


def _acknowledged(call: MockCall, status: int, lead_ids: list[str]) -> MockResponse:
    content = [{"lead_id": lead_id} for lead_id in lead_ids]
    return json_response(status, content if call.is_batch else content[0])


def _refused_by_item(call: MockCall, status: int, wrong: list[bool], words: str) -> RefusedError:
    if call.is_batch:
        return refused_for(status, [{"lead_id": [words]} if each else {} for each in wrong])
    return refused(status, words) if status == 404 else refused_for(status, {"lead_id": [words]})


def _page_url(call: MockCall, page: int) -> bytes:
    kept = urlencode({name: value for name, value in call.given.items() if name != "page"})
    return orjson.dumps(f"{call.url}?{kept}{'&' if kept else ''}page={page}")
