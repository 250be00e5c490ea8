"""Work that runs ahead in a thread, while what came of the work before is on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

ItemT = TypeVar("ItemT")


class ReadAhead(Generic[ItemT]):
    """Take items from an iterator, one of them before it is asked for.

    Args:
        items: where they come from; used by one thread at a time.
        in_thread: whether another thread may take from it; what a caller made may be bound to that of its own.
    """

    def __init__(self, items: Iterator[ItemT], *, in_thread: bool) -> None:
        self._items = items
        self._executor = ThreadPoolExecutor(1, "squadiq-push") if in_thread else None
        self._next: Future[ItemT | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown()

    def begin(self) -> None:
        """Begin with the next item, if that may be done by another thread."""
        if self._executor is not None and self._next is None:
            self._next = self._executor.submit(next, self._items, None)

    def take(self) -> ItemT | None:
        """Return the next item, or None at the end."""
        begun, self._next = self._next, None
        return next(self._items, None) if begun is None else begun.result()
