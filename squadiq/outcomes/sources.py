"""Where outcomes come from: SquadIQ, span by span and page by page, or an inbox, without a hit of the quota."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from squadiq.campaign import Campaign
from squadiq.inbox import Inbox
from squadiq.inbox.backfill import OVERLAP_SECONDS, backfilled_arrival
from squadiq.inbox.store import Arrival, second_of
from squadiq.outcomes.spans import Span, halves, surely_read, uncovered

PAGE_SIZE = 1000
SPAN_LEADS = 20_000
"""A span with more leads is halved: so much is read again at most, and remembered, at one time."""


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """Some outcomes, and how far that is.

    Attributes:
        arrivals: the outcomes.
        unreadable: leads without a `lead_id` or a `processed_at` to know them by; left out.
        read_for_good: a span of which nothing is missing, once this page is kept.
        hits: of the quota.
        received_at: for an inbox, when the latest of them was stored, in seconds since 1970.
    """

    arrivals: Sequence[Arrival] = field(repr=False)
    unreadable: int = 0
    read_for_good: Span | None = None
    hits: int = 0
    received_at: float = 0.0


class OutcomeSource(Protocol):
    """What outcomes can be read from."""

    @property
    def name(self) -> str:
        """What it is, the same at each run; without a password."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether a run goes on where an earlier one was broken off; else all is read anew."""
        ...

    def pages(
        self, wanted: Span, covered: Iterable[Span] = (), received_since: float | None = None
    ) -> Iterator[OutcomePage]:
        """Read what was processed in a span, without what is covered.

        Args:
            wanted: by `processed_at`.
            covered: spans that were read before; for a source that resumes.
            received_since: for an inbox, where an earlier run ended, in seconds since 1970: what was stored since
                then, and a little before, is read.
        """
        ...


class CampaignSource:
    """The processed leads of a campaign at SquadIQ.

    Args:
        campaign: of `SquadIQ`.
        service: its base URL: leads of a mock are not those of the live service.
        span_leads: see `SPAN_LEADS`.
        overlap_seconds: a lead may be listed so much later than it was processed.
        now: seconds since 1970.
    """

    resumes = True

    def __init__(
        self,
        campaign: Campaign[Any],
        *,
        service: str,
        span_leads: int = SPAN_LEADS,
        overlap_seconds: float = OVERLAP_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = f"{service.rstrip('/')} {campaign.campaign_id}"
        self._campaign = campaign
        self._span_leads = span_leads
        self._overlap = int(overlap_seconds)
        self._now = now

    def pages(
        self, wanted: Span, covered: Iterable[Span] = (), received_since: float | None = None
    ) -> Iterator[OutcomePage]:
        """Read the spans that are left, the earliest first; one with too many leads in halves."""
        waiting = uncovered(wanted, covered)[::-1]
        while waiting:
            span = waiting.pop()
            began = int(self._now())
            parts: tuple[Span, Span] | None = None
            latest = 0
            for leads, count in self._walk(span):
                arrivals = [each for each in leads if each is not None]
                latest = max([latest, *(second_of(each.processed_at) for each in arrivals)])
                yield OutcomePage(_within(arrivals, wanted), len(leads) - len(arrivals), hits=1)
                if isinstance(count, int) and count > self._span_leads and (parts := halves(span, began)):
                    waiting += reversed(parts)
                    break
            if parts is None:
                # Without an end, as far as leads came: our clock may be ahead of SquadIQ's.
                began = min(began, latest) if span.last is None else began
                yield OutcomePage((), read_for_good=surely_read(span, began=began, overlap=self._overlap))

    def _walk(self, span: Span) -> Iterator[tuple[list[Arrival | None], object]]:
        # A second more at both ends: whether a service counts the ends in is not documented.
        pages = self._campaign.get_leads(
            processed_after=max(span.first - 1, 0) or None,
            processed_before=None if span.last is None else span.last + 1,
            page_size=PAGE_SIZE,
        ).pages()
        for page in pages:
            yield [backfilled_arrival(lead, self._campaign.campaign_id) for lead in page.results], page.count


class InboxSource:
    """What an inbox keeps, of one campaign or of all."""

    resumes = False

    def __init__(
        self, inbox: Inbox, campaign_id: str | None = None, *, overlap_seconds: float = OVERLAP_SECONDS
    ) -> None:
        self._overlap = overlap_seconds
        # Of the inbox too: how far one was read says nothing of another.
        place = hashlib.sha256(repr(inbox).encode()).hexdigest()[:16]
        self.name = f"inbox {place} {campaign_id or 'of all campaigns'}"
        self._inbox = inbox
        self._campaign_id = campaign_id

    def pages(
        self, wanted: Span, covered: Iterable[Span] = (), received_since: float | None = None
    ) -> Iterator[OutcomePage]:
        """Read the results that are stored, in the order in which they were."""
        pages = self._inbox.pages(
            self._campaign_id,
            processed_after=moment_of(wanted.first) if wanted.first else None,
            processed_before=None if wanted.last is None else moment_of(wanted.last),
            received_after=None if received_since is None else received_since - self._overlap,
        )
        for page in pages:
            arrivals = [Arrival(each.campaign_id, each.lead_id, each.processed_at, each.payload) for each in page]
            yield OutcomePage(arrivals, received_at=max(each.received_at.timestamp() for each in page))


def moment_of(second: int) -> datetime:
    """Return a time from whole seconds since 1970."""
    return datetime.fromtimestamp(second, UTC)


def _within(arrivals: Iterable[Arrival], wanted: Span) -> list[Arrival]:
    last = float("inf") if wanted.last is None else wanted.last
    return [each for each in arrivals if wanted.first <= max(0, second_of(each.processed_at)) <= last]
