"""Outcomes into a table: what came since the last run, with an overlap, merged by campaign, lead and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from squadiq.inbox.store import Arrival, second_of
from squadiq.outcomes.rows import COLUMNS, RESPONSES, TIMES, outcome_of, text_value
from squadiq.outcomes.sources import OutcomeSource, moment_of
from squadiq.outcomes.spans import Span
from squadiq.outcomes.target import OutcomeTable


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came of a run.

    Attributes:
        read: outcomes that were read, some of them again.
        new: rows among them that were not there.
        unreadable: leads that were left out, without a `lead_id` or `processed_at` to know them by.
        hits: of the quota.
    """

    read: int
    new: int
    unreadable: int
    hits: int


def sync_outcomes(
    source: OutcomeSource,
    table: OutcomeTable,
    *,
    on_progress: Callable[[int, int], None] = lambda outcomes, hits: None,
    now: Callable[[], float] = time.time,
) -> SyncResult:
    """Merge into a table what was processed since the last run; all of it the first time.

    It may be repeated, and run twice at the same time. Broken off, the next run begins at the last whole span.

    Args:
        source: a `CampaignSource` or an `InboxSource`; how far it was read is kept beside the table.
        table: is made if it is not there.
        on_progress: hears how many outcomes were read, and how many hits of the quota that took.
        now: seconds since 1970.

    Raises:
        OutcomesError: the database fails, or its table has other columns.
        SquadIQError: SquadIQ cannot be asked. What was read is in the table.
    """
    table.prepare()
    reached = table.read_until(source.name)
    wanted = Span(reached if source.resumes and reached is not None else 0, None)
    began = int(now())
    read = new = unreadable = hits = latest = 0
    for page in source.pages(wanted, received_since=reached):
        new += table.merge([row_of(each) for each in page.arrivals])
        read, unreadable, hits = read + len(page.arrivals), unreadable + page.unreadable, hits + page.hits
        latest = max(latest, int(page.received_at))
        if page.read_for_good is not None and page.read_for_good.last is not None:
            table.has_read_until(source.name, page.read_for_good.last)
        on_progress(read, hits)
    if not source.resumes and latest:
        table.has_read_until(source.name, min(latest, began))
    return SyncResult(read, new, unreadable, hits)


def row_of(arrival: Arrival) -> Mapping[str, Any]:
    """Return an outcome as a row of the table; a time that cannot be read is null there."""
    outcome = outcome_of(arrival)
    row: dict[str, Any] = {name: _text(outcome.get(name)) for name in COLUMNS if name not in TIMES}
    row |= {name: _moment(outcome.get(name)) for name in TIMES}
    row["processed_at"] = moment_of(second_of(arrival.processed_at))  # by which it is known everywhere
    further = {name: value for name, value in outcome.items() if name not in {*COLUMNS, RESPONSES}}
    return {**row, "lead_responses": outcome.get(RESPONSES), "further_fields": further or None}


def _text(value: Any) -> str | None:
    text = text_value(value)
    return text and text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # which PostgreSQL does not hold


def _moment(value: Any) -> datetime | None:
    """A time in UTC, for databases that have times without a zone."""
    try:
        return value.astimezone(UTC) if isinstance(value, datetime) else None
    except OverflowError:  # in the year 1 or 9999, and only in its own time zone
        return None
