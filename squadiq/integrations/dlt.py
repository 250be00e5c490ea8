"""Outcomes as a resource of dlt: each once, by campaign, lead and time, in whatever warehouse dlt loads into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from squadiq._extras import needs_extra

with needs_extra("dlt"):
    import dlt
    from dlt.extract import DltResource

from squadiq.campaign import Campaign
from squadiq.errors import ConfigurationError
from squadiq.inbox.backfill import OVERLAP_SECONDS
from squadiq.inbox.store import second_of
from squadiq.outcomes.sources import CampaignSource
from squadiq.outcomes.spans import Span
from squadiq.outcomes.sync import row_of

_KEY = ("campaign_id", "lead_id", "processed_at")
_TYPES = {
    "campaign_id": "text",
    "lead_id": "text",
    "processed_at": "timestamp",
    "phone_number": "text",
    "contact_name": "text",
    "lead_outcome": "text",
    "created_at": "timestamp",
    "latest_called_at": "timestamp",
    "latest_recording_url": "text",
    "lead_responses": "json",
    "further_fields": "json",
}


def outcomes(
    campaign: Campaign[Any], *, since: datetime | None = None, overlap_seconds: float = OVERLAP_SECONDS
) -> DltResource:
    """Return a resource whose rows are merged into the table `outcomes`, what is new since the last run.

    How far a campaign was read is in dlt's own state, which is kept with what was loaded: a run that was killed
    is done again. Several campaigns may be loaded by one pipeline.

    Args:
        campaign: of `SquadIQ`; each page costs a hit of the quota.
        since: where the first run begins; aware; by default with the first lead.
        overlap_seconds: how far before the last run's end to begin: a lead may be listed later than it was processed.

    Raises:
        ConfigurationError: `since` has no offset from UTC.
        SquadIQError: while it is read; dlt has it in an error of its own.
    """
    if since is not None and since.tzinfo is None:
        raise ConfigurationError("since: give a time with an offset from UTC.")
    begin = 0 if since is None else max(0, second_of(since))
    source = CampaignSource(campaign, service="", overlap_seconds=overlap_seconds)

    def read() -> Iterator[Sequence[Mapping[str, Any]]]:
        state = dlt.current.resource_state()
        for page in source.pages(Span(state.get("read_until", begin), None)):
            yield [row_of(each) for each in page.arrivals]
            if page.read_for_good is not None:
                state["read_until"] = page.read_for_good.last

    columns = {name: {"data_type": kind, "nullable": name not in _KEY} for name, kind in _TYPES.items()}
    make: Any = dlt.resource  # whose types narrow names of types to literals
    made: DltResource = make(
        read,
        name=f"outcomes_{campaign.campaign_id}",
        table_name="outcomes",
        primary_key=_KEY,
        write_disposition="merge",
        columns=columns,
    )
    return made
