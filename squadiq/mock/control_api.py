"""Endpoints for tests, beside the document: what the mock knows, and time that passes at once."""

from __future__ import annotations

from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.clock import MOST_SECONDS, Clock
from squadiq.mock.deliveries.deliveries_api import list_deliveries, one_delivery, send_again
from squadiq.mock.deliveries.dispatch import Dispatch
from squadiq.mock.messages import MockRequest, MockResponse, json_response, refused, refused_for
from squadiq.mock.operations import in_iso_form, life_of
from squadiq.mock.store import LeadStore
from squadiq.spec import unquoted

with needs_extra("mock"):
    import orjson

HELPERS = "/_mock/"
STATE = "/_mock/state"


def counts(store: LeadStore, campaign_id: str, now: int) -> dict[str, int]:
    """Count the leads of a campaign by what has happened to them; a deleted one is not counted."""
    campaign = store.campaign(campaign_id)
    if campaign is None:
        return dict.fromkeys(("created", "called", "processed", "disabled", "converted"), 0)
    return store.counts(campaign, now)


def lead_state(store: LeadStore, seed: int, campaign_id: str, lead_id: str, now: int) -> dict[str, Any] | None:
    """Return everything that the mock knows of a lead, None if nothing."""
    campaign = store.campaign(campaign_id)
    lead = store.find(campaign, lead_id) if campaign else None
    if lead is None:
        return None
    lived = life_of(seed, campaign_id, lead)
    processed = lead.processed_at is not None and lead.processed_at <= now
    called_until = now if processed or lead.disabled_at is None else min(now, lead.disabled_at)
    calls = [in_iso_form(call) for call in lived.calls if call <= called_until]
    state = (
        "processed" if processed else "disabled" if lead.disabled_at is not None else "called" if calls else "created"
    )
    return {
        "lead_id": lead.lead_id,
        "phone_number": lead.phone_number,
        "contact_name": lead.contact_name,
        "custom_fields": orjson.loads(lead.custom_fields or b"{}"),
        "state": state,
        "created_at": in_iso_form(lead.created_at),
        "calls": calls,
        "processed_at": in_iso_form(lead.due_at) if processed else None,
        "lead_outcome": lived.lead_outcome if processed else None,
        "lead_responses": lived.lead_responses if processed else None,
        "latest_recording_url": lived.recording_url if processed else None,
        "disabled_at": in_iso_form(lead.disabled_at) if lead.disabled_at is not None else None,
        "converted_at": in_iso_form(lead.converted_at) if lead.converted_at is not None else None,
        "detail": lead.detail,
    }


def handle_control_request(
    store: LeadStore, clock: Clock, seed: int, deliveries: Dispatch, request: MockRequest
) -> MockResponse:
    """Answer a request to one of the helper endpoints that look at leads and deliveries, or move time.

    Raises:
        RefusedError: there is no such endpoint or lead, or the seconds are not usable.
    """
    segments = [unquoted(raw) for raw in request.path.removeprefix(HELPERS).split("/")]
    now = int(clock.now())
    match segments:
        case ["campaigns", str(campaign_id)]:
            require_method(request, "GET")
            return json_response(200, counts(store, campaign_id, now))
        case ["campaigns", str(campaign_id), "leads", str(lead_id)]:
            require_method(request, "GET")
            lead = lead_state(store, seed, campaign_id, lead_id, now)
            if lead is None:
                raise refused(404, "Not found.")
            return json_response(200, lead)
        case ["advance"]:
            require_method(request, "POST")
            clock.advance(_seconds(request.body))
            store.keep_clock_reading(clock.now())
            return json_response(200, {"now": in_iso_form(int(clock.now()))})
        case ["deliveries"]:
            require_method(request, "GET")
            return list_deliveries(deliveries, request)
        case ["deliveries", str(number)]:
            require_method(request, "GET")
            return one_delivery(deliveries, number)
        case ["deliveries", str(number), "send"]:
            require_method(request, "POST")
            return send_again(deliveries, number)
        case _:
            raise refused(404, "Not found.")


def require_method(request: MockRequest, method: str) -> None:
    """Refuse a request with another method.

    Raises:
        RefusedError: it has another one.
    """
    if request.method != method:
        raise refused(405, f'Method "{request.method}" not allowed.', ("Allow", method))


def _seconds(body: bytes) -> float:
    try:
        match orjson.loads(body):
            case {"seconds": bool()}:
                pass
            case {"seconds": int() | float() as seconds} if 0 <= seconds <= MOST_SECONDS:
                return seconds
            case _:
                pass
    except orjson.JSONDecodeError:
        pass
    raise refused_for(400, {"seconds": [f"Give the seconds to pass as a number from 0 to {MOST_SECONDS}."]})
