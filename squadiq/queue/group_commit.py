"""One thread that writes: what arrives while it commits shares the next commit."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar, cast

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

MOST_IN_A_COMMIT = 256
"""Bounds how long the first of a batch waits for the last."""

Waiter = Future[Any] | asyncio.Future[Any]
Outcome = tuple[Waiter, Any]
"""Who waits for an item, and what came of it."""


@dataclass(eq=False, slots=True)
class _Entry(Generic[ItemT]):
    item: ItemT
    waiter: Waiter
    too_late: bool = False


class GroupCommit(Generic[ItemT, ResultT]):
    """Writes items that many callers bring at the same time, and tells each when its own is durable.

    Args:
        write: writes a batch in one durable commit, and returns what came of each item; or raises and
            writes none of it.
    """

    def __init__(self, write: Callable[[Sequence[ItemT]], Sequence[ResultT]]) -> None:
        self._write = write
        self._queue: SimpleQueue[_Entry[ItemT] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="squadiq-inbox-writer", daemon=True)
        self._thread.start()

    def add(self, item: ItemT, within_seconds: float) -> ResultT:
        """Return what came of the item when it is durable; raise what `write` raised.

        Raises:
            TimeoutError: it is not yet. It is not written after all, unless that has begun already.
        """
        entry = _Entry(item, Future[ResultT]())
        self._queue.put(entry)
        try:
            return cast(Future[ResultT], entry.waiter).result(within_seconds)
        except TimeoutError:
            entry.too_late = True
            raise

    async def add_async(self, item: ItemT, within_seconds: float | None) -> ResultT:
        """Do `add` without blocking. Whoever is cancelled does not take the item back."""
        entry = _Entry(item, asyncio.get_running_loop().create_future())
        self._queue.put(entry)
        try:
            async with asyncio.timeout(within_seconds):
                return await cast(asyncio.Future[ResultT], entry.waiter)
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
        outcomes: Sequence[object]
        try:
            outcomes = self._write([entry.item for entry in batch])
        except Exception as failed:  # whatever it is, it is for the callers
            outcomes = [failed] * len(batch)
        by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = defaultdict(list)
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(entry.waiter, Future):
                _resolve([(entry.waiter, outcome)])
            else:
                by_loop[entry.waiter.get_loop()].append((entry.waiter, outcome))
        for loop, waiting in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, waiting)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue


def _resolve(waiting: Sequence[Outcome]) -> None:
    for waiter, outcome in waiting:
        if waiter.done():
            continue
        if isinstance(outcome, Exception):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)
