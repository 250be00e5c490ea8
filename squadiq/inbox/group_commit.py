"""One thread that writes: what arrives while it commits shares the next commit."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

ItemT = TypeVar("ItemT")

MOST_IN_A_COMMIT = 256
"""Bounds how long the first of a batch waits for the last."""

Waiter = Future[None] | asyncio.Future[None]


@dataclass(eq=False, slots=True)
class _Entry(Generic[ItemT]):
    item: ItemT
    waiter: Waiter
    too_late: bool = False


class GroupCommit(Generic[ItemT]):
    """Writes items that many callers bring at the same time, and tells each when its own is durable.

    Args:
        write: writes a batch in one durable commit, or raises and writes none of it.
    """

    def __init__(self, write: Callable[[Sequence[ItemT]], object]) -> None:
        self._write = write
        self._queue: SimpleQueue[_Entry[ItemT] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="squadiq-inbox-writer", daemon=True)
        self._thread.start()

    def add(self, item: ItemT, within_seconds: float) -> None:
        """Return when the item is durable; raise what `write` raised.

        Raises:
            TimeoutError: it is not yet. It is not written after all, unless that has begun already.
        """
        entry = _Entry(item, Future[None]())
        self._queue.put(entry)
        try:
            cast(Future[None], entry.waiter).result(within_seconds)
        except TimeoutError:
            entry.too_late = True
            raise

    async def add_async(self, item: ItemT, within_seconds: float) -> None:
        """Do `add` without blocking. Whoever is cancelled does not take the item back."""
        entry = _Entry(item, asyncio.get_running_loop().create_future())
        self._queue.put(entry)
        try:
            async with asyncio.timeout(within_seconds):
                await cast(asyncio.Future[None], entry.waiter)
        except TimeoutError:
            entry.too_late = True
            raise

    def close(self) -> None:
        """Write what is there and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            batch, last = self._next_batch()
            if batch:
                self._commit(batch)
            if last:
                return

    def _next_batch(self) -> tuple[list[_Entry[ItemT]], bool]:
        """Wait for the first item, and take with it what has come meanwhile."""
        batch: list[_Entry[ItemT]] = []
        entry = self._queue.get()
        while entry is not None:
            if not entry.too_late:
                batch.append(entry)
            if len(batch) == MOST_IN_A_COMMIT:
                return batch, False
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Entry[ItemT]]) -> None:
        error: Exception | None = None
        try:
            self._write([entry.item for entry in batch])
        except Exception as failed:  # whatever it is, it is for the callers
            error = failed
        by_loop: dict[asyncio.AbstractEventLoop, list[Waiter]] = defaultdict(list)
        for waiter in (entry.waiter for entry in batch):
            if isinstance(waiter, Future):
                _resolve([waiter], error)
            else:
                by_loop[waiter.get_loop()].append(waiter)
        for loop, waiters in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, waiters, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue


def _resolve(waiters: Sequence[Waiter], error: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
