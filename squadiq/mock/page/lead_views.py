"""Campaigns with their leads, and a lead's whole story."""

from __future__ import annotations

from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.control_api import lead_state
from squadiq.mock.core import Mock
from squadiq.mock.page.delivery_views import deliveries_table
from squadiq.mock.page.markup import Child, Markup, element, joined
from squadiq.mock.page.masking import MASK, masked_content
from squadiq.mock.page.pieces import (
    ROOT,
    ROWS,
    Asked,
    View,
    badge,
    fact,
    link,
    moment_in,
    moment_shown,
    name_of,
    outside,
    pages,
    person,
    reveal_link,
    row,
    state_badges,
    table,
)
from squadiq.mock.store import StoredCampaign, StoredLead

with needs_extra("mock"):
    import orjson

_HEADINGS = ("Lead", "Person", "State", "Outcome", "Created")
_DELIVERIES = 20


def campaign_view(mock: Mock, campaign: StoredCampaign, asked: Asked) -> View:
    """Return the page of a campaign: its leads, the latest first."""
    before = 2**62 if asked.before is None else asked.before
    found = mock.store.lead_ids(campaign, before, ROWS + 1)
    rows: list[Markup] = []
    for sequence, lead_id in found[:ROWS]:
        lead = _state_of(mock, campaign, lead_id)
        name = link(f"{ROOT}/leads/{sequence}", name_of(lead_id, asked))
        cells = (name, person(lead, asked), state_badges(lead), lead["lead_outcome"], _at(lead["created_at"]))
        rows.append(row(f"lead-{sequence}", _HEADINGS, cells))
    last = found[ROWS - 1][0] if len(found) > ROWS else None
    parts = (
        element("h1", outside(campaign.campaign_id)),
        element("div", _finder(campaign), reveal_link(asked), class_="actions"),
        table("leads", _HEADINGS, rows, "No lead is in this campaign."),
        pages(asked, last),
    )
    return View(campaign.campaign_id, {"main": joined(parts)})


def _finder(campaign: StoredCampaign) -> Markup:
    field = element("input", name="lead_id", required=True, autocomplete="off", spellcheck="false", id="lead_id")
    label = element("label", "lead_id", for_="lead_id")
    address = f"{ROOT}/campaigns/{campaign.key}/find"
    # Not a query: a lead_id may be a phone number, and addresses are kept by browsers.
    return element("form", label, field, element("button", "Find"), method="post", action=address, class_="finder")


def lead_view(mock: Mock, campaign: StoredCampaign, lead: StoredLead, asked: Asked) -> View:
    """Return the page of a lead: who it is, and what happened to it."""
    state = _state_of(mock, campaign, lead.lead_id)
    deliveries = mock.deliveries.ledger.of_lead(lead.sequence, _DELIVERIES)
    parts = (
        element("h1", name_of(lead.lead_id, asked), " ", state_badges(state)),
        element("p", reveal_link(asked)),
        element(
            "dl",
            fact("Campaign", link(f"{ROOT}/campaigns/{campaign.key}", outside(campaign.campaign_id))),
            fact("Person", person(state, asked)),
            fact("Custom fields", _fields(state["custom_fields"], asked)),
            class_="facts",
        ),
        element("h2", "Story"),
        element("ol", *_story(state, lead, asked), class_="story"),
        element("h2", "Deliveries"),
        deliveries_table(mock, deliveries, asked),
    )
    return View("Lead", {"main": joined(parts)})


def _story(state: dict[str, Any], lead: StoredLead, asked: Asked) -> list[Markup]:
    steps: list[tuple[str, Markup]] = [(state["created_at"], _step("created", state["created_at"]))]
    for number, call in enumerate(state["calls"], 1):
        steps.append((call, _step("called", call, f"call {number}")))
    if processed := state["processed_at"]:
        responses = _fields(state["lead_responses"], asked)
        recording = state["latest_recording_url"]
        heard = fact("Recording", (recording if asked.revealed else MASK)) if recording else None
        told = element("dl", fact("Outcome", state["lead_outcome"]), fact("Responses", responses), heard)
        steps.append((processed, _step("processed", processed, told)))
    if disabled := state["disabled_at"]:
        steps.append((disabled, _step("disabled", disabled, "not called any more")))
    if converted := state["converted_at"]:
        detail = state["detail"] if asked.revealed else MASK
        steps.append((converted, _step("converted", converted, outside(detail))))
    ordered = [step for _, step in sorted(steps, key=lambda step: step[0])]
    if state["state"] in ("created", "called"):
        due = element("span", "processed by ", moment_shown(lead.due_at))
        ordered.append(element("li", badge("awaited", "awaited"), due, class_="awaited"))
    return ordered


def _step(kind: str, moment: str, *words: Child) -> Markup:
    return element("li", badge(kind, kind), _at(moment), element("div", *words) if words else None, class_=kind)


def _fields(fields: dict[str, Any], asked: Asked) -> Child:
    if not fields:
        return "–"
    shown = fields if asked.revealed else masked_content(fields)
    pairs = (joined((element("b", name), " ", outside(_text(value)))) for name, value in shown.items())
    return joined(element("span", pair, class_="pair") for pair in pairs)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _at(iso: str) -> Markup:
    return moment_in(iso)


def _state_of(mock: Mock, campaign: StoredCampaign, lead_id: str) -> dict[str, Any]:
    state = lead_state(mock.store, mock.settings.seed, campaign.campaign_id, lead_id, int(mock.clock.now()))
    assert state is not None  # the mock is held by who asks
    return state
