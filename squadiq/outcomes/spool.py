"""Outcomes on their way into a file: kept beside it until it is written, so that a run goes on after one was killed."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from squadiq.inbox.store import Arrival, second_of
from squadiq.outcomes.errors import OutcomesError
from squadiq.outcomes.sources import moment_of
from squadiq.outcomes.spans import Span

LONGEST_LIFE_SECONDS = 86_400.0
"""What is older is read anew: leads may have been deleted since."""

_TABLES = """
CREATE TABLE IF NOT EXISTS about (what TEXT NOT NULL, began REAL NOT NULL);
CREATE TABLE IF NOT EXISTS covered (first INTEGER NOT NULL, last INTEGER);
CREATE TABLE IF NOT EXISTS outcomes (
    processed_at INTEGER NOT NULL, campaign_id TEXT NOT NULL, lead_id TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (processed_at, campaign_id, lead_id)
) WITHOUT ROWID;
"""


class Spool:
    """A SQLite file that one process has at a time; its owner alone can read it.

    Args:
        path: of the file.
        what: which export it is for; another one begins anew.
        now: seconds since 1970.
    """

    def __init__(self, path: Path, what: str, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._what = what
        self._now = now
        self._connection = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def covered(self) -> list[Span]:
        """Return the spans that are read for good."""
        with self._errors():
            return [Span(*row) for row in self._connection.execute("SELECT first, last FROM covered")]

    def count(self) -> int:
        """Return how many outcomes it holds."""
        with self._errors():
            (number,) = self._connection.execute("SELECT count(*) FROM outcomes").fetchone()
            return int(number)

    def add(self, arrivals: Iterable[Arrival], read_for_good: Span | None = None) -> None:
        """Keep outcomes, and note what is read with them, together or not at all; a later reading replaces one."""
        rows = [(second_of(each.processed_at), each.campaign_id, each.lead_id, each.payload) for each in arrivals]
        with self._errors(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)", rows)
            if read_for_good is not None:
                self._connection.execute("INSERT INTO covered VALUES (?, ?)", read_for_good)

    def outcomes(self) -> Iterator[Arrival]:
        """Yield all outcomes, in the order of `processed_at`."""
        query = "SELECT processed_at, campaign_id, lead_id, payload FROM outcomes ORDER BY 1, 2, 3"
        with self._errors():
            for second, campaign_id, lead_id, payload in self._connection.execute(query):
                yield Arrival(campaign_id, lead_id, moment_of(second), payload)

    def clear(self) -> None:
        """Forget everything."""
        with self._errors(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in ("about", "covered", "outcomes"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._connection.execute("INSERT INTO about VALUES (?, ?)", (self._what, self._now()))

    def remove(self) -> None:
        """Take the file away."""
        self._connection.close()
        for ending in ("", "-journal"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def _opened(self) -> sqlite3.Connection:
        with self._errors():
            try:
                self._connection = self._connected()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self.path.unlink()  # cut off by a power failure, or something else altogether
                self._connection = self._connected()
            found = self._connection.execute("SELECT what, began FROM about").fetchall()
        if not found or found[0][0] != self._what or not 0 <= self._now() - found[0][1] <= LONGEST_LIFE_SECONDS:
            self.clear()
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=0.0, isolation_level=None)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA secure_delete = ON")
            connection.executescript("BEGIN EXCLUSIVE;" + _TABLES + "COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise OutcomesError(f"Another export is writing the same file: it holds {self.path}.") from None
            raise OutcomesError(f"{self.path} cannot be used ({type(error).__name__}).") from None
