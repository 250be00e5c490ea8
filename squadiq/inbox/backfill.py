"""Reading what was missed: `getLeads` into the inbox, through the same de-duplication as the webhook."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from squadiq_generated.models import ProcessedLead

from squadiq.campaign import AsyncCampaign
from squadiq.errors import ConfigurationError, SquadIQError
from squadiq.inbox.payloads import payload_of
from squadiq.inbox.store import EPOCH, Arrival, InboxStore
from squadiq.validation import epoch_seconds

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

    What was reached is noted only at the end, so that a walk that is broken off is done again; what it
    had read by then is stored all the same.

    Raises:
        ConfigurationError: there is no campaign, or the overlap is no number of seconds.
        InvalidInputError: `since` is no time.
    """

    def __init__(self, store: InboxStore, campaign: object, since: datetime | None, overlap_seconds: float) -> None:
        self._store = store
        self._campaign_id = _campaign_id(campaign)
        self._leads: list[ProcessedLead] = []
        self._latest: datetime | None = None
        self._read = self._new = self._unreadable = 0
        self._began = store.now()
        epoch_seconds(since, "since")
        overlap = _seconds(overlap_seconds)
        reached = store.read_until(self._campaign_id)
        if since is None and reached is not None:
            since = datetime.fromtimestamp(max(0.0, reached.timestamp() - overlap), UTC)
        self.since = since

    def take(self, lead: ProcessedLead) -> bool:
        """Take a lead that was listed; return whether it is time to `write`."""
        self._leads.append(lead)
        return len(self._leads) >= BATCH

    def write(self) -> None:
        """Store the leads that were taken."""
        leads, self._leads = self._leads, []
        arrivals = [arrival for lead in leads if (arrival := backfilled_arrival(lead, self._campaign_id)) is not None]
        self._read += len(leads)
        self._unreadable += len(leads) - len(arrivals)
        if arrivals:
            self._new += self._store.add(arrivals)
            latest = max(arrival.processed_at for arrival in arrivals)
            self._latest = latest if self._latest is None else max(self._latest, latest)

    def end(self) -> Backfill:
        """Note how far the campaign was read, and return what came of it."""
        if self._latest is not None:
            # One lead with a time far ahead must not hide those that are processed until then.
            self._store.has_read_until(self._campaign_id, max(EPOCH, min(self._latest, self._began)))
        if self._unreadable:
            log.warning(
                "backfill of campaign %s: %d leads have no usable lead_id or processed_at and were left out",
                self._campaign_id,
                self._unreadable,
            )
        return Backfill(self._campaign_id, self.since, self._read, self._new, self._unreadable)


def backfilled_arrival(lead: ProcessedLead, campaign_id: str) -> Arrival | None:
    """Return a listed lead as it goes into the inbox; None if it cannot be known again.

    An odd lead keeps its odd values, so each is looked at before it is used.
    """
    fields: dict[str, object] = dict(lead)
    lead_id, processed_at = fields.get("lead_id"), fields.get("processed_at")
    payload = payload_of(lead)
    if not isinstance(lead_id, str) or "\0" in lead_id or not isinstance(processed_at, datetime) or payload is None:
        return None
    try:
        return Arrival(campaign_id, lead_id, processed_at.astimezone(UTC), payload)
    except OverflowError:  # in the year 1 or 9999, and only in its own time zone
        return None


def backfill(store: InboxStore, campaign: SourceCampaign, since: datetime | None, overlap_seconds: float) -> Backfill:
    """Read a campaign into the inbox, since a time or since where the last whole walk ended."""
    walk = Walk(store, campaign, since, overlap_seconds)
    leads: Any = campaign.get_leads(processed_after=walk.since)
    if not isinstance(leads, Iterable):
        raise _wrong_kind("backfill() takes a Campaign of SquadIQ; an AsyncCampaign is for backfill_async()")
    try:
        for lead in cast(Iterable[ProcessedLead], leads):
            if walk.take(lead):
                walk.write()
    finally:
        walk.write()
    return walk.end()


async def backfill_async(
    store: InboxStore, campaign: AsyncSourceCampaign, since: datetime | None, overlap_seconds: float
) -> Backfill:
    """Do `backfill` without blocking."""
    walk = await asyncio.to_thread(Walk, store, campaign, since, overlap_seconds)
    leads: Any = campaign.get_leads(processed_after=walk.since)
    if not isinstance(leads, AsyncIterable):
        raise _wrong_kind("backfill_async() takes an AsyncCampaign of AsyncSquadIQ; a Campaign is for backfill()")
    try:
        async for lead in cast(AsyncIterable[ProcessedLead], leads):
            if walk.take(lead):
                await asyncio.to_thread(walk.write)
    finally:
        await asyncio.to_thread(walk.write)
    return await asyncio.to_thread(walk.end)


def _campaign_id(campaign: object) -> str:
    campaign_id: object = getattr(campaign, "campaign_id", None)
    if not isinstance(campaign_id, str) or not callable(getattr(campaign, "get_leads", None)):
        raise _wrong_kind("A backfill takes a campaign, such as client.campaign(…)")
    return campaign_id


def _checked(campaigns: object) -> tuple[SourceCampaign, ...]:
    if not isinstance(campaigns, Iterable) or isinstance(campaigns, str):
        raise _wrong_kind("backfill= takes a list of campaigns, such as [client.campaign(…)]")
    checked = tuple(cast(Iterable[SourceCampaign], campaigns))
    for campaign in checked:
        _campaign_id(campaign)
        if isinstance(campaign, AsyncCampaign) or inspect.isasyncgenfunction(campaign.get_leads):
            raise _wrong_kind("backfill= takes campaigns of SquadIQ, not of AsyncSquadIQ: they are read in a thread")
    return checked


def _seconds(overlap: Any) -> float:
    if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap < math.inf:
        raise ConfigurationError("overlap_seconds must be a number of seconds, not below zero.")
    return overlap


def _wrong_kind(what: str) -> ConfigurationError:
    return ConfigurationError(f"{what}.")


def backfill_each(backfill_one: Callable[[SourceCampaign], Backfill], campaigns: Iterable[SourceCampaign]) -> None:
    """Read campaigns one after the other; one that cannot be read is told, and the others are.

    Raises:
        ConfigurationError: these are no campaigns, or not of `SquadIQ`.
    """
    for campaign in _checked(campaigns):
        try:
            found = backfill_one(campaign)
        except SquadIQError as error:
            log.warning("backfill of campaign %s failed, and will be tried again: %s", campaign.campaign_id, error)
        else:
            log.info("backfill of campaign %s: %d read, %d new", found.campaign_id, found.read, found.new)


@contextmanager
def backfill_every(
    seconds: float, backfill_one: Callable[[SourceCampaign], Backfill], campaigns: Iterable[SourceCampaign]
) -> Generator[None]:
    """Read campaigns again and again while the block runs.

    The thread is left to itself at the end: a page that waits for the quota may take minutes, and a
    walk that is broken off loses nothing.

    Raises:
        ConfigurationError: these are no campaigns, or not of `SquadIQ`.
    """
    campaigns = _checked(campaigns)
    ended = threading.Event()

    def repeat() -> None:
        while True:
            backfill_each(backfill_one, campaigns)
            if ended.wait(seconds):
                return

    if campaigns:
        threading.Thread(target=repeat, name="squadiq-inbox-backfill", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
