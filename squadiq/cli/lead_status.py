"""What ledger, outbox, inbox and SquadIQ know of one lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squadiq._extras import needs_extra
from squadiq.cli.places import missing_file
from squadiq.errors import SquadIQError

if TYPE_CHECKING:
    from squadiq.campaign import Campaign
    from squadiq.client import SquadIQ
    from squadiq.push.ledger import Ledger

Told = Mapping[str, Any] | str


def status_of(
    client: SquadIQ,
    campaign: Campaign[Any],
    lead_id: str,
    *,
    ledger: str | None,
    outbox: str | None,
    inbox: str | None,
) -> Mapping[str, Told]:
    """Return by place what is known of a lead, without a phone number or a name."""
    return {
        **_in_ledger(client, campaign, lead_id, ledger),
        "outbox": _in_outbox(campaign, lead_id, outbox),
        "inbox": _in_inbox(campaign, lead_id, inbox),
        "squadiq": _at_squadiq(campaign, lead_id),
    }


def _in_ledger(client: SquadIQ, campaign: Campaign[Any], lead_id: str, ledger: str | None) -> Mapping[str, Told]:
    with needs_extra("push"):
        from squadiq.push.changes import changes_of
    from squadiq.push.ledger import Ledger
    from squadiq.push.run import default_ledger

    service = str(client.base_url).rstrip("/")
    place = ledger if ledger is not None else default_ledger()
    kept = Ledger(place, service=service, campaign_id=campaign.campaign_id, source="")
    if "://" not in kept.place and not Path(kept.place).is_file():
        return {"push": f"there is no ledger {kept.place}"}
    kept.open(alone=False)
    try:
        made = changes_of(kept, service, campaign.campaign_id, lead_id)
        changed = {"changes": {name: _iso(seconds) for name, seconds in made.items()}} if made else {}
        return {"push": _pushed(kept, lead_id), **changed}
    finally:
        kept.close()


def _pushed(kept: Ledger, lead_id: str) -> Told:
    found = kept.of_lead(lead_id)
    if found is None:
        return "never pushed, as far as the ledger knows"
    entry, source, row, changed_at = found
    told = {"state": entry.state, "source": source, "row": row, "since": _iso(changed_at)}
    return {**told, "code": entry.code, "reason": entry.reason} if entry.code else told


def _in_inbox(campaign: Campaign[Any], lead_id: str, inbox: str | None) -> Told:
    if inbox is None:
        return "not asked; give --inbox FILE|URL"
    with needs_extra("inbox"):
        from squadiq.inbox import Inbox
    from squadiq.inbox.tables import INBOX

    if missing := missing_file(inbox, INBOX):
        return missing
    with Inbox(inbox) as opened:
        results = opened.results(campaign.campaign_id, lead_id)
    if not results:
        return "nothing came"
    latest = results[-1]
    return {
        "results": len(results),
        "state": latest.state,
        "processed_at": latest.processed_at.isoformat(),
        "attempts": latest.attempts,
    }


def _in_outbox(campaign: Campaign[Any], lead_id: str, outbox: str | None) -> Told:
    if outbox is None:
        return "not asked; give --outbox FILE|URL"
    with needs_extra("outbox"):
        from squadiq.outbox import Outbox
    from squadiq.outbox.tables import OUTBOX

    if missing := missing_file(outbox, OUTBOX):
        return missing
    with Outbox(outbox) as opened:
        entries = opened.entries(campaign.campaign_id, lead_id)
    if not entries:
        return "nothing was stored"
    latest = entries[-1]
    told = {"entries": len(entries), "latest": latest.operation, "state": latest.state, "attempts": latest.attempts}
    return {**told, "code": latest.code, "reason": latest.reason} if latest.code else told


def _at_squadiq(campaign: Campaign[Any], lead_id: str) -> Told:
    try:
        found = next(iter(campaign.get_leads(lead_id=lead_id, page_size=1)), None)
    except SquadIQError as error:
        return {"error": str(error)}
    if found is None:
        return "not processed, or not there"
    return {"outcome": found.lead_outcome, "processed_at": str(found.processed_at)}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
