"""Reading all that an inbox keeps, in pages, so that it does not matter how much it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from squadiq.inbox.store import InboxStore, StoredResult, second_of, stored_result
from squadiq.inbox.tables import INBOX, results
from squadiq.queue.database import reading

PAGE_ROWS = 1000


def stored_pages(
    store: InboxStore,
    campaign_id: str | None,
    *,
    processed_after: datetime | None,
    processed_before: datetime | None,
    received_after: float | None,
) -> Iterator[Sequence[StoredResult]]:
    """Yield stored results by their ids; None does not narrow them. Both ends are included, in whole seconds."""
    c = results.c
    chosen = [] if campaign_id is None else [c.campaign_id == campaign_id]
    chosen += [] if processed_after is None else [c.processed_at >= second_of(processed_after)]
    chosen += [] if processed_before is None else [c.processed_at <= second_of(processed_before)]
    chosen += [] if received_after is None else [c.received_at >= received_after]
    last = -1
    while True:
        query = select(results).where(c.id > last, *chosen).order_by(c.id).limit(PAGE_ROWS)
        with INBOX.errors(), reading(store.engine).connect() as connection:
            page = [stored_result(row) for row in connection.execute(query)]
        if not page:
            return
        yield page
        last = page[-1].id
