"""What stands between the mock and whoever sends its deliveries: planning, handing out, taking note."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from squadiq.mock.clock import Clock
from squadiq.mock.deliveries.delivery_store import DeliveryAttempt, Due, Result
from squadiq.mock.deliveries.faults import DeliveryFault, delivery_backoff_seconds, fault_of, send_times
from squadiq.mock.operations import in_iso_form, render_processed_lead
from squadiq.mock.settings import MockSettings
from squadiq.mock.store import LeadStore, StoredCampaign, StoredLead


class Dispatch:
    """Plan deliveries as leads are processed; may be used by several threads.

    Args:
        settings: of the mock.
        store: of the mock.
        clock: of the mock.
        lock: what the mock holds while it uses its store.
    """

    def __init__(self, settings: MockSettings, store: LeadStore, clock: Clock, lock: threading.RLock) -> None:
        self.settings = settings
        self.ledger = store.ledger
        self._store = store
        self._clock = clock
        self._lock = lock
        self._trouble = frozenset(settings.webhook_trouble)
        self._watchers: list[Callable[[], None]] = []

    def take(self, most: int) -> tuple[list[Due], float | None]:
        """Return deliveries to be sent now, at most so many, and after how many seconds to ask again.

        None for the seconds means: when something changes.
        """
        with self._lock:
            now = self._clock.now()
            # Not all(): a generator would stop at the first campaign that has more.
            settled = [self._settle(campaign, int(now)) for campaign in self._store.campaigns]
            due = self.ledger.take(now, most)
            if not all(settled):
                return due, 0.0
            following = self.ledger.next_time(now)
            return due, None if following is None else (following - now) / self.settings.speed

    def fault_of(self, due: Due) -> DeliveryFault:
        """Return how a delivery is to be sent."""
        return fault_of(self._trouble, self.settings.seed, due.id, due.attempt)

    def now(self) -> float:
        """Return the time of the leads, in seconds since the epoch."""
        return self._clock.now()

    def note(self, due: Due, attempt: DeliveryAttempt) -> None:
        """Take note of what became of sending a delivery."""
        wait = delivery_backoff_seconds(self.settings.seed, due.id, due.attempt)
        with self._lock:
            self.ledger.note(due.id, attempt, again_after_seconds=wait, now=self._clock.now())
        self.changed()

    def let_go(self, due: Due) -> None:
        """Let a delivery be taken again that was not sent to its end."""
        with self._lock:
            self.ledger.let_go(due.id)

    def leads_acknowledged(self, campaign_id: str | None = None, lead_id: str | None = None) -> int:
        """Count the leads of which a delivery was answered with 201."""
        with self._lock:
            return self.ledger.counts(campaign_id, lead_id)["leads_acknowledged"]

    def wait(self, wait_for: int, timeout_seconds: float) -> list[dict[str, Any]]:
        """Return all deliveries once so many leads are acknowledged.

        Raises:
            TimeoutError: there were fewer in time.
        """
        changed, until = threading.Event(), time.monotonic() + timeout_seconds
        with self.watching(changed.set):
            while (acknowledged := self.leads_acknowledged()) < wait_for:
                if not changed.wait(max(0.0, until - time.monotonic())):
                    raise TimeoutError(f"{acknowledged} of {wait_for} leads were acknowledged with 201 in time")
                changed.clear()
        with self._lock:
            return self.ledger.listed(None, None, 0, -1, lambda moment: in_iso_form(int(moment)))

    @contextmanager
    def watching(self, tell: Callable[[], None]) -> Generator[None]:
        """Call a function, from any thread, whenever something may have changed, until the block ends."""
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    def changed(self) -> None:
        """Tell whoever watches that something may have changed."""
        for tell in tuple(self._watchers):
            tell()

    def _settle(self, campaign: StoredCampaign, now: int) -> bool:
        """Plan what was processed by now, or a part of it; return whether it was all."""
        rows, is_all = self.ledger.unsettled(campaign.key, now)
        results = [self._result(campaign, StoredLead(*row)) for row in rows]
        if results:
            self.ledger.plan(campaign.key, results, now if is_all else results[-1].processed_at)
        return is_all

    def _result(self, campaign: StoredCampaign, lead: StoredLead) -> Result:
        result = f"{campaign.campaign_id} {lead.lead_id} {lead.due_at}"
        return Result(
            lead=lead.sequence,
            campaign_id=campaign.campaign_id,
            lead_id=lead.lead_id,
            processed_at=lead.due_at,
            body=render_processed_lead(self.settings.seed, campaign, lead),
            send_times=send_times(self._trouble, self.settings.seed, result, lead.due_at),
        )
