"""The way of a push, without sending by itself: rows in, batches to send out, and what came of each written down.

`Push.steps()` is a generator: it yields what is to be sent next and is sent what came of it, so a blocking
client and one that is not drive the same code. Every lead is in the ledger before it is on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

from squadiq_generated._base import masked
from squadiq_generated.constants import CREATE_LEADS
from squadiq_generated.models import Lead

from squadiq.errors import SquadIQError
from squadiq.push.checking import Checked, GoodRow, check
from squadiq.push.columns import Columns
from squadiq.push.decisions import Decision, decision_for
from squadiq.push.ledger import Entry, Ledger, NewEntry
from squadiq.push.report import PushCounts, Rejection, RejectionWriter
from squadiq.push.rows import Row, RowError
from squadiq.push.seen import Seen
from squadiq.push.sources import Source
from squadiq.settlement import Settlement, settle

CHUNK = 1000
"""Rows that are read, checked and written down together."""
FIRST_BATCH, LARGEST_BATCH = 250, 1000
SHOWN = 3
"""Leads that a dry run shows."""
LOOK_AGAIN_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 1.0


class Pending(NamedTuple):
    """A lead that is to be sent."""

    row: Row
    lead: Lead
    sent_before: bool

    def again(self, *, was_sent: bool) -> Pending:
        """Return it as it is after a request that may have been carried out, or surely was not."""
        return self._replace(sent_before=True) if was_sent else self


@dataclass(frozen=True, slots=True)
class SendBatch:
    """To do: create these leads in one hit."""

    leads: Sequence[Lead] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """To do: wait, for hits of the quota or for another push."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PushRules:
    """What a push goes by.

    Attributes:
        columns: how rows become leads.
        lead_type: the campaign's own type of lead.
        repeat_creates: whether leads are sent again when it is unknown if they were created.
        allow_duplicate_numbers: whether one phone number may stand under several lead_ids.
        suppressed: phone numbers, in E.164 form, that are never to be sent.
        max_rejected: stop when more rows than this are rejected; a share of the rows if below 1.
    """

    columns: Columns
    lead_type: type[Lead] = Lead
    repeat_creates: bool = True
    allow_duplicate_numbers: bool = False
    suppressed: frozenset[str] = field(default=frozenset(), repr=False)
    max_rejected: float | None = None


class PushStoppedError(SquadIQError):
    """A push ended before its end; the same command goes on where it was.

    Attributes:
        result: what came of it so far, a `PushResult`; None once it was pickled.
    """

    result: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        kind, args, kept = super().__reduce__()
        return kind, args, {name: value for name, value in kept.items() if name != "result"}


PushSteps = Generator[SendBatch | Pause, SquadIQError | None, None]


