"""Changes of leads from a file: update, convert, disable or delete, each one once, going on where it was broken off.

All four may be carried out twice with the effect of once, so what is unknown is simply done again. Only a delete
is written down before it is sent too: if the lead is then gone, it was this delete.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, LargeBinary, String, Table, delete, insert, select
from squadiq_generated.constants import CONVERT_LEAD, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq.errors import InvalidInputError, Problem, SquadIQError
from squadiq.push.columns import FIXED, Columns, columns_for, inferred_types
from squadiq.push.engine import LARGEST_BATCH, PushStoppedError
from squadiq.push.ledger import Ledger
from squadiq.push.report import Rejection, RejectionWriter
from squadiq.push.rows import Row, RowError
from squadiq.push.run import default_ledger
from squadiq.push.sources import Source
from squadiq.push.tables import metadata
from squadiq.settlement import settle
from squadiq.validation import prepare_reference

if TYPE_CHECKING:
    from squadiq.campaign import Campaign

changes = Table(
    "squadiq_push_changes",
    metadata,
    Column("service", String, primary_key=True),
    Column("campaign_id", String, primary_key=True),
    Column("operation", String, primary_key=True),
    Column("lead_id", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("changed_at", Float, nullable=False),
)
"""One row for the latest change of a kind that was made to a lead; `content` is a digest of what was sent."""

NEEDED: Mapping[str, Sequence[str]] = {
    UPDATE_LEAD: ("lead_id",),
    CONVERT_LEAD: ("lead_id", "detail"),
    DISABLE_LEADS: ("lead_id",),
    DELETE_LEAD: ("lead_id",),
}
"""The fields that a row needs, by operation."""

_BEGUN = b""
"""In place of a digest: the delete of a lead is under way, or was when the process ended."""
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass
class ChangeCounts:
    """How far it is.

    Attributes:
        rows: read so far.
        done: changes that were made.
        done_before: changes that the ledger knew as made.
        rejected: rows that were not sent, or refused, by reason.
        hits: requests so far.
    """

    rows: int = 0
    done: int = 0
    done_before: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])
    hits: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts for programs."""
        return {**asdict(self), "rejected": dict(self.rejected)}


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What came of a file of changes.

    Attributes:
        counts: of rows and hits.
        notes: what was recognised in the file, for people.
        ledger: where it is.
        rejected_file: where rows are that were not done; None if there are none, or no file for them.
    """

    counts: ChangeCounts
    notes: Sequence[str] = field(repr=False)
    ledger: str = field(repr=False)
    rejected_file: Path | None


@dataclass(frozen=True, slots=True)
class LeadChange:
    """One row as a change of a lead."""

    row: Row
    lead_id: str = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    content: bytes = field(repr=False)
    sent_before: bool = False


def hits_of(operation: str, rows: int) -> int:
    """Return how many hits of the quota it takes to change so many leads."""
    return -(-rows // LARGEST_BATCH) if operation == DISABLE_LEADS else rows


class LeadChanges:
    """Makes the changes of a source.

    Args:
        campaign: whose leads are changed.
        operation: one of `NEEDED`.
        ledger: open.
        rejections: where rejected rows go.
        should_stop: asked before each hit.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        campaign: Campaign[Any],
        operation: str,
        service: str,
        ledger: Ledger,
        rejections: RejectionWriter,
        *,
        should_stop: Callable[[], bool],
        sleep: Callable[[float], None],
    ) -> None:
        self.counts = ChangeCounts()
        self._campaign = campaign
        self._operation = operation
        self._service = service
        self._ledger = ledger
        self._rejections = rejections
        self._should_stop = should_stop
        self._sleep = sleep

    def apply_all(self, rows: Iterator[Row], columns: Columns, on_progress: Callable[[ChangeCounts], None]) -> None:
        """Make the changes of all rows; one by one, where SquadIQ takes no lists.

        Raises:
            PushStoppedError: SquadIQ cannot be asked, or it was told to stop.
        """
        while chunk := list(islice(rows, LARGEST_BATCH if self._operation == DISABLE_LEADS else 1)):
            if self._should_stop():
                raise PushStoppedError("It was interrupted.")
            self._apply(chunk, columns)
            on_progress(self.counts)

    def _apply(self, rows: Sequence[Row], columns: Columns) -> None:
        """Make the changes of some rows that are not made yet."""
        self.counts.rows += len(rows)
        wanted: list[LeadChange] = list(self._wanted(rows, columns))
        while wanted:
            # A lead that stands in a list twice is settled once, and then looked for in the ledger.
            first: dict[str, LeadChange] = {each.lead_id: each for each in reversed(wanted)}
            self._make([each for each in wanted if first[each.lead_id] is each])
            wanted = [each for each in wanted if first[each.lead_id] is not each]

    def _wanted(self, rows: Sequence[Row], columns: Columns) -> Iterator[LeadChange]:
        needed = NEEDED[self._operation]
        for row in rows:
            try:
                values = columns.lead_of(self._relevant(row, columns), needed)
                lead_id = _checked_id(values.pop("lead_id"))
            except RowError as wrong:
                self._reject(row, wrong)
                continue
            content = json.dumps(values, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
            yield LeadChange(row, lead_id, values, self._ledger.content_digest(content))

    def _relevant(self, row: Row, columns: Columns) -> Row:
        """A row with what is sent: a ruined phone number is no reason not to delete a lead."""
        if self._operation == UPDATE_LEAD:
            return row
        needed = NEEDED[self._operation]
        return replace(
            row, values={name: row.values[name] for name in row.values if columns.fields.get(name, name) in needed}
        )

    def _make(self, wanted: Sequence[LeadChange]) -> None:
        known = self._known([each.lead_id for each in wanted])
        new = [each for each in wanted if known.get(each.lead_id) != each.content]
        self.counts.done_before += len(wanted) - len(new)
        waiting = [new] if new else []
        while waiting:
            part = waiting.pop()
            waiting += self._settle(part)

    def _settle(self, part: list[LeadChange]) -> list[list[LeadChange]]:
        """Send a part; return what is to be sent again, in parts where one of several is refused."""
        lead_ids = [each.lead_id for each in part]
        if self._operation == DELETE_LEAD:
            begun = self._known(lead_ids).get(lead_ids[0]) == _BEGUN
            part = [replace(each, sent_before=begun) for each in part]
            self._note(part, _BEGUN)
        error: SquadIQError | None = None
        try:
            _send(self._campaign, self._operation, part)
        except SquadIQError as raised:
            error = raised
        self.counts.hits += 1 if error is None else len(error.attempts)
        settled = settle(self._operation, part, error)
        if settled.done:
            self._done(settled.done)
        elif self._operation == DELETE_LEAD and error and not (part[0].sent_before or error.outcome_unknown):
            self._forget(lead_ids)
        if settled.failed is not None:
            raise PushStoppedError(str(settled.failed)) from settled.failed
        if settled.wait_seconds:
            if self._should_stop():
                raise PushStoppedError("It was interrupted.")
            self._sleep(min(settled.wait_seconds, _LONGEST_PAUSE_SECONDS))
        for change, why in settled.refused:
            self._reject(change.row, RowError(why.code, why.field, why.reason))
        return [list(some) for some in reversed(settled.again)]

    def _done(self, part: Sequence[LeadChange]) -> None:
        self._note(part)
        self.counts.done += len(part)

    def _known(self, lead_ids: Sequence[str]) -> Mapping[str, bytes]:
        with self._ledger.transaction() as connection:
            query = select(changes.c.lead_id, changes.c.content).where(
                *self._of(lead_ids), changes.c.operation == self._operation
            )
            return {row.lead_id: bytes(row.content) for row in connection.execute(query)}

    def _note(self, part: Sequence[LeadChange], content: bytes | None = None) -> None:
        """Write changes down, in place of what they make untrue: a lead that was changed is not gone any more."""
        lead_ids = [each.lead_id for each in part]
        untrue = () if self._operation == DELETE_LEAD else (self._operation, DELETE_LEAD)
        common = {"service": self._service, "campaign_id": self._campaign.campaign_id, "changed_at": time.time()}
        rows = [
            {
                **common,
                "operation": self._operation,
                "lead_id": each.lead_id,
                "content": each.content if content is None else content,
            }
            for each in part
        ]
        with self._ledger.transaction() as connection:
            which = (changes.c.operation.in_(untrue),) if untrue else ()
            connection.execute(delete(changes).where(*self._of(lead_ids), *which))
            connection.execute(insert(changes), rows)

    def _forget(self, lead_ids: Sequence[str]) -> None:
        with self._ledger.transaction() as connection:
            connection.execute(delete(changes).where(*self._of(lead_ids)))

    def _of(self, lead_ids: Sequence[str]) -> tuple[Any, ...]:
        return (
            changes.c.service == self._service,
            changes.c.campaign_id == self._campaign.campaign_id,
            changes.c.lead_id.in_(lead_ids),
        )

    def _reject(self, row: Row, why: RowError) -> None:
        self.counts.rejected[why.code] += 1
        self._rejections.rejected(Rejection(row, why.code, str(why)))


def _checked_id(value: Any) -> str:
    """A lead_id as the facade would take it, before the ledger is asked about it."""
    try:
        return prepare_reference(value).lead_id
    except InvalidInputError as wrong:
        raise _invalid(wrong.problems[0]) from None


def _invalid(problem: Problem) -> RowError:
    name = problem.field if problem.field in (*FIXED, "detail") else "field"
    return RowError(f"{name}_invalid", problem.field, problem.reason)


def apply_changes(
    campaign: Campaign[Any],
    operation: str,
    source: Source,
    *,
    service: str,
    columns: Columns,
    ledger: str | Path | None = None,
    on_progress: Callable[[ChangeCounts], None] = lambda counts: None,
    should_stop: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> ChangeResult:
    """Make the changes of a source, one lead after the other; lead_ids that are disabled go in lists.

    Raises:
        InvalidInputError: the source cannot be read, or it is not certain which column is which field.
        PushStoppedError: it ended before its end; the same call goes on where it was. `result` has what came of it.
        LedgerError: the ledger fails.
    """
    columns, notes = _columns(operation, source, columns)
    database = ledger if ledger is not None else default_ledger()
    kept = Ledger(database, service=service, campaign_id=campaign.campaign_id, source=source.name)
    rejections = RejectionWriter(source.path, source.headings)
    made = LeadChanges(campaign, operation, service, kept, rejections, should_stop=should_stop, sleep=sleep)
    stopped: PushStoppedError | None = None
    is_whole = False
    kept.open()
    try:
        made.apply_all(source.read(), columns, on_progress)
        is_whole = True
    except PushStoppedError as error:
        stopped = error
    finally:
        kept.close()
        rejected_file, _ = rejections.close(is_whole=is_whole)
    result = ChangeResult(made.counts, notes, kept.place, rejected_file)
    if stopped is not None:
        stopped.result = result
        raise stopped
    return result


def changes_of(ledger: Ledger, service: str, campaign_id: str, lead_id: str) -> Mapping[str, float]:
    """Return when a lead was changed last, in seconds since 1970, by the operation; those under way are left out."""
    mine = (changes.c.service == service, changes.c.campaign_id == campaign_id, changes.c.lead_id == lead_id)
    query = select(changes.c.operation, changes.c.changed_at).where(*mine, changes.c.content != _BEGUN)
    with ledger.transaction() as connection:
        return {row.operation: row.changed_at for row in connection.execute(query)}


def erase_lead(ledger: Ledger, service: str, campaign_id: str, lead_id: str) -> int:
    """Erase from a ledger that a lead was pushed and changed; return how many rows that were."""
    mine = (changes.c.service == service, changes.c.campaign_id == campaign_id, changes.c.lead_id == lead_id)
    with ledger.transaction() as connection:
        pushed = ledger.erase(connection, lead_id)
        return pushed + connection.execute(delete(changes).where(*mine)).rowcount


def _columns(operation: str, source: Source, given: Columns) -> tuple[Columns, Sequence[str]]:
    """The columns of a source and what was recognised; an update sends the types that a push would."""
    if source.headings is None:
        return given, source.notes
    columns = columns_for(source.headings, given=given, needed=NEEDED[operation])
    if not (source.is_text and operation == UPDATE_LEAD):
        return columns, source.notes
    types, told, _ = inferred_types(columns, source.read())
    return replace(columns, types={**types, **columns.types}), [*source.notes, *told]


def _send(campaign: Campaign[Any], operation: str, part: Sequence[LeadChange]) -> None:
    first = part[0]
    if operation == DISABLE_LEADS:
        campaign.disable_leads([each.lead_id for each in part])
    elif operation == DELETE_LEAD:
        campaign.delete_lead(first.lead_id)
    elif operation == CONVERT_LEAD:
        campaign.convert_lead(first.lead_id, detail=first.values["detail"])
    else:
        campaign.update_lead(first.lead_id, first.values)
