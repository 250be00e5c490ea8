"""Outcomes into a file: kept in a spool until all are there, then written whole, or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from squadiq.errors import ConfigurationError, InvalidInputError, Problem
from squadiq.inbox.store import second_of
from squadiq.outcomes.formats import OutcomeFormat, format_of
from squadiq.outcomes.rows import Responses, headings_of, outcome_of
from squadiq.outcomes.sources import OutcomeSource
from squadiq.outcomes.spans import Span
from squadiq.outcomes.spool import Spool


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What came of an export.

    Attributes:
        file: where it is.
        outcomes: rows in it.
        unreadable: leads that were left out, without a `lead_id` or `processed_at` to know them by.
        hits: of the quota, by this run.
        resumed: outcomes that were there from a run that was broken off.
        columns: the headings.
    """

    file: Path
    outcomes: int
    unreadable: int
    hits: int
    resumed: int
    columns: tuple[str, ...] = field(repr=False)


def export_outcomes(
    source: OutcomeSource,
    file: str | os.PathLike[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    responses: Responses = "columns",
    zone: str | None = None,
    on_progress: Callable[[int, int], None] = lambda outcomes, hits: None,
    now: Callable[[], float] = time.time,
) -> ExportResult:
    """Write outcomes to a file: .csv, .jsonl, .xlsx or .parquet; broken off, the same call goes on where it was.

    Args:
        source: a `CampaignSource` or an `InboxSource`.
        file: is replaced once everything is written; readable for its owner only.
        since: only what was processed at this time or later; aware.
        until: only what was processed at this time or earlier; aware.
        responses: a column for each key of `lead_responses`, or one with JSON.
        zone: of times; by default Asia/Kolkata in CSV and Excel, and UTC elsewhere.
        on_progress: hears how many outcomes were read, and how many hits of the quota that took.
        now: seconds since 1970.

    Raises:
        ConfigurationError: the file has no ending that is known, no folder to be in, or the zone is none.
        InvalidInputError: a time is not aware, since is later than until, or there are too many different
            responses for columns.
        OutcomesError: another export writes the same file, or it does not fit into Excel.
        SquadIQError: SquadIQ cannot be asked. What was read stays beside the file, and the next call goes on.
    """
    path = Path(file).absolute()
    written = format_of(path, zone)
    if not path.parent.is_dir() or path.is_dir():
        raise ConfigurationError(f"{path} cannot be written: its folder does not exist, or it is a folder itself.")
    wanted = Span(_second("since", since) or 0, _second("until", until))
    if wanted.last is not None and wanted.last < wanted.first:
        raise InvalidInputError([Problem(None, None, "since", "is later than until")])
    what = f"{source.name} {wanted.first}"  # a later end is reached from an earlier one
    if until is not None:
        what += f" {wanted.last}"
    unreadable = hits = 0
    with Spool(path.with_name(f".{path.name}.squadiq-spool"), what, now) as spool:
        if not source.resumes:
            spool.clear()
        resumed = read = spool.count()
        for page in source.pages(wanted, spool.covered()):
            spool.add(page.arrivals, page.read_for_good)
            unreadable, hits, read = unreadable + page.unreadable, hits + page.hits, read + len(page.arrivals)
            on_progress(read, hits)
        columns = _write(spool, path, written, responses)
        total = spool.count()
        spool.remove()
    return ExportResult(path, total, unreadable, hits, resumed, columns)


def _write(spool: Spool, path: Path, written: OutcomeFormat, responses: Responses) -> tuple[str, ...]:
    headings = headings_of(map(outcome_of, spool.outcomes()), responses)
    names = headings.names()
    written.check(spool.count(), len(names))
    part = path.with_name(f".{path.name}.squadiq-part")  # of one name: what a killed run left is written over
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        written.write(part, names, (headings.values(outcome_of(each)) for each in spool.outcomes()))
        _keep(part, os.O_RDWR)
        os.replace(part, path)
        with suppress(PermissionError):  # Windows opens no folders
            _keep(path.parent, os.O_RDONLY)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return tuple(names)


def _keep(path: Path, how: int) -> None:
    """Have a file, or the names in a folder, on the disk."""
    number = os.open(path, how)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _second(name: str, moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidInputError([Problem(None, None, name, "must have an offset from UTC")])
    return max(0, second_of(moment))
