"""The whole state of a mock as JSON that a person can write too: what it is, and what is wrong with it. Pure.

A message about a state that cannot be loaded says where, by the names that stand here and by
numbers, and never what stands there: that may be somebody's.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.deliveries.delivery_store import DeliveryAttempt, StoredDelivery
from squadiq.mock.operations import FIXED_FIELDS, canonical, custom_fields, in_iso_form, life_of, normalised
from squadiq.mock.simulation import campaign_key, delay_seconds
from squadiq.mock.store import LeadStore, StoredCampaign, StoredLead, StoredState
from squadiq.mock.validation import in_words
from squadiq.spec import Schema, Spec

with needs_extra("mock"):
    import jsonschema_rs
    import orjson

FILE_LIMIT = 1024 * 1024 * 1024
"""Bytes of a file that are read."""
_TOLD_AT_MOST = 10
_LAST_MOMENT = 253_402_300_799
"""The end of the year 9999: after it a time has no ISO 8601 form of four-digit years."""


class StateError(ValueError):
    """A state cannot be loaded; the message says where it is wrong, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class StateContext:
    """Hold what a state is read with.

    Args:
        spec: the document that leads are held against.
        businesses: those of the mock's access tokens, in their order.
        seed: of the mock.
        process_after_seconds: within how long a lead is processed of which the state does not say when.
        now: the time of a lead that does not say when it was created.
    """

    spec: Spec
    businesses: Sequence[str]
    seed: int
    process_after_seconds: float
    now: float


def mock_state(store: LeadStore, businesses: Sequence[str], seed: int, now: float) -> dict[str, Any]:
    """Return everything that a mock keeps."""
    return {
        "now": _precisely(now),
        "campaigns": [
            {
                "campaign_id": campaign.campaign_id,
                "business": businesses.index(campaign.owner) + 1 if campaign.owner in businesses else None,
                "leads": [_shown(seed, campaign, lead) for lead in store.leads(campaign)],
            }
            for campaign in store.campaigns
        ],
        "deliveries": store.ledger.listed(None, None, 0, -1, _precisely),
    }


