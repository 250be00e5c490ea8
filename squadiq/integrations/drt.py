"""drt's destination `squadiq`: rows of a warehouse become leads, each one once, by our quota, checks and ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from squadiq._extras import needs_extra

with needs_extra("drt"):
    from drt.config.base import GenericDestinationConfig  # pyright: ignore[reportMissingTypeStubs]
    from drt.config.models import DestinationConfig, SyncOptions  # pyright: ignore[reportMissingTypeStubs]
    from drt.connectors.registry import register_destination  # pyright: ignore[reportMissingTypeStubs]
    from drt.destinations.base import SyncResult  # pyright: ignore[reportMissingTypeStubs]
    from drt.destinations.row_errors import RowError as DrtRowError  # pyright: ignore[reportMissingTypeStubs]

from squadiq.client import SquadIQ
from squadiq.errors import ConfigurationError, SquadIQError


class SquadIQDestinationConfig(GenericDestinationConfig):  # type: ignore[misc]  # drt has no types
    """What stands under `destination:` of a sync.

    Attributes:
        campaign_id: whose leads they become; by default `SQUADIQ_CAMPAIGN_ID`.
        base_url: by default `SQUADIQ_BASE_URL`, or the live service.
        access_token_env: the variable that holds the access token.
        quota: where the quota is kept, as `SquadIQ(quota=…)` has it.
        ledger: where it is kept what became of each lead; a file, or the URL of PostgreSQL for several machines.
        allow_duplicate_numbers: whether one phone number may be sent under several lead_ids.
    """

    type: str = "squadiq"
    campaign_id: str | None = None
    base_url: str | None = None
    access_token_env: str = "SQUADIQ_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
    quota: str | None = Field(default=None, repr=False)
    ledger: str | None = Field(default=None, repr=False)
    allow_duplicate_numbers: bool = False

    def describe(self) -> str:
        """Return what drt shows of it."""
        return f"squadiq ({self.campaign_id or 'the campaign of SQUADIQ_CAMPAIGN_ID'})"


class SquadIQDestination:
    """Pushes each batch; a row that does not become a lead is an error of that row, and shows nothing of it."""

    def load(self, records: list[dict[str, Any]], config: DestinationConfig, sync_options: SyncOptions) -> SyncResult:
        """Create the leads of a batch that are not created yet.

        Raises:
            SquadIQError: SquadIQ or the ledger cannot be reached, or rows failed and `on_error` is `fail`. The same
                sync goes on where it was.
        """
        if not isinstance(config, SquadIQDestinationConfig):
            raise ConfigurationError(f"drt: this is the destination squadiq, and no {config.type}.")
        if not records:
            return SyncResult()
        options = {"base_url": config.base_url, "quota": config.quota}
        with SquadIQ(os.environ.get(config.access_token_env), **options) as client:  # type: ignore[arg-type]
            done = client.campaign(config.campaign_id).push_leads(
                records, ledger=config.ledger, allow_duplicate_numbers=config.allow_duplicate_numbers
            )
        counts = done.counts
        good = counts.created + counts.created_before + counts.existing
        result = SyncResult(success=good, failed=len(records) - good)
        result.row_errors = list(_row_errors(done))
        result.errors = [f"{number} rows: {what}" for what, number in _reasons(counts)]
        if result.failed and sync_options.on_error == "fail":
            raise SquadIQError(f"{result.failed} of {len(records)} rows did not become leads ({result.errors}).")
        return result


def register() -> None:
    """Make the destination known to drt, which calls this by the entry point `drt.destinations`."""
    register_destination("squadiq", SquadIQDestinationConfig, SquadIQDestination)


def _reasons(counts: Any) -> Iterator[tuple[str, int]]:
    yield from sorted(counts.rejected.items())
    if counts.unknown:
        yield "unknown: the lead may have been created or not", counts.unknown
    if counts.elsewhere:
        yield "elsewhere: another push has the lead in hand", counts.elsewhere


def _row_errors(done: Any) -> Iterator[DrtRowError]:
    """Without a preview of the row: it holds a phone number and a name."""
    for each in done.rejected:
        yield DrtRowError(each.row.number - 1, "", None, f"{each.code}: {each.reason}")
    for row in done.unknown:
        yield DrtRowError(row.number - 1, "", None, "unknown: the lead may have been created or not")
