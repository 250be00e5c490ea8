"""Pushing from one end to the other: what `campaign.push_leads` does, for both kinds of client."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import anyio
import anyio.to_thread
from squadiq_generated.models import Lead

from squadiq._checks import flag
from squadiq.errors import ConfigurationError, SquadIQError
from squadiq.operations import PreparedRequest, Scope, prepare_checked_leads
from squadiq.push.columns import Columns, columns_for, inferred_types
from squadiq.push.engine import LARGEST_BATCH, Pause, Push, PushRules, PushSteps, PushStoppedError
from squadiq.push.ledger import Ledger
from squadiq.push.report import PushCounts, Rejection, RejectionWriter
from squadiq.push.rows import Row
from squadiq.push.sources import Source, names_of, open_source
from squadiq.push.suppression import suppressed_numbers
from squadiq.quota.factory import state_directory


class PushOptions(TypedDict, total=False):
    """How a push is done."""

    columns: Columns
    """How rows become leads; what it leaves open is taken from usual headings."""
    ledger: str | Path | None
    """Path of a SQLite file, or URL of a PostgreSQL that several pushes share; by default a file in the user's state
    directory."""
    suppress: str | Path | Collection[str] | None
    """Phone numbers never to be sent: a file with them, or the numbers."""
    allow_duplicate_numbers: bool
    """Whether one phone number may be sent under several lead_ids; False."""
    max_rejected: float | None
    """Stop when more rows are rejected; below 1 a share of the rows."""
    encoding: str | None
    """Encoding of CSV, in place of what is recognised."""
    delimiter: str | None
    """What stands between the fields of CSV, in place of what is recognised."""
    dry_run: bool
    """Check everything, send nothing and write nothing."""
    on_progress: Callable[[PushCounts, int | None], None]
    """Hears the counts, and how many rows there are if that is known."""
    should_stop: Callable[[], bool]
    """Asked between batches; the same push goes on later."""


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came of a push.

    Attributes:
        counts: of rows and leads.
        source: name of where the rows came from.
        notes: what was recognised, for people.
        columns: as they were used.
        ledger: where it is; "" for a dry run.
        rejected_file, unknown_file: where those rows are; None if there are none, or no file for them.
        rejected, unknown: the first of those rows, where there is no file for them.
        first: for a dry run, the first leads as they would be sent.
    """

    counts: PushCounts
    source: str
    notes: Sequence[str]
    columns: Columns = field(repr=False)
    ledger: str
    rejected_file: Path | None
    unknown_file: Path | None
    rejected: Sequence[Rejection] = field(default=(), repr=False)
    unknown: Sequence[Row] = field(default=(), repr=False)
    first: Sequence[Lead] = field(default=(), repr=False)

    @property
    def is_good(self) -> bool:
        """Whether every lead is created or was there before."""
        counts = self.counts
        return not (counts.rejected or counts.unknown or counts.elsewhere or (counts.waiting and self.ledger))


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push would take.

    Attributes:
        hits: of the quota, at the largest batches.
        minutes: at the quota of the document, if nobody else spends it.
    """

    hits: int
    minutes: float


def plan_of(leads: int, *, hits_per_window: int, window_seconds: float) -> PushPlan:
    """Return what it takes to create leads."""
    hits = math.ceil(leads / LARGEST_BATCH)
    windows = max(0, math.ceil(hits / hits_per_window) - 1)
    return PushPlan(hits, windows * window_seconds / 60)


def default_ledger() -> Path:
    """Return the ledger of this user on this machine."""
    return state_directory() / "push.sqlite3"


def push_leads(
    scope: Scope[Any],
    send: Callable[[PreparedRequest[None]], None],
    given: Any,
    **options: Unpack[PushOptions],
) -> PushResult:
    """Push all of a source; see `Campaign.push_leads`."""
    with _prepared(scope, given, options) as prepared:
        outcome: SquadIQError | None = None
        while (step := prepared.next(outcome)) is not None:
            outcome = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                continue
            try:
                send(prepare_checked_leads(scope, step.leads))
            except SquadIQError as error:
                outcome = error
    return prepared.result()


async def push_leads_async(
    scope: Scope[Any],
    send: Callable[[PreparedRequest[None]], Awaitable[None]],
    given: Any,
    **options: Unpack[PushOptions],
) -> PushResult:
    """Push all of a source without blocking; see `Campaign.push_leads`."""
    context = _prepared(scope, given, options)
    prepared = await anyio.to_thread.run_sync(context.__enter__)
    try:
        outcome: SquadIQError | None = None
        while (step := await anyio.to_thread.run_sync(prepared.next, outcome)) is not None:
            outcome = None
            if isinstance(step, Pause):
                await anyio.sleep(step.seconds)
                continue
            try:
                await send(prepare_checked_leads(scope, step.leads))
            except SquadIQError as error:
                outcome = error
    except BaseException as error:
        context.__exit__(type(error), error, error.__traceback__)
        raise
    else:
        context.__exit__(None, None, None)
    return prepared.result()


class _Prepared:
    """A push that is ready to run: its source is open, its columns are certain, its ledger is held."""

    def __init__(
        self, push: Push, steps: PushSteps, source: Source, notes: Sequence[str], ledger: Ledger | None
    ) -> None:
        self.push = push
        self.source = source
        self.notes = notes
        self.ledger = ledger
        self.columns = Columns()
        self.files: tuple[Path | None, Path | None] = (None, None)
        self.rejections: RejectionWriter | None = None
        self._steps = steps
        self._begun = False

    def next(self, outcome: SquadIQError | None) -> Any:
        """What is to be done next, told what came of the last; None at the end."""
        try:
            if not self._begun:
                self._begun = True
                return next(self._steps)
            return self._steps.send(outcome)
        except StopIteration:
            return None

    def result(self) -> PushResult:
        assert self.rejections is not None
        return PushResult(
            counts=self.push.counts,
            source=self.source.name,
            notes=self.notes,
            columns=self.columns,
            ledger=self.ledger.place if self.ledger is not None else "",
            rejected_file=self.files[0],
            unknown_file=self.files[1],
            rejected=self.rejections.kept,
            unknown=self.rejections.kept_unknown,
            first=self.push.first,
        )


@contextmanager
def _prepared(scope: Scope[Any], given: Any, options: PushOptions) -> Generator[_Prepared]:
    if unknown := options.keys() - PushOptions.__annotations__.keys():
        raise TypeError(f"push_leads() got an unexpected keyword argument {min(unknown)!r}")
    source = open_source(given, encoding=options.get("encoding"), delimiter=options.get("delimiter"))
    columns, notes, total = _columns(source, options.get("columns", Columns()), scope.lead_type)
    dry_run = flag("dry_run", options.get("dry_run", False))
    on_progress = options.get("on_progress")
    rules = PushRules(
        columns=columns,
        lead_type=scope.lead_type,
        repeat_creates=scope.repeat_creates,
        allow_duplicate_numbers=flag("allow_duplicate_numbers", options.get("allow_duplicate_numbers", False)),
        suppressed=suppressed_numbers(options.get("suppress")),
        max_rejected=_max_rejected(options.get("max_rejected")),
    )
    ledger = None if dry_run else _ledger(options.get("ledger"), scope, source)
    rejections = RejectionWriter(None if dry_run else source.path, source.headings)
    push = Push(
        rules,
        ledger,
        rejections,
        on_progress=(lambda counts: on_progress(counts, total)) if on_progress else lambda counts: None,
        should_stop=options.get("should_stop", lambda: False),
    )
    steps = push.steps(source)
    prepared = _Prepared(push, steps, source, notes, ledger)
    prepared.columns, prepared.rejections = columns, rejections
    with closing(ledger) if ledger is not None else nullcontext():
        if ledger is not None:
            ledger.open()
        try:
            with closing(steps):
                yield prepared
        except BaseException as error:
            prepared.files = rejections.close(is_whole=False)
            if isinstance(error, PushStoppedError):
                error.result = prepared.result()
            raise
        prepared.files = rejections.close(is_whole=True)


def _max_rejected(given: float | None) -> float | None:
    if given is not None and not (isinstance(given, int | float) and given >= 0):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("max_rejected must be a number of rows, or a share of them below 1.")
    return given


def _ledger(given: str | Path | None, scope: Scope[Any], source: Source) -> Ledger:
    database = given if given is not None else default_ledger()
    return Ledger(database, service=scope.service, campaign_id=scope.campaign_id, source=source.name)


def _columns(source: Source, given: Columns, lead_type: type[Lead]) -> tuple[Columns, list[str], int | None]:
    """The columns of a source, what was recognised of them, and how many rows there are, if that was counted."""
    headings = source.headings if source.headings is not None else names_of(source)
    if headings is None:
        return given, list(source.notes), None
    custom = [each.alias or name for name, each in lead_type.model_fields.items()]
    columns = columns_for(headings, given=given, custom_fields=custom)
    notes = [*source.notes, *(f"{heading} is sent as {name}" for heading, name in _renamed(columns.fields))]
    if not source.is_text:
        return columns, notes, None
    types, told, total = inferred_types(columns, source.read())
    return replace(columns, types={**types, **columns.types}), [*notes, *told], total


def _renamed(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(heading, name) for heading, name in fields.items() if heading != name]
