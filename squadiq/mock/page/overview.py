"""The first page: quota, campaigns, and the latest of calls and deliveries; and the lists of both."""

from __future__ import annotations

from typing import Any

from squadiq.mock.control_api import counts
from squadiq.mock.core import Mock
from squadiq.mock.page.bars import bar
from squadiq.mock.page.call_views import calls_table
from squadiq.mock.page.calls import CallLog
from squadiq.mock.page.delivery_views import deliveries_table
from squadiq.mock.page.fault_views import faults_section
from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.pieces import ROOT, ROWS, Asked, View, link, outside, pages, row, table

LATEST = 8
CAMPAIGNS = 20
_HEADINGS = ("Campaign", "Progress", "Leads", "Called", "Processed", "Disabled", "Converted")


def overview(mock: Mock, calls: CallLog, asked: Asked) -> View:
    """Return the first page."""
    sections = {"quota": _quota(mock), "campaigns": _campaigns(mock, asked)}
    sections["calls"] = joined(
        (
            element("h2", link(f"{ROOT}/calls", "Latest calls")),
            calls_table(mock, calls.latest(LATEST), asked),
        )
    )
    sections["deliveries"] = joined(
        (
            element("h2", link(f"{ROOT}/deliveries", "Latest deliveries")),
            deliveries_table(mock, mock.deliveries.ledger.latest(2**62, LATEST), asked),
        )
    )
    sections["faults"] = faults_section(mock, asked)
    return View("Overview", sections)


def _quota(mock: Mock) -> Markup:
    uses = mock.quota_use()
    window = f"{mock.spec.window_seconds:g} s"
    rows = (_use(place, used, hits, window, several=len(uses) > 1) for place, (used, hits) in enumerate(uses, 1))
    return joined((element("h2", "Quota"), *rows))


def _use(place: int, used: int, hits: int, window: str, *, several: bool) -> Markup:
    whose = f"Token {place}: " if several else ""
    if hits == 0:
        return element("p", f"{whose}no limit", class_="quiet")
    kind = "full" if used >= hits else "used"
    words = f"{whose}{used} of {hits} hits in {window}"
    return element("p", bar(words, {kind: used}, hits), element("span", words), class_="quota")


def _campaigns(mock: Mock, asked: Asked) -> Markup:
    before = 2**62 if asked.before is None else asked.before
    found = [each for each in reversed(mock.store.campaigns) if each.key < before]
    now = int(mock.clock.now())
    rows: list[Markup] = []
    for campaign in found[:CAMPAIGNS]:
        tally: dict[str, Any] = counts(mock.store, campaign.campaign_id, now)
        address = f"{ROOT}/campaigns/{campaign.key}"
        created, called, processed = tally["created"], tally["called"], tally["processed"]
        words = f"{processed} of {created} leads processed, {called} called"
        progress = bar(words, {"processed": processed, "called": max(0, called - processed)}, created)
        figures = (f"{tally[name]:,}" for name in ("created", "called", "processed", "disabled", "converted"))
        cells = (link(address, outside(campaign.campaign_id)), progress, *figures)
        rows.append(row(f"campaign-{campaign.key}", _HEADINGS, cells))
    last = found[CAMPAIGNS - 1].key if len(found) > CAMPAIGNS else None
    empty = "No lead was created yet. Push some: they show up here."
    return joined((element("h2", "Campaigns"), table("campaigns", _HEADINGS, rows, empty), pages(asked, last)))


def calls_view(mock: Mock, calls: CallLog, asked: Asked) -> View:
    """Return the page of all calls that are kept."""
    before = calls.total + 1 if asked.before is None else asked.before
    found = [call for call in calls.latest() if call.number < before]
    last = found[ROWS - 1].number if len(found) > ROWS else None
    return View(
        "Calls",
        {
            "main": joined(
                (
                    element("h1", "Calls"),
                    element("p", "The latest 200, in memory alone.", class_="quiet"),
                    calls_table(mock, found[:ROWS], asked),
                    pages(asked, last),
                )
            )
        },
    )


def deliveries_view(mock: Mock, asked: Asked) -> View:
    """Return the page of all deliveries."""
    before = 2**62 if asked.before is None else asked.before
    found = mock.deliveries.ledger.latest(before, ROWS + 1)
    last = found[ROWS - 1].id if len(found) > ROWS else None
    waiting = f"{mock.deliveries.ledger.waiting():,} still to be sent."
    parts = (
        element("h1", "Deliveries"),
        element("p", waiting, class_="quiet"),
        deliveries_table(mock, found[:ROWS], asked),
        pages(asked, last),
    )
    return View("Deliveries", {"main": joined(parts)})
