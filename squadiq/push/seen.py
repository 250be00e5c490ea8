"""Who stood in the source already: in a private file of SQLite's own, so that memory does not grow with the source."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from squadiq_generated._base import masked

from squadiq.push.checking import GoodRow
from squadiq.push.rows import RowError


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

    def twice(self, rows: Sequence[GoodRow], *, numbers: bool) -> Mapping[int, RowError]:
        """Return by row number why rows repeat an earlier one; all of them are known from now on."""
        found: dict[int, RowError] = {}
        names = [(each.lead.lead_id, each.row.number) for each in rows]
        for name, row, earlier in self._repeated("leads", names):
            found[row] = RowError("duplicate_lead_id", "lead_id", f"{masked(name)!r} stands in row {earlier} already")
        if numbers:
            called = [(each.lead.phone_number, each.row.number) for each in rows if each.row.number not in found]
            for _, row, earlier in self._repeated("numbers", called):
                found[row] = RowError("duplicate_phone_number", "phone_number", f"is that of row {earlier}")
        return found

    def note_elsewhere(self, row: int) -> None:
        """Remember a row that another push has in hand."""
        self._connection.execute("INSERT OR IGNORE INTO elsewhere VALUES (?)", (row,))

    def was_elsewhere(self, row: int) -> bool:
        """Tell whether another push had a row in hand; it is then no longer known as such."""
        return self._connection.execute("DELETE FROM elsewhere WHERE row = ?", (row,)).rowcount > 0

    def _repeated(self, table: str, names: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
        """Note names with their rows, and give those that an earlier row had, with it."""
        added = self._connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", names)  # noqa: S608
        if added.rowcount == len(names):
            return
        query = f"SELECT name, row FROM {table} WHERE name IN (SELECT value FROM json_each(?))"  # noqa: S608
        first = dict(self._connection.execute(query, [json.dumps([name for name, _ in names])]))
        yield from ((name, row, first[name]) for name, row in names if first[name] != row)
