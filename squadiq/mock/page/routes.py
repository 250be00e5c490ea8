"""Which page stands at which address, and what its buttons do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from squadiq.mock.core import Mock
from squadiq.mock.faults import FaultError
from squadiq.mock.messages import MockRequest
from squadiq.mock.page.call_views import call_view
from squadiq.mock.page.calls import CallLog
from squadiq.mock.page.delivery_views import delivery_view
from squadiq.mock.page.fault_views import plant
from squadiq.mock.page.lead_views import campaign_view, lead_view
from squadiq.mock.page.overview import calls_view, deliveries_view, overview
from squadiq.mock.page.pieces import ROOT, Asked, View, nothing_here, refusal_view
from squadiq.mock.store import StoredCampaign

MOST_SECONDS = 86_400 * 366
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_BACK = re.compile(rf"/|{ROOT}/[a-z0-9/]+", re.ASCII)


def asked_of(target: str) -> Asked:
    """Read what is asked for from a path with its query; what makes no sense in it is left out."""
    path, _, query = target.partition("?")
    given = dict(parse_qsl(query))
    before = _number(given.get("before", ""))
    return Asked(path, before, given.get("reveal") == "1")


def view_of(mock: Mock, calls: CallLog, asked: Asked) -> View:
    """Return the page that stands at an address."""
    with mock.exclusive:
        return _view(mock, calls, asked)


def act(mock: Mock, request: MockRequest) -> str | View:
    """Do what a button of a page says, and return where the browser is to go then, or a page that says why not."""
    fields = dict(parse_qsl(request.body.decode("utf-8", "replace"), max_num_fields=10))
    back = _back(fields)
    with mock.exclusive:
        match _segments(request.path):
            case ["advance"]:
                seconds = _number(fields.get("seconds", ""))
                mock.advance(min(seconds or 0, MOST_SECONDS))
            case ["process"]:
                mock.process_all()
            case ["deliveries", str(number), "send"] if mock.settings.webhook_url is not None:
                if not mock.deliveries.ledger.send_again(int(number), mock.clock.now()):
                    return nothing_here()
                mock.deliveries.changed()
            case ["campaigns", str(key), "find"]:
                return _found(mock, _campaign(mock, int(key)), fields.get("lead_id", ""))
            case ["faults"]:
                try:
                    plant(mock, fields)
                except FaultError as wrong:
                    return refusal_view(400, "Not planned", f"{wrong}.")
            case ["faults", "clear"]:
                mock.clear_faults()
            case _:
                return nothing_here()
    return back


def _view(mock: Mock, calls: CallLog, asked: Asked) -> View:
    match _segments(asked.path):
        case []:
            return overview(mock, calls, asked)
        case ["calls"]:
            return calls_view(mock, calls, asked)
        case ["deliveries"]:
            return deliveries_view(mock, asked)
        case ["calls", str(number)] if (call := calls.find(int(number))) is not None:
            return call_view(mock, call, asked)
        case ["deliveries", str(number)] if (delivery := mock.deliveries.ledger.one(int(number), str)) is not None:
            return delivery_view(mock, delivery, asked)
        case ["campaigns", str(key)] if (campaign := _campaign(mock, int(key))) is not None:
            return campaign_view(mock, campaign, asked)
        case ["leads", str(sequence)] if (found := mock.store.find_by_sequence(int(sequence))) is not None:
            return lead_view(mock, *found, asked)
        case _:
            return nothing_here()


def _segments(path: str) -> list[str] | None:
    """The segments of a page's path; None if there is a number where no number can be."""
    if path == "/":
        return []
    segments = path.removeprefix(f"{ROOT}/").split("/")
    fine = segments[0] == "faults" or all(_NUMBER.fullmatch(each) for each in segments[1:2])
    return segments if fine else None


def _campaign(mock: Mock, key: int) -> StoredCampaign | None:
    return next((campaign for campaign in mock.store.campaigns if campaign.key == key), None)


def _found(mock: Mock, campaign: StoredCampaign | None, lead_id: str) -> str | View:
    lead = mock.store.find(campaign, lead_id) if campaign else None
    return nothing_here() if lead is None else f"{ROOT}/leads/{lead.sequence}"


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _back(fields: Mapping[str, str]) -> str:
    asked = asked_of(fields.get("back", "/"))
    return asked.here if _BACK.fullmatch(asked.path) else "/"
