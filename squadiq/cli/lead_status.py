"""What ledger, inbox and SquadIQ know of one lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squadiq.campaign import Campaign
    from squadiq.client import SquadIQ


def status_of(
    client: SquadIQ, campaign: Campaign[Any], lead_id: str, ledger: str | None, inbox: str | None
) -> Mapping[str, Mapping[str, Any] | str]:
    """Return by place what is known of a lead, without a phone number or a name."""
    return {
        "ledger": _in_ledger(client, campaign, lead_id, ledger),
        "inbox": _in_inbox(campaign, lead_id, inbox),
        "squadiq": _at_squadiq(campaign, lead_id),
    }


def _in_ledger(client: SquadIQ, campaign: Campaign[Any], lead_id: str, ledger: str | None) -> Mapping[str, Any] | str:
    from squadiq.push.ledger import Ledger
    from squadiq.push.run import default_ledger

    place = ledger if ledger is not None else default_ledger()
    if "://" not in str(place) and not _is_file(str(place)):
        return "there is no ledger yet"
    service = str(client.base_url).rstrip("/")
    kept = Ledger(place, service=service, campaign_id=campaign.campaign_id, source="")
    kept.open(alone=False)
    try:
        found = kept.of_lead(lead_id)
    finally:
        kept.close()
    if found is None:
        return "unknown"
    entry, source, row, changed_at = found
    told = {"state": entry.state, "source": source, "row": row, "since": _iso(changed_at)}
    return {**told, "reason": entry.reason} if entry.reason else told


def _is_file(path: str) -> bool:
    from pathlib import Path

    return Path(path).is_file()


def _in_inbox(campaign: Campaign[Any], lead_id: str, inbox: str | None) -> Mapping[str, Any] | str:
    if inbox is None:
        return "not asked; give --inbox FILE|URL"
    from squadiq.inbox import Inbox

    with Inbox(inbox) as opened:
        results = opened.results(campaign.campaign_id, lead_id)
    if not results:
        return "unknown"
    latest = results[-1]
    return {"results": len(results), "processed_at": latest.processed_at.isoformat(), "attempts": latest.attempts}


def _at_squadiq(campaign: Campaign[Any], lead_id: str) -> Mapping[str, Any] | str:
    found = next(iter(campaign.get_leads(lead_id=lead_id, page_size=1)), None)
    if found is None:
        return "not processed, or not there"
    return {"outcome": found.lead_outcome, "processed_at": str(found.processed_at)}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
