"""Outcomes as a source of dlt: each once, by campaign, lead and time, in whatever warehouse dlt loads into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from squadiq._extras import needs_extra
from squadiq.campaign import Campaign
from squadiq.inbox.backfill import OVERLAP_SECONDS
from squadiq.outcomes.sources import PAGE_SIZE, moment_of
from squadiq.outcomes.sync import row_of
from squadiq.inbox.backfill import backfilled_arrival

with needs_extra("dlt"):
    import dlt
    from dlt.extract import DltResource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = ("campaign_id", "lead_id", "processed_at")


def outcomes(
    *campaigns: Campaign[Any], since: datetime | None = None, overlap_seconds: float = OVERLAP_SECONDS
) -> Any:
    """Return a dlt source with one resource, `outcomes`, that is merged into its table.

    A run reads what was processed since the latest outcome of the last run, and a little before; the first one
    reads all. dlt keeps how far that was, and only with what it has loaded: a run that was killed is repeated.

    Args:
        campaigns: of `SquadIQ`; each page costs a hit of the quota. Each has a state of its own.
        since: where the first run begins; aware.
        overlap_seconds: how far before the last run's end to begin: a lead may be listed later than it was
            processed.
    """
