"""Deliveries as they are listed and shown one by one, with every attempt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.core import Mock
from squadiq.mock.deliveries.delivery_store import DeliverySummary
from squadiq.mock.page.call_views import content_text
from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.pieces import (
    ROOT,
    Asked,
    View,
    action,
    badge,
    fact,
    link,
    moment_shown,
    name_of,
    reveal_link,
    row,
    status_badge,
    table,
)

with needs_extra("mock"):
    import orjson

ATTEMPTS = 50
"""Attempts of a delivery that are shown, the latest."""

_HEADINGS = ("Processed", "Delivery of", "State", "Attempts", "")
_ATTEMPT = ("Sent", "Response", "Took", "On purpose", "Body")


def deliveries_table(mock: Mock, deliveries: Iterable[DeliverySummary], asked: Asked) -> Markup:
    """Return a table of deliveries."""
    rows = (
        row(
            f"delivery-{each.id}",
            _HEADINGS,
            (
                moment_shown(each.processed_at),
                link(f"{ROOT}/deliveries/{each.id}", name_of(each.lead_id, asked)),
                _state(each.send_at is not None, each.acknowledged_at is not None, each.attempts),
                each.attempts,
                send_button(mock, each.id, asked),
            ),
        )
        for each in deliveries
    )
    empty = "Nothing was delivered yet." if mock.settings.webhook_url else "Nothing is delivered: no --webhook-url."
    return table("deliveries", _HEADINGS, rows, empty)


def send_button(mock: Mock, delivery: int, asked: Asked) -> Markup | None:
    """Return the button that sends a delivery again; None where nothing is sent."""
    if mock.settings.webhook_url is None:
        return None
    label = f"Send delivery {delivery} again"
    return action(f"/deliveries/{delivery}/send", "Send again", asked, label=label)


def delivery_view(mock: Mock, delivery: dict[str, Any], asked: Asked) -> View:
    """Return the page of one delivery."""
    made: list[dict[str, Any]] = delivery["attempts"]
    following = delivery["next_attempt_at"]
    acknowledged = delivery["acknowledged_at"]
    facts = (
        fact("Campaign", element("bdi", delivery["campaign_id"])),
        fact("Lead", _lead(mock, delivery, asked)),
        fact("Processed", moment_shown(float(delivery["processed_at"]))),
        fact("Acknowledged", moment_shown(float(acknowledged))) if acknowledged else None,
        fact("Next attempt", moment_shown(float(following))) if following else None,
    )
    attempts = (
        row(
            f"attempt-{number}",
            _ATTEMPT,
            (
                moment_shown(float(each["sent_at"])),
                badge("bad", each["error"]) if each["error"] else status_badge(each["status"]),
                f"{each['milliseconds']} ms",
                ", ".join(each["trouble"]),
                _response(each["response"], asked),
            ),
        )
        for number, each in list(enumerate(made, 1))[-ATTEMPTS:]
    )
    state = _state(following is not None, acknowledged is not None, len(made))
    body = content_text(orjson.dumps(delivery["body"]), revealed=asked.revealed)
    parts = (
        element("h1", f"Delivery {delivery['id']} ", state),
        element("div", send_button(mock, delivery["id"], asked), reveal_link(asked), class_="actions"),
        element("dl", *facts, class_="facts"),
        element("h2", "Attempts"),
        table("attempts", _ATTEMPT, attempts, "Not sent yet."),
        element("h2", "Body"),
        element("pre", element("code", body), tabindex="0"),
    )
    return View(f"Delivery {delivery['id']}", {"main": joined(parts)})


def _lead(mock: Mock, delivery: dict[str, Any], asked: Asked) -> Markup:
    campaign = mock.store.campaign(delivery["campaign_id"])
    lead = mock.store.find(campaign, delivery["lead_id"]) if campaign else None
    name = name_of(delivery["lead_id"], asked)
    return link(f"{ROOT}/leads/{lead.sequence}", name) if lead else name


def _state(waits: bool, acknowledged: bool, attempts: int) -> Markup:
    if not waits:
        return badge("good", "acknowledged")
    return badge("warn", "tried, waits") if attempts and not acknowledged else badge("called", "waits")


def _response(response: str | None, asked: Asked) -> Markup | str:
    if not response:
        return ""
    text = content_text(response.encode(), revealed=asked.revealed)
    return "shown with personal data" if text is None else element("code", text)
