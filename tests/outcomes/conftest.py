"""A service that lists processed leads as a test says, and an inbox that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.outcomes import CampaignSource
from squadiq.webhooks.parsing import DeliveredLead
from tests.inbox.conftest import postgres_url  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture
from tests.push.conftest import CLIENT, own_environment  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture
from tests.servers import ActingServer, Action, Reply, Seen, acting_server

FIRST_SECOND = 1_760_000_000
CAMPAIGN = "c1"


def outcome(number: int, **changes: Any) -> dict[str, Any]:
    """A processed lead; each is processed a minute after the one before."""
    return {
        "lead_id": f"L{number}",
        "phone_number": f"+9198{number:08}",
        "contact_name": "Asha Rao",
        "created_at": FIRST_SECOND - 3600,
        "campaign_id": CAMPAIGN,
        "latest_recording_url": None,
        "latest_called_at": None,
        "lead_outcome": "Connected : Objective Met",
        "processed_at": datetime.fromtimestamp(FIRST_SECOND + 60 * number, UTC).isoformat(),
        "lead_responses": {"interested": "Yes"},
        **changes,
    }


class Listing:
    """Responds to `getLeads` from a list that may change while it is read, and to `deleteLead`."""

    def __init__(self, *leads: dict[str, Any], newest_first: bool = False) -> None:
        self.leads = list(leads)
        self.newest_first = newest_first
        self.hits = 0
        self.largest_page = 1000
        self.before: Callable[[int], Action | None] = lambda hit: None

    def __call__(self, seen: Seen) -> Action:
        self.hits += 1
        if (instead := self.before(self.hits)) is not None:
            return instead
        if "/delete/" in seen.target:
            return self._delete(seen.json["lead_id"])
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(seen.target).query).items()}
        after, before = query.get("processed_after", 0), query.get("processed_before", 2**60)
        page, size = query.get("page", 1), min(self.largest_page, query.get("page_size", 100))
        found = [lead for lead in self.leads if after <= second(lead) <= before]
        found.sort(key=second, reverse=self.newest_first)
        more = f"http://x/?page={page + 1}" if page * size < len(found) else None
        chosen = found[(page - 1) * size : page * size]
        return Reply(200, {"count": len(found), "next": more, "previous": None, "results": chosen})

    def _delete(self, lead_id: str) -> Action:
        kept = [lead for lead in self.leads if lead["lead_id"] != lead_id]
        gone, self.leads = len(kept) < len(self.leads), kept
        return Reply(200, {"lead_id": lead_id}) if gone else Reply(404, {"detail": "Not found."})


def second(lead: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(lead["processed_at"])).timestamp())
    except ValueError:
        return FIRST_SECOND


@pytest.fixture
def listing() -> Listing:
    return Listing(*map(outcome, range(3)))


@pytest.fixture
def service(listing: Listing, monkeypatch: pytest.MonkeyPatch) -> Iterator[ActingServer]:
    """The listing as commands reach it."""
    with acting_server(listing) as server:
        settings = {"ACCESS_TOKEN": "test_token", "BASE_URL": server.url, "CAMPAIGN_ID": CAMPAIGN}
        for name, value in {**settings, "QUOTA_URL": "memory"}.items():
            monkeypatch.setenv(f"SQUADIQ_{name}", value)
        yield server


@pytest.fixture
def client(service: ActingServer) -> Iterator[SquadIQ]:
    with SquadIQ("test_token", base_url=service.url, campaign_id=CAMPAIGN, **CLIENT) as opened:
        yield opened


@pytest.fixture
def source(client: SquadIQ) -> CampaignSource:
    return source_of(client)


def source_of(client: SquadIQ, **options: Any) -> CampaignSource:
    """The campaign by a clock that stands, long after all leads of a listing were processed."""
    later: dict[str, Any] = {"now": lambda: FIRST_SECOND + 10_000_000, **options}
    return CampaignSource(client.campaign(), service=str(client.base_url), **later)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox.sqlite3") as opened:
        for number in range(3):
            opened.receive(DeliveredLead.model_validate(outcome(number)))
        opened.receive(DeliveredLead.model_validate(outcome(7, campaign_id="c2")))
        yield opened