def state_in_file(path: str | os.PathLike[str]) -> Any:
    """Return what a file of JSON holds.

    Raises:
        StateError: it cannot be read, or is no JSON.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise StateError(f"{name} cannot be read ({error.strerror})") from None
    if len(content) > FILE_LIMIT:
        raise StateError(f"{name} has more than {FILE_LIMIT} bytes")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise StateError(f"{name} is not JSON: line {error.lineno}, column {error.colno}") from None


def read_state(given: Any, context: StateContext) -> tuple[StoredState, float]:
    """Return a state as a store keeps it, and the time that it is in it.

    Raises:
        StateError: it is not usable.
    """
    value = _json_of(given)
    _raise_for(_errors(context.spec.schema(_closed(_STATE, ("campaigns",))), value))
    moments = _Moments()
    now = moments.read(value.get("now"), "now")
    now = context.now if now is None else now
    campaigns: list[tuple[StoredCampaign, list[StoredLead]]] = []
    for key, campaign in enumerate(value["campaigns"], 1):
        at = f"campaigns[{key - 1}]"
        number: int | None = campaign.get("business", 1)
        if number is not None and number > len(context.businesses):
            moments.wrong.append(f"{at}.business: the mock has {len(context.businesses)} access tokens")
            continue
        owner = "" if number is None else context.businesses[number - 1]
        stored = StoredCampaign(key, campaign["campaign_id"], owner)
        leads = [
            _lead(lead, stored, int(now), context, moments, f"{at}.leads[{place}]")
            for place, lead in enumerate(campaign["leads"])
        ]
        moments.wrong += _repeated(f"{at}.leads[{{}}].lead_id", [lead.lead_id for lead in leads])
        campaigns.append((stored, leads))
    moments.wrong += _repeated("campaigns[{}].campaign_id", [each["campaign_id"] for each in value["campaigns"]])
    deliveries = [
        _delivery(each, moments, f"deliveries[{place}]") for place, each in enumerate(value.get("deliveries", ()))
    ]
    known = {(campaign.campaign_id, lead.lead_id) for campaign, leads in campaigns for lead in leads}
    moments.wrong += _repeated("deliveries[{}].id", [each.id for each in deliveries])
    moments.wrong += [
        f"deliveries[{place}].lead_id: the state has no such lead"
        for place, each in enumerate(deliveries)
        if (each.campaign_id, each.lead_id) not in known
    ]
    _raise_for(moments.wrong)
    return StoredState(campaigns, deliveries), now


def chosen_outcome(
    spec: Spec, lead_outcome: str, lead_responses: Mapping[str, Any], latest_recording_url: str | None
) -> dict[str, Any]:
    """Return an outcome in the form in which it is kept with a lead.

    Raises:
        StateError: the document does not allow it.
    """
    given = _json_of(
        {
            "lead_outcome": lead_outcome,
            "lead_responses": dict(lead_responses),
            "latest_recording_url": latest_recording_url,
        }
    )
    _raise_for(_errors(spec.schema({"type": "object", "properties": _OUTCOME}), given))
    return _chosen(given)


def _shown(seed: int, campaign: StoredCampaign, lead: StoredLead) -> dict[str, Any]:
    lived = life_of(seed, campaign.campaign_id, lead)
    return {
        "lead_id": lead.lead_id,
        "phone_number": lead.phone_number,
        "contact_name": lead.contact_name,
        "custom_fields": orjson.loads(lead.custom_fields or b"{}"),
        "created_at": in_iso_form(lead.created_at),
        "calls": [in_iso_form(call) for call in lived.calls],
        "processed_at": in_iso_form(lead.due_at),
        "disabled_at": None if lead.disabled_at is None else in_iso_form(lead.disabled_at),
        "converted_at": None if lead.converted_at is None else in_iso_form(lead.converted_at),
        "detail": lead.detail,
        "lead_outcome": lived.lead_outcome,
        "lead_responses": lived.lead_responses,
        "latest_recording_url": lived.recording_url,
    }


def _lead(
    given: Mapping[str, Any], campaign: StoredCampaign, now: int, context: StateContext, moments: _Moments, at: str
) -> StoredLead:
    lead_id = canonical(given["lead_id"])
    delay = delay_seconds(campaign_key(context.seed, campaign.campaign_id), lead_id, context.process_after_seconds)
    due_at = moments.whole(given.get("processed_at"), f"{at}.processed_at")
    created_at = moments.whole(given.get("created_at"), f"{at}.created_at")
    if created_at is None:
        created_at = now if due_at is None else min(now, due_at)
    if due_at is None:
        due_at = created_at + delay
    if due_at < created_at:
        moments.wrong.append(f"{at}.processed_at: the lead is created after it")
    disabled_at = moments.whole(given.get("disabled_at"), f"{at}.disabled_at")
    called = [moments.whole(call, f"{at}.calls[{place}]") or 0 for place, call in enumerate(given.get("calls", ()))]
    calls = {"calls": sorted(called)} if called else {}
    return StoredLead(
        sequence=0,
        campaign=campaign.key,
        lead_id=lead_id,
        phone_number=normalised(given["phone_number"]),
        contact_name=given["contact_name"],
        custom_fields=custom_fields(given.get("custom_fields", {})),
        created_at=created_at,
        due_at=due_at,
        processed_at=None if disabled_at is not None and disabled_at < due_at else due_at,
        disabled_at=disabled_at,
        converted_at=moments.whole(given.get("converted_at"), f"{at}.converted_at"),
        detail=given.get("detail"),
        chosen=orjson.dumps({**_chosen(given), **calls}) if "lead_outcome" in given else None,
    )


def _chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lead_outcome": given["lead_outcome"],
        "lead_responses": given.get("lead_responses", {}),
        "recording_url": given.get("latest_recording_url"),
    }


def _delivery(given: Mapping[str, Any], moments: _Moments, at: str) -> StoredDelivery:
    return StoredDelivery(
        id=given["id"],
        campaign_id=given["campaign_id"],
        lead_id=canonical(given["lead_id"]),
        processed_at=moments.whole(given.get("processed_at"), f"{at}.processed_at") or 0,
        body=orjson.dumps(given["body"]),
        send_at=moments.read(given.get("next_attempt_at"), f"{at}.next_attempt_at"),
        acknowledged_at=moments.read(given.get("acknowledged_at"), f"{at}.acknowledged_at"),
        attempts=[
            DeliveryAttempt(
                sent_at=moments.read(each["sent_at"], f"{at}.attempts[{place}].sent_at") or 0.0,
                milliseconds=each["milliseconds"],
                trouble=each["trouble"],
                status=each["status"],
                response=None if each["response"] is None else each["response"].encode(),
                error=each["error"],
            )
            for place, each in enumerate(given["attempts"])
        ],
    )


class _Moments:
    """Read times, and collect what is wrong with them and with all else."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def read(self, text: str | None, at: str) -> float | None:
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text).timestamp()
        except ValueError:  # a leap second
            moment = -1.0
        if not 0 <= moment <= _LAST_MOMENT:
            self.wrong.append(f"{at}: give a time from 1970 to 9999")
        return moment

    def whole(self, text: str | None, at: str) -> int | None:
        moment = self.read(text, at)
        return None if moment is None else int(moment)


