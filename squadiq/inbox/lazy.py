"""Opens the database of an inbox when it is first needed, anew in each process."""

from __future__ import annotations

import os
from collections.abc import Callable

from sqlalchemy import URL

from squadiq._forks import ForkSafe
from squadiq.inbox.database import open_database
from squadiq.inbox.store import InboxStore

_INHERITED: list[InboxStore] = []
"""What a fork found open. Kept, because closing it would close it for the parent."""


class LazyStore(ForkSafe):
    """Keeps the store of this process."""

    def __init__(self, url: URL, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._url = url
        self._now = now
        self._monotonic = monotonic
        self._opened: tuple[int, InboxStore] | None = None

    def _rest(self) -> None:
        """Close what is open: SQLite would believe in the child that it has the locks of the parent."""
        if self._opened is not None:
            self._opened[1].engine.dispose()

    def store(self) -> InboxStore:
        """Return the store, opened if need be.

        Raises:
            InboxError: the database cannot be opened.
        """
        with self._lock:
            if self._opened is not None and self._opened[0] != os.getpid():
                _INHERITED.append(self._opened[1])
                self._opened = None
            if self._opened is None:
                self._opened = os.getpid(), InboxStore(open_database(self._url), self._now, self._monotonic)
            return self._opened[1]

    def close(self, *, dispose: bool) -> None:
        """Let the next one who needs it open it anew; without `dispose` somebody still uses this one."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None and opened[0] == os.getpid() and dispose:
                opened[1].engine.dispose()  # with the lock: SQLite must not be closing a file at a fork

    def dispose_if_closed(self, store: InboxStore) -> None:
        """Close the connections of a store that was in use while the inbox was closed."""
        with self._lock:
            if self._opened is None or self._opened[1] is not store:
                store.engine.dispose()
