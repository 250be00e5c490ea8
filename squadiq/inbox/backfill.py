"""Reading what was missed: `getLeads` into the inbox, through the same de-duplication as the webhook."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from squadiq_generated.models import ProcessedLead

from squadiq.errors import SquadIQError
from squadiq.inbox.payloads import payload_of
from squadiq.inbox.store import Arrival, Store

log = logging.getLogger("squadiq.inbox")

OVERLAP_SECONDS = 3600.0
"""How far before the last walk's end the next one begins: a result may be listed later than it was processed."""

BATCH = 500
"""Leads that are stored in one commit."""


class SourceCampaign(Protocol):
    """What is needed of a `Campaign`."""

    @property
    def campaign_id(self) -> str:
        """Unique identifier of the campaign."""
        ...

    def get_leads(self, *, processed_after: datetime | None) -> Iterable[ProcessedLead]:
        """Iterate over the leads that were processed at a time or later."""
        ...


class AsyncLeadIterable(Protocol):
    """What `AsyncCampaign.get_leads` returns."""

    def __aiter__(self) -> AsyncIterator[ProcessedLead]: ...


class AsyncSourceCampaign(Protocol):
    """What is needed of an `AsyncCampaign`."""

    @property
    def campaign_id(self) -> str:
        """Unique identifier of the campaign."""
        ...

    def get_leads(self, *, processed_after: datetime | None) -> AsyncLeadIterable:
        """Iterate over the leads that were processed at a time or later."""
        ...


@dataclass(frozen=True, slots=True)
class Backfill:
    """What came of reading a campaign.

    Attributes:
        campaign_id: the campaign.
        since: leads processed then or later were asked for; None for all.
        read: leads that SquadIQ listed.
        new: results among them that the inbox did not have.
        unreadable: leads among them without a `lead_id` or a `processed_at` to know them by; not stored.
    """

    campaign_id: str
    since: datetime | None
    read: int = 0
    new: int = 0
    unreadable: int = 0


class Walk:
    """One walk over the processed leads of a campaign.

    What was reached is noted only at the end, so that a walk that is broken off is done again.
    """

    def __init__(self, store: Store, campaign_id: str, since: datetime | None, overlap_seconds: float) -> None:
        self._store = store
        self._campaign_id = campaign_id
        self._latest: datetime | None = None
        self._read = self._new = self._unreadable = 0
        self._began = store.now()
        reached = store.read_until(campaign_id)
        self.since = reached - timedelta(seconds=overlap_seconds) if since is None and reached else since

    def take(self, leads: list[ProcessedLead]) -> None:
        """Store leads that were listed."""
        arrivals = [arrival for lead in leads if (arrival := arrival_of(lead, self._campaign_id)) is not None]
        self._read += len(leads)
        self._unreadable += len(leads) - len(arrivals)
        if arrivals:
            self._new += self._store.add(arrivals)
            latest = max(arrival.processed_at for arrival in arrivals)
            self._latest = max(self._latest, latest) if self._latest else latest

    def end(self) -> Backfill:
        """Note how far the campaign was read, and return what came of it."""
        if self._latest is not None:
            # One lead with a time far ahead must not hide those that are processed until then.
            self._store.has_read_until(self._campaign_id, min(self._latest, self._began))
        if self._unreadable:
            log.warning(
                "backfill of campaign %s: %d leads have no usable lead_id or processed_at and were left out",
                self._campaign_id,
                self._unreadable,
            )
        return Backfill(self._campaign_id, self.since, self._read, self._new, self._unreadable)


def arrival_of(lead: ProcessedLead, campaign_id: str) -> Arrival | None:
    """Return a listed lead as it goes into the inbox; None if it cannot be known again.

    An odd lead keeps its odd values, so each is looked at before it is used.
    """
    fields: dict[str, object] = dict(lead)
    lead_id, processed_at = fields.get("lead_id"), fields.get("processed_at")
    payload = payload_of(lead)
    if not isinstance(lead_id, str) or not isinstance(processed_at, datetime) or payload is None:
        return None
    return Arrival(campaign_id, lead_id, processed_at, payload)


def backfill(store: Store, campaign: SourceCampaign, since: datetime | None, overlap_seconds: float) -> Backfill:
    """Read a campaign into the inbox, since a time or since where the last walk ended."""
    walk = Walk(store, campaign.campaign_id, since, overlap_seconds)
    leads = iter(campaign.get_leads(processed_after=walk.since))
    while batch := list(islice(leads, BATCH)):
        walk.take(batch)
    return walk.end()


async def backfill_async(
    store: Store, campaign: AsyncSourceCampaign, since: datetime | None, overlap_seconds: float
) -> Backfill:
    """Do `backfill` without blocking."""
    walk = await asyncio.to_thread(Walk, store, campaign.campaign_id, since, overlap_seconds)
    batch: list[ProcessedLead] = []
    async for lead in campaign.get_leads(processed_after=walk.since):
        batch.append(lead)
        if len(batch) == BATCH:
            await asyncio.to_thread(walk.take, batch)
            batch = []
    await asyncio.to_thread(walk.take, batch)
    return await asyncio.to_thread(walk.end)


@contextmanager
def backfill_every(
    seconds: float, backfill_one: Callable[[SourceCampaign], Backfill], campaigns: Sequence[SourceCampaign]
) -> Generator[None]:
    """Read campaigns again and again while the block runs.

    The thread is left to itself at the end: a page that waits for the quota may take minutes, and a
    walk that is broken off loses nothing.
    """
    ended = threading.Event()

    def repeat() -> None:
        while True:
            for campaign in campaigns:
                try:
                    found = backfill_one(campaign)
                except SquadIQError as error:
                    log.warning(
                        "backfill of campaign %s failed, and will be tried again: %s", campaign.campaign_id, error
                    )
                else:
                    log.info("backfill of campaign %s: %d read, %d new", found.campaign_id, found.read, found.new)
            if ended.wait(seconds):
                return

    if campaigns:
        threading.Thread(target=repeat, name="squadiq-inbox-backfill", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
