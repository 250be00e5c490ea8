"""Changes of leads from a file: update, convert, disable or delete, each one once, going on where it was broken off.

All four may be carried out twice with the effect of once, so what is unknown is simply done again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, LargeBinary, String, Table, delete, insert, select
from squadiq_generated.constants import CONVERT_LEAD, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq.errors import InvalidInputError, QuotaWaitError, SquadIQError, StatusError
from squadiq.push.columns import Columns, columns_for
from squadiq.push.engine import LARGEST_BATCH, PushStoppedError
from squadiq.push.ledger import Ledger, metadata
from squadiq.push.report import Rejection, RejectionWriter
from squadiq.push.rows import Row, RowError
from squadiq.push.run import default_ledger
from squadiq.push.sources import Source

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
    """What came of a file of changes."""

    counts: ChangeCounts
    ledger: str
    rejected_file: Path | None


@dataclass(frozen=True, slots=True)
class Change:
    """One row as a change of a lead."""

    row: Row
    lead_id: str
    values: Mapping[str, Any] = field(repr=False)
    content: bytes


def hits_of(operation: str, rows: int) -> int:
    """Return how many hits of the quota it takes to change so many leads."""
    return -(-rows // LARGEST_BATCH) if operation == DISABLE_LEADS else rows


class Changes:
    """Makes the changes of a source.

    Args:
        campaign: whose leads are changed.
        operation: one of `NEEDED`.
        ledger: open.
        rejections: where rejected rows go.
    """

    def __init__(
        self, campaign: Campaign[Any], operation: str, service: str, ledger: Ledger, rejections: RejectionWriter
    ) -> None:
        self.counts = ChangeCounts()
        self._campaign = campaign
        self._operation = operation
        self._service = service
        self._ledger = ledger
        self._rejections = rejections

    def apply(self, rows: Sequence[Row], columns: Columns) -> None:
        """Make the changes of some rows that are not made yet.

        Raises:
            PushStoppedError: SquadIQ cannot be asked.
        """
        self.counts.rows += len(rows)
        wanted = list(self._wanted(rows, columns))
        done = self._done([each.lead_id for each in wanted])
        new = [each for each in wanted if done.get(each.lead_id) != each.content]
        self.counts.done_before += len(wanted) - len(new)
        waiting = [new] if new else []
        while waiting:
            part = waiting.pop()
            waiting += self._settle(part)

    def _wanted(self, rows: Sequence[Row], columns: Columns) -> Iterator[Change]:
        for row in rows:
            try:
                values = columns.lead_of(row, NEEDED[self._operation])
            except RowError as wrong:
                self._reject(row, wrong)
                continue
            content = json.dumps(values, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
            yield Change(row, str(values.pop("lead_id")), values, self._ledger.content_digest(content))

    def _settle(self, part: list[Change]) -> list[list[Change]]:
        """Send a part; return what is to be sent again, halved where one of several is refused."""
        try:
            _send(self._campaign, self._operation, part)
        except QuotaWaitError as busy:
            time.sleep(min(busy.wait_seconds, 1.0))
            return [part]
        except InvalidInputError as wrong:
            problem = wrong.problems[0]
            why = RowError("invalid", problem.field, problem.reason)
        except StatusError as error:
            self.counts.hits += len(error.attempts)
            if error.status != 400 and not (error.status == 404 and error.is_api_error):
                raise PushStoppedError(str(error)) from error
            why = RowError("not_found" if error.status == 404 else "refused", "lead", error.detail or "is refused")
        except SquadIQError as error:
            raise PushStoppedError(str(error)) from error
        else:
            self.counts.hits += 1
            self.counts.done += len(part)
            self._note(part)
            return []
        if len(part) > 1:
            middle = len(part) // 2
            return [part[middle:], part[:middle]]
        self._reject(part[0].row, why)
        return []

    def _done(self, lead_ids: Sequence[str]) -> Mapping[str, bytes]:
        with self._ledger.transaction() as connection:
            query = select(changes.c.lead_id, changes.c.content).where(*self._mine(lead_ids))
            return {row.lead_id: bytes(row.content) for row in connection.execute(query)}

    def _note(self, part: Sequence[Change]) -> None:
        latest = {each.lead_id: each.content for each in part}
        with self._ledger.transaction() as connection:
            connection.execute(delete(changes).where(*self._mine(list(latest))))
            common = {"service": self._service, "campaign_id": self._campaign.campaign_id, "changed_at": time.time()}
            rows = [
                {**common, "operation": self._operation, "lead_id": lead_id, "content": content}
                for lead_id, content in latest.items()
            ]
            connection.execute(insert(changes), rows)

    def _mine(self, lead_ids: Sequence[str]) -> tuple[Any, ...]:
        return (
            changes.c.service == self._service,
            changes.c.campaign_id == self._campaign.campaign_id,
            changes.c.operation == self._operation,
            changes.c.lead_id.in_(lead_ids),
        )

    def _reject(self, row: Row, why: RowError) -> None:
        self.counts.rejected[why.code] += 1
        self._rejections.rejected(Rejection(row, why.code, str(why)))


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
) -> ChangeResult:
    """Make the changes of a source, one lead after the other; lead_ids that are disabled go in lists.

    Raises:
        InvalidInputError: the source cannot be read, or it is not certain which column is which field.
        PushStoppedError: it ended before its end; the same call goes on where it was.
        LedgerError: the ledger fails.
    """
    if source.headings is not None:
        columns = columns_for(source.headings, given=columns, needed=NEEDED[operation])
    database = ledger if ledger is not None else default_ledger()
    kept = Ledger(database, service=service, campaign_id=campaign.campaign_id, source=source.name)
    rejections = RejectionWriter(source.path, source.headings)
    made = Changes(campaign, operation, service, kept, rejections)
    kept.open()
    try:
        rows = source.read()
        while chunk := list(islice(rows, LARGEST_BATCH if operation == DISABLE_LEADS else 1)):
            if should_stop():
                raise PushStoppedError("It was interrupted.")
            made.apply(chunk, columns)
            on_progress(made.counts)
    finally:
        kept.close()
        rejected_file, _ = rejections.close()
    return ChangeResult(made.counts, kept.place, rejected_file)


def _send(campaign: Campaign[Any], operation: str, part: Sequence[Change]) -> None:
    first = part[0]
    if operation == DISABLE_LEADS:
        campaign.disable_leads([each.lead_id for each in part])
    elif operation == DELETE_LEAD:
        campaign.delete_lead(first.lead_id)
    elif operation == CONVERT_LEAD:
        campaign.convert_lead(first.lead_id, detail=str(first.values["detail"]))
    else:
        campaign.update_lead(first.lead_id, first.values)
