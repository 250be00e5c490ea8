"""What an inbox keeps: looked at, counted, and erased."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime

from squadiq.inbox.listing import stored_pages
from squadiq.inbox.store import InboxStore, ResultState, StoredResult
from squadiq.queue.arguments import text
from squadiq.queue.figures import QueueFigures
from squadiq.webhooks.parsing import DeliveredLead


class StoredResults(ABC):
    """The part of an `Inbox` that looks at what is stored."""

    @abstractmethod
    def _open(self) -> InboxStore: ...

    def results(self, campaign_id: str, lead_id: str) -> Sequence[StoredResult]:
        """Return all results of a lead, in the order of `processed_at`."""
        return self._open().of_lead(text("campaign_id", campaign_id), text("lead_id", lead_id))

    def latest(self, campaign_id: str, lead_id: str) -> DeliveredLead | None:
        """Return a lead as it was last processed, whatever arrived last; None if nothing is known of it."""
        found = self.results(campaign_id, lead_id)
        return found[-1].lead if found else None

    def pages(
        self,
        campaign_id: str | None = None,
        *,
        processed_after: datetime | None = None,
        processed_before: datetime | None = None,
        received_after: float | None = None,
    ) -> Iterator[Sequence[StoredResult]]:
        """Iterate over all that is stored, in pages and the order in which it was, however much that is.

        Args:
            campaign_id: only of that campaign.
            processed_after: only what was processed then or later, in whole seconds.
            processed_before: only what was processed then or earlier.
            received_after: only what was stored then or later, in seconds since 1970.

        Raises:
            InboxError: while iterating; the database fails.
        """
        return stored_pages(
            self._open(),
            campaign_id,
            processed_after=processed_after,
            processed_before=processed_before,
            received_after=received_after,
        )

    def counts(self) -> dict[ResultState, int]:
        """Return how many results are `waiting`, `handled` and `failed`."""
        return self._open().counts()

    def stats(self) -> QueueFigures:
        """Return what waits and for how long, what is in hand, and how many dead letters there are."""
        return self._open().figures()

    def failed(self) -> Sequence[StoredResult]:
        """Return the results that failed too often, the dead letters."""
        return self._open().failed()

    def erase(self, campaign_id: str, lead_id: str) -> int:
        """Erase everything that is stored about a lead; call it after `campaign.delete_lead`.

        Late repeats of what was processed until now are acknowledged and not stored. In a SQLite
        file the data is overwritten; in PostgreSQL it lasts until the next vacuum. What handlers have
        done with it is theirs to undo.

        Returns:
            How many results were erased.

        Raises:
            InboxError: another process kept the data from being overwritten; call it again.
        """
        return self._open().erase(text("campaign_id", campaign_id), text("lead_id", lead_id))
