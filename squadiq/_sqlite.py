"""What every SQLite file of squadiq needs when it is opened."""

from __future__ import annotations

import sqlite3
import time

_AGAIN_SECONDS = 0.002


def use_wal(connection: sqlite3.Connection, within_seconds: float) -> None:
    """Switch a file to write-ahead logging, also while other processes open it for the first time.

    Two that switch a new file at once get in each other's way, and SQLite then fails at once, without
    the waiting that its busy timeout promises: https://www.sqlite.org/c3ref/busy_handler.html

    Raises:
        sqlite3.OperationalError: others hold the file for longer than that.
    """
    ends = time.monotonic() + within_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= ends:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return
