"""Waiting for deliveries, without holding up the mock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from squadiq.mock.deliveries.deliveries_api import PATH, Query, query_of
from squadiq.mock.deliveries.dispatch import Dispatch
from squadiq.mock.messages import MockRequest, RefusedError

PAUSE_SECONDS = 0.05
"""Between two counts: changes come in crowds, and each count reads all deliveries."""


async def until_delivered(deliveries: Dispatch, request: MockRequest) -> None:
    """Return when as many leads are acknowledged as a request waits for, or when its time is up."""
    if request.path != PATH or request.method != "GET":
        return
    with suppress(RefusedError, TimeoutError):  # what is wrong with the request is said by who answers it
        query = query_of(request)
        async with asyncio.timeout(query.timeout_seconds):
            await _until(deliveries, query)


async def _until(deliveries: Dispatch, query: Query) -> None:
    changed = asyncio.Event()
    with deliveries.watching(wakes(changed)):
        while deliveries.leads_acknowledged(query.campaign_id, query.lead_id) < query.wait_for:
            await changed.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            changed.clear()


def wakes(changed: asyncio.Event) -> Callable[[], None]:
    """Return a function that sets an event of the running loop from any thread."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed at this very moment
            loop.call_soon_threadsafe(changed.set)

    return wake
