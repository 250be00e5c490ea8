"""Opens a database when it is first needed, anew in each process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Engine

from squadiq._forks import ForkSafe


class Store(Protocol):
    """What has a database open."""

    @property
    def engine(self) -> Engine:
        """Its connections."""
        ...


StoreT = TypeVar("StoreT", bound=Store)


class LazyStore(ForkSafe, Generic[StoreT]):
    """Keeps the store of this process.

    Args:
        opens: opens the database; raises a SquadIQError if it cannot.
    """

    def __init__(self, opens: Callable[[], StoreT]) -> None:
        super().__init__()
        self._opens = opens
        self._opened: StoreT | None = None
        self._inherited: list[StoreT] = []

    def _rest(self) -> None:
        """Close what is open: SQLite would believe in the child that it has the locks of the parent."""
        if self._opened is not None:
            self._opened.engine.dispose()

    def _reborn(self) -> None:
        """Open anew, and keep what the parent had in use: to close it here would close it there."""
        if self._opened is not None:
            self._inherited.append(self._opened)
            self._opened = None

    def store(self) -> StoreT:
        """Return the store, opened if need be."""
        with self._lock:
            if self._opened is None:
                self._opened = self._opens()
            return self._opened

    def close(self, *, dispose: bool) -> None:
        """Let the next one who needs it open it anew; without `dispose` somebody still uses this one."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None and dispose:
                opened.engine.dispose()  # with the lock: SQLite must not be closing a file at a fork

    def dispose_if_closed(self, store: StoreT) -> None:
        """Close the connections of a store that was in use while it was closed."""
        with self._lock:
            if self._opened is not store:
                store.engine.dispose()
