"""Sends a batch of entries, and notes what became of each: done, refused, unknown, or to be sent again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from squadiq_generated.constants import CONVERT_LEAD, CREATE_LEADS, DISABLE_LEADS, UPDATE_LEAD

from squadiq.campaign import Campaign
from squadiq.errors import SquadIQError
from squadiq.outbox.store import Batch, OutboxClaim, OutboxStore
from squadiq.queue.backoff import backoff_seconds
from squadiq.settlement import Settlement, settle

log = logging.getLogger("squadiq.outbox")

LONGEST_WAIT_SECONDS = 300.0
"""After this time at most, leads are sent again that could not be: whoever waits for a call goes elsewhere."""


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of a batch.

    Attributes:
        sent: entries that were carried out.
        wait_seconds: until the quota has a hit for the rest.
        largest: leads that SquadIQ takes in one request, if it said that these were too many.
    """

    sent: int = 0
    wait_seconds: float = 0.0
    largest: int | None = None


class BatchSender:
    """Sends batches of one outbox.

    Args:
        store: of the outbox.
        campaign_of: returns the campaign of an id.
        repeat_creates: whether leads are sent again when it is unknown if they were created.
        rng: random numbers from 0 to 1.
    """

    def __init__(
        self,
        store: OutboxStore,
        campaign_of: Callable[[str], Campaign[Any]],
        *,
        repeat_creates: bool,
        rng: Callable[[], float],
    ) -> None:
        self._store = store
        self._campaign_of = campaign_of
        self._repeat_creates = repeat_creates
        self._rng = rng

    def send(self, batch: Batch) -> BatchOutcome:
        """Send entries, in as many requests as it takes to settle each.

        Raises:
            ClaimsLostError: another worker may have them.
            OutboxError: the database fails.
        """
        parts: list[Sequence[OutboxClaim]] = [self._without_lost(batch)]
        sent, largest = 0, None
        while parts:
            part = parts.pop(0)
            if not part:
                continue
            settled = self._send(batch, part)
            sent += len(settled.done)
            if settled.too_large:
                largest = max(1, len(part) // 2)
            if settled.failed is not None or settled.wait_seconds:
                self._give_back(settled, parts)
                return BatchOutcome(sent, settled.wait_seconds, largest)
            parts[:0] = self._again(settled)
        return BatchOutcome(sent, 0.0, largest)

    def _without_lost(self, batch: Batch) -> list[OutboxClaim]:
        """The entries that may be sent: not leads that may have been created, if those are not to be repeated."""
        if batch.operation != CREATE_LEADS or self._repeat_creates:
            return list(batch.claims)
        lost = [claim for claim in batch.claims if claim.sent_before]
        if lost:
            self._store.unknown(lost)
        return [claim for claim in batch.claims if not claim.sent_before]

    def _send(self, batch: Batch, part: Sequence[OutboxClaim]) -> Settlement[OutboxClaim]:
        self._store.sending(part)
        error: SquadIQError | None = None
        try:
            _call(self._campaign_of(batch.campaign_id), batch.operation, part)
        except SquadIQError as raised:
            error = raised
        settled = settle(batch.operation, part, error)
        for some, code in ((settled.done, ""), (settled.existing, "existing")):
            if some:
                self._store.done(batch.operation, batch.campaign_id, some, code)
        for claim, why in settled.refused:
            log.error("entry %d: %s is refused: %s", claim.id, batch.operation, why.code)
            self._store.refused(claim, why)
        if settled.unknown:
            log.error("%d leads may have been created, and repeating is off", len(settled.unknown))
            self._store.unknown(settled.unknown)
        return settled

    def _give_back(self, settled: Settlement[OutboxClaim], parts: Sequence[Sequence[OutboxClaim]]) -> None:
        tried, not_tried = list(chain(*settled.again)), list(chain(*parts))
        wait, said = 0.0, ""
        if settled.failed is not None:
            attempts = max(claim.attempts for claim in tried)
            wait = backoff_seconds(attempts, self._rng(), LONGEST_WAIT_SECONDS)
            said = str(settled.failed)
            log.warning("%d entries wait %.0f s to be sent again: %s", len(tried) + len(not_tried), wait, said)
        self._store.again(tried, sent=settled.was_sent, after_seconds=wait, error=said)
        self._store.again(not_tried, sent=False, after_seconds=wait, error=said)

    def _again(self, settled: Settlement[OutboxClaim]) -> list[Sequence[OutboxClaim]]:
        """The parts to be sent again, after it was noted that nothing came of them."""
        if settled.was_sent:
            return [[replace(claim, sent_before=True) for claim in part] for part in settled.again]
        first = [claim for part in settled.again for claim in part if not claim.sent_before]
        if first:
            self._store.not_sent(first)
        return list(settled.again)


def _call(campaign: Campaign[Any], operation: str, part: Sequence[OutboxClaim]) -> None:
    one = part[0]
    if operation == CREATE_LEADS:
        campaign.create_leads([claim.values for claim in part])
    elif operation == DISABLE_LEADS:
        campaign.disable_leads([claim.lead_id for claim in part])
    elif operation == UPDATE_LEAD:
        campaign.update_lead(one.lead_id, one.values)
    elif operation == CONVERT_LEAD:
        campaign.convert_lead(one.lead_id, detail=one.values["detail"])
    else:
        campaign.delete_lead(one.lead_id)