class Push:
    """One push of rows to a campaign.

    Args:
        rules: what it goes by.
        ledger: open; None for a dry run, which writes nothing and sends nothing.
        rejections: where rejected rows go.
        on_progress: hears the counts after each chunk and each batch.
        should_stop: asked between batches.
    """

    def __init__(
        self,
        rules: PushRules,
        ledger: Ledger | None,
        rejections: RejectionWriter,
        *,
        on_progress: Callable[[PushCounts], None] = lambda counts: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counts = PushCounts()
        self.first: list[Lead] = []
        self._rules = rules
        self._ledger = ledger
        self._rejections = rejections
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._size, self._largest = FIRST_BATCH, LARGEST_BATCH
        self._queue: list[Pending] = []

    def steps(self, source: Source) -> PushSteps:
        """Yield what is to be done until every row is settled.

        What another push has in hand is waited for, and taken over if that push is gone.

        Raises:
            PushStoppedError: it cannot go on, or was told to stop.
        """
        with Seen() as seen:
            yield from self._pass(source.read(), partial(self._new, seen), seen)
            while self.counts.elsewhere and source.can_be_read_again:
                self._stop_if_told()
                yield Pause(LOOK_AGAIN_SECONDS)
                rows = (row for row in source.read() if seen.was_elsewhere(row.number))
                self.counts.elsewhere = 0
                yield from self._pass(rows, self._good, seen)

    def _pass(
        self, rows: Iterator[Row], good_of: Callable[[Sequence[Checked]], list[GoodRow]], seen: Seen
    ) -> PushSteps:
        while chunk := list(islice(rows, CHUNK)):
            self._take(good_of(check(chunk, self._rules.columns, self._rules.lead_type)), seen)
            self._on_progress(self.counts)
            self._stop_if_told()
            self._refuse_too_many_rejected(is_last=len(chunk) < CHUNK)
            while len(self._queue) >= self._size:
                yield from self._next()
        while self._queue:
            yield from self._next()

    def _next(self) -> PushSteps:
        self._stop_if_told()
        batch, self._queue = self._queue[: self._size], self._queue[self._size :]
        yield from self._settle(batch)

    def _stop_if_told(self) -> None:
        if self._should_stop():
            raise PushStoppedError("It was interrupted.")

    # From rows to leads

    def _new(self, seen: Seen, chunk: Sequence[Checked]) -> list[GoodRow]:
        """The rows that may be sent: good, not there twice, and not on the list of those never to be sent."""
        self.counts.rows += len(chunk)
        good = self._good(chunk)
        twice = seen.twice(good, numbers=not self._rules.allow_duplicate_numbers)
        ready: list[GoodRow] = []
        for each in good:
            if (why := twice.get(each.row.number)) is not None:
                self._reject(each.row, why)
            elif each.lead.phone_number in self._rules.suppressed:
                why = RowError("suppressed", "phone_number", "is on the list of numbers never to be sent")
                self._reject(each.row, why)
            else:
                ready.append(each)
        return ready

    def _good(self, chunk: Sequence[Checked]) -> list[GoodRow]:
        """The rows that are good; each other one is rejected."""
        good: list[GoodRow] = []
        for each in chunk:
            if isinstance(each, GoodRow):
                good.append(each)
            else:
                self._reject(each.row, each.why)
        return good

    def _take(self, ready: Sequence[GoodRow], seen: Seen) -> None:
        if self._ledger is None:
            self.counts.waiting += len(ready)
            self.first += [each.lead for each in ready[: max(0, SHOWN - len(self.first))]]
        else:
            self._write_down(self._ledger, ready, seen)

    def _write_down(self, ledger: Ledger, ready: Sequence[GoodRow], seen: Seen) -> None:
        numbers = [ledger.number_digest(each.lead.phone_number) for each in ready]
        contents = [ledger.content_digest(each.content) for each in ready]
        new: list[NewEntry] = []
        again: dict[bool, list[str]] = {False: [], True: []}
        lost: list[Pending] = []
        # What of this is lost with the power is written down again: nothing of it is on the wire yet.
        with ledger.transaction(is_durable=False) as connection:
            known = ledger.known(connection, [each.lead.lead_id for each in ready])
            called = ledger.numbers(connection, [] if self._rules.allow_duplicate_numbers else numbers)
            busy = {each.owner for each in known.values() if each.state in ("waiting", "sending")}
            alive = {owner for owner in busy if ledger.is_alive(connection, owner)}
            for (row, lead, _), number, content in zip(ready, numbers, contents, strict=True):
                lead_id = lead.lead_id
                entry = known.get(lead_id)
                decision = decision_for(entry, content, alive, repeat_creates=self._rules.repeat_creates)
                if decision is Decision.CREATE and called.get(number, lead_id) != lead_id:
                    why = f"is that of lead {masked(called[number])!r}, which was pushed before"
                    self._reject(row, RowError("duplicate_phone_number", "phone_number", why))
                elif decision is Decision.CREATE:
                    new.append(NewEntry(lead_id, content, number, row.number))
                    self._queue.append(Pending(row, lead, sent_before=False))
                elif decision in (Decision.TAKE_OVER, Decision.REPEAT):
                    sent_before = decision is Decision.REPEAT
                    again[sent_before].append(lead_id)
                    self._queue.append(Pending(row, lead, sent_before))
                elif decision is Decision.LOST:
                    lost.append(Pending(row, lead, sent_before=True))
                elif decision is Decision.ELSEWHERE:
                    self.counts.elsewhere += 1
                    seen.note_elsewhere(row.number)
                else:
                    assert entry is not None
                    self._count_settled(row, entry, content)
            ledger.add(connection, new)
            self.counts.waiting += len(new) + sum(map(len, again.values())) + len(lost)
            again[True] += [each.lead.lead_id for each in lost]
            for sent_before, lead_ids in again.items():
                ledger.take_over(connection, lead_ids, sent_before=sent_before)
        self._unknown(lost)

    def _count_settled(self, row: Row, entry: Entry, content: bytes) -> None:
        if entry.state == "refused":
            self._reject(row, RowError(entry.code, "lead", entry.reason), refused=True)
        else:
            self.counts.created_before += 1
            self.counts.changed_since += entry.content != content

    # From leads to what became of them

    def _settle(self, batch: Sequence[Pending]) -> PushSteps:
        """Send a batch until each lead of it is settled: whole, without those that are refused, or halved."""
        assert self._ledger is not None
        parts: list[Sequence[Pending]] = [batch]
        refused_before, halved, accepted = self.counts.refused, False, 0
        while parts:
            part = parts.pop(0)
            self._ledger.claim([each.lead.lead_id for each in part])
            error = yield SendBatch([each.lead for each in part])
            self.counts.hits += 1 if error is None else len(error.attempts)
            settled = settle(CREATE_LEADS, part, error)
            self._note(settled)
            if settled.failed is not None:
                raise PushStoppedError(str(settled.failed)) from settled.failed
            halved = halved or len(settled.again) > 1
            accepted = max(accepted, len(part)) if error is None else accepted
            parts[:0] = [[each.again(was_sent=settled.was_sent) for each in some] for some in settled.again]
            if settled.wait_seconds:
                self._stop_if_told()
                yield Pause(min(settled.wait_seconds, LONGEST_PAUSE_SECONDS))
            self._on_progress(self.counts)
        if halved and accepted and self.counts.refused == refused_before:
            self._largest = accepted  # nothing was wrong but the size
        self._size = min(self._largest, self._size * 2)

    def _note(self, settled: Settlement[Pending]) -> None:
        """Write down what became of the leads of a request."""
        assert self._ledger is not None
        self._created(settled.done)
        for pending in settled.existing:
            self._ledger.mark([pending.lead.lead_id], "existing")
            self.counts.waiting -= 1
            self.counts.existing += 1
        for pending, why in settled.refused:
            self._ledger.mark([pending.lead.lead_id], "refused", code=why.code, reason=why.reason)
            self.counts.waiting -= 1
            self._reject(pending.row, RowError(why.code, why.field, why.reason), refused=True)
        self._unknown(settled.unknown)
        again = list(chain.from_iterable(settled.again))
        if settled.failed is not None and settled.was_sent:
            self._unknown(again)
        else:
            self._ledger.mark([each.lead.lead_id for each in again], "waiting")

    def _created(self, part: Sequence[Pending]) -> None:
        assert self._ledger is not None
        self._ledger.mark([each.lead.lead_id for each in part], "created")
        self.counts.created += len(part)
        self.counts.waiting -= len(part)

    def _unknown(self, part: Sequence[Pending]) -> None:
        assert self._ledger is not None
        if part:
            self._ledger.mark([each.lead.lead_id for each in part], "unknown", sent_before=True)
        self.counts.waiting -= len(part)
        self.counts.unknown += len(part)
        for each in part:
            self._rejections.unknown(each.row)

    def _reject(self, row: Row, why: RowError, *, refused: bool = False) -> None:
        self.counts.rejected[why.code] += 1
        self.counts.refused += refused
        self._rejections.rejected(Rejection(row, why.code, str(why)))

    def _refuse_too_many_rejected(self, *, is_last: bool) -> None:
        """Look before anything is sent of these rows; a share means little before there are some."""
        most, counts = self._rules.max_rejected, self.counts
        if most is None or (most < 1 and counts.rows < CHUNK and not is_last):
            return
        rejected = counts.rejected.total()
        if rejected > (most * counts.rows if most < 1 else most):
            raise PushStoppedError(
                f"{rejected} of the first {counts.rows} rows are rejected, more than --max-rejected allows."
            )
