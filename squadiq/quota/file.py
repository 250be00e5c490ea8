"""The quota in a file: shared by every process of a user on this machine, and kept over restarts."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from squadiq._forks import ForkSafe
from squadiq._sqlite import use_wal
from squadiq.errors import QuotaStoreError
from squadiq.quota import slots
from squadiq.quota.encoding import decode, encode
from squadiq.quota.slots import State
from squadiq.quota.store import SlotStore, log, new_holder

BUSY_SECONDS = 10.0
"""How long to wait for another process that holds the file; it needs microseconds, unless it is stopped."""
_TABLE = "CREATE TABLE IF NOT EXISTS quota (id INTEGER PRIMARY KEY CHECK (id = 1), state BLOB NOT NULL)"
_INSERT = "INSERT INTO quota VALUES (1, ?)"
_UPDATE = "UPDATE quota SET state = ? WHERE id = 1"
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_TRIES = 5

_T = TypeVar("_T")


class SQLiteStore(SlotStore, ForkSafe):
    """Keep the quota in a SQLite file that all processes of this user on this machine share.

    It stays right over `kill -9`, over steps of the wall clock and over a restart of the machine,
    for the state has a time of its own: see `slots.advance`. A file that is damaged, or vanishes
    under us, is begun anew as if every slot had been used just now.
    """

    does_io = True

    def __init__(
        self,
        path: Path,
        limit: int = 100,
        window_seconds: float = 60.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        holders: Callable[[], int] = new_holder,
    ) -> None:
        """Open the file, or make it, readable by its owner only.

        Raises:
            ConfigurationError: limit or window make no sense.
            QuotaStoreError: the file cannot be made or written.
        """
        SlotStore.__init__(self, limit, window_seconds, holders)
        ForkSafe.__init__(self)
        self._path = path
        self._monotonic = monotonic
        self._wall = wall
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._was_open = False
        self.snapshot()

    def _change(self, change: Callable[[State], tuple[State, _T]]) -> _T:
        with self._lock:
            try:
                for _ in range(_TRIES):
                    try:
                        done = self._transact(self._open(), change)
                    except sqlite3.DatabaseError as error:
                        self._rest()
                        if not _name(error).startswith(_DAMAGED):
                            raise self._cannot(str(error)) from None
                        self._set_aside()
                    else:
                        if done is not None:
                            return done[0]
                        self._rest()  # this path now names another file: use that one
            except OSError as error:
                self._rest()
                raise self._cannot(error.strerror or type(error).__name__) from None
            raise self._cannot("it is replaced again and again")

    def _transact(self, db: sqlite3.Connection, change: Callable[[State], tuple[State, _T]]) -> tuple[_T] | None:
        """Change the state, or do nothing and return None if the path names another file by now."""
        db.execute("BEGIN IMMEDIATE")
        try:
            if _inode(self._path) != self._inode:
                return None
            row = db.execute("SELECT state FROM quota").fetchone()
            state, result = change(self._state_of(row))
            db.execute(_INSERT if row is None else _UPDATE, (encode(state),))
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        self._was_open = True
        return (result,)

    def _state_of(self, row: tuple[bytes] | None) -> State:
        monotonic, wall = self._monotonic(), self._wall()
        if row is None:
            return slots.fresh(self._rules, monotonic, wall, all_used=self._was_open)
        try:
            return slots.resume(decode(row[0]), self._rules, monotonic, wall)
        except (ValueError, TypeError, OverflowError):
            log.warning("The quota in %s cannot be read: waiting one window, as if all of it was used.", self._path)
            return slots.fresh(self._rules, monotonic, wall, all_used=True)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            make_file(self._path)
            self._inode = _inode(self._path)
            self._connection = _connect(self._path)
        return self._connection

    def _set_aside(self) -> None:
        """Put a file in the place of the damaged one in which every slot was used just now."""
        aside = self._path.with_name(f"{self._path.name}.damaged")
        log.warning(
            "The quota in %s is damaged. It is kept as %s; waiting one window, as if all of it was used.",
            self._path,
            aside.name,
        )
        anew = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        make_file(anew)
        with contextlib.closing(sqlite3.connect(anew, isolation_level=None)) as db:
            db.execute(_TABLE)
            state = slots.fresh(self._rules, self._monotonic(), self._wall(), all_used=True)
            db.execute(_INSERT, (encode(state),))
        # What the old file had not yet taken over must not be taken over by the new one.
        for ending in ("-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        self._path.replace(aside)
        anew.replace(self._path)

    def _cannot(self, reason: str) -> QuotaStoreError:
        return QuotaStoreError(f"The quota in {self._path} cannot be read or written: {reason}.")

    def _rest(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        with self._lock:
            self._rest()


def make_file(path: Path) -> None:
    """Make a file and its directory, if they are not there, that only their owner can use.

    Raises:
        OSError: they cannot be made, or not written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Not opened to find out: to close it would drop the locks that SQLite holds on it in this process.
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        use_wal(connection, BUSY_SECONDS)
        # A machine that loses power may forget its last hits: `slots.resume` sees to that.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")
