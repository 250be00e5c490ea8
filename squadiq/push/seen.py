"""Who stood in the source already: in a private file of SQLite's own, so that memory does not grow with the source."""

from __future__ import annotations

import sqlite3
from typing import Self

from squadiq_generated._base import masked
from squadiq_generated.models import Lead

from squadiq.push.rows import Row, RowError


class Seen:
    """Knows the leads and the phone numbers of the rows so far."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA journal_mode = OFF")
        for table in ("leads", "numbers"):
            self._connection.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")
        self._connection.execute("CREATE TABLE elsewhere (row INTEGER PRIMARY KEY)")
        self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def why_twice(self, row: Row, lead: Lead, *, numbers: bool) -> RowError | None:
        """Return why a row repeats an earlier one, None if it does not; it is known from now on."""
        earlier = self._first("leads", lead.lead_id, row.number)
        if earlier is not None:
            return RowError("duplicate_lead_id", "lead_id", f"{masked(lead.lead_id)!r} stands in row {earlier} already")
        if numbers and (earlier := self._first("numbers", lead.phone_number, row.number)) is not None:
            return RowError("duplicate_phone_number", "phone_number", f"is that of row {earlier}")
        return None

    def note_elsewhere(self, row: int) -> None:
        """Remember a row that another push has in hand."""
        self._connection.execute("INSERT OR IGNORE INTO elsewhere VALUES (?)", (row,))

    def was_elsewhere(self, row: int) -> bool:
        """Tell whether another push had a row in hand; it is then no longer known as such."""
        return self._connection.execute("DELETE FROM elsewhere WHERE row = ?", (row,)).rowcount > 0

    def _first(self, table: str, name: str, row: int) -> int | None:
        """The row that had a name before this one."""
        added = self._connection.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (name, row))  # noqa: S608
        if added.rowcount:
            return None
        found: int = self._connection.execute(f"SELECT row FROM {table} WHERE name = ?", (name,)).fetchone()[0]  # noqa: S608
        return found