def _precisely(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _repeated(at: str, names: Sequence[Any]) -> Iterator[str]:
    seen = set[Any]()
    for place, name in enumerate(names):
        if name in seen:
            yield f"{at.format(place)}: it stands here more than once"
        seen.add(name)


def _raise_for(wrong: Iterable[str]) -> None:
    told = list(islice(wrong, _TOLD_AT_MOST))
    if told:
        raise StateError("; ".join(told))


def _json_of(value: Any) -> Any:
    try:
        return orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise StateError("the state: something in it is no JSON, or nested deeper than 254 levels") from None


def _errors(schema: Schema, value: Any) -> Iterator[str]:
    for error in schema.errors(value):
        yield f"{_place(error.instance_path)}: {_words(error)}"


def _place(path: Sequence[str | int]) -> str:
    # A name that is none of ours is somebody's own, such as that of a custom field, and ends the path.
    ours = takewhile(lambda part: isinstance(part, int) or part in _NAMES, path)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in ours).lstrip(".") or "the state"


def _words(error: jsonschema_rs.ValidationError) -> str:
    match error.kind.name:
        case "required":
            return f"{error.kind.value} is missing"
        case "additionalProperties":
            return f"it has a field that is none of {', '.join(_fields_at(error.instance_path))}"
        case "format":
            return "give a time with its offset, such as 2026-11-25T09:30:00+00:00"
        case _:
            return in_words(error)


def _fields_at(path: Sequence[str | int]) -> Iterable[str]:
    names = [part for part in path if isinstance(part, str)]
    return _FIELDS[names[-1] if names else ""]


def _ours(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _closed(fields: Mapping[str, Any], required: Collection[str]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": [*required], "additionalProperties": False}


_MOMENT = {"type": "string", "format": "date-time"}
_OUTCOME = {
    "lead_outcome": _ours("LeadOutcome"),
    "lead_responses": _ours("LeadResponses"),
    "latest_recording_url": {"type": ["string", "null"]},
}
_LEAD = {
    "lead_id": _ours("LeadId"),
    "phone_number": _ours("PhoneNumberInput"),
    "contact_name": _ours("ContactName"),
    "custom_fields": {**_ours("CustomFields"), "type": "object", "properties": dict.fromkeys(FIXED_FIELDS, False)},
    "created_at": _MOMENT,
    "calls": {"type": "array", "minItems": 1, "items": _MOMENT},
    "processed_at": _MOMENT,
    "disabled_at": {"type": ["string", "null"], "format": "date-time"},
    "converted_at": {"type": ["string", "null"], "format": "date-time"},
    "detail": {"anyOf": [_ours("ConversionDetail"), {"type": "null"}]},
    **_OUTCOME,
}
_CAMPAIGN = {
    "campaign_id": _ours("CampaignId"),
    "business": {"type": ["integer", "null"], "minimum": 1},
    "leads": {
        "type": "array",
        "items": {
            **_closed(_LEAD, FIXED_FIELDS),
            "dependentRequired": {
                name: ["lead_outcome"] for name in ("calls", "lead_responses", "latest_recording_url")
            },
        },
    },
}
_ATTEMPT = {
    "sent_at": _MOMENT,
    "milliseconds": {"type": "number"},
    "trouble": {"type": "array", "items": {"type": "string"}},
    "status": {"type": ["integer", "null"]},
    "response": {"type": ["string", "null"]},
    "error": {"type": ["string", "null"]},
}
_DELIVERY = {
    "id": {"type": "integer", "minimum": 1, "maximum": 2**53},
    "campaign_id": _ours("CampaignId"),
    "lead_id": _ours("LeadId"),
    "processed_at": _MOMENT,
    "acknowledged_at": {"type": ["string", "null"], "format": "date-time"},
    "next_attempt_at": {"type": ["string", "null"], "format": "date-time"},
    "body": {"type": "object"},
    "attempts": {"type": "array", "items": _closed(_ATTEMPT, _ATTEMPT)},
}
_STATE = {
    "now": _MOMENT,
    "campaigns": {"type": "array", "items": _closed(_CAMPAIGN, ("campaign_id", "leads"))},
    "deliveries": {"type": "array", "items": _closed(_DELIVERY, _DELIVERY)},
}
_FIELDS: dict[str, Mapping[str, Any]] = {
    "": _STATE,
    "campaigns": _CAMPAIGN,
    "leads": _LEAD,
    "deliveries": _DELIVERY,
    "attempts": _ATTEMPT,
}
_NAMES = frozenset(chain.from_iterable(_FIELDS.values()))
