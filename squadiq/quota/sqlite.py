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
from squadiq.errors import ConfigurationError, QuotaStoreError
from squadiq.quota import slots
from squadiq.quota.encoding import decode, encode
from squadiq.quota.slots import QuotaState
from squadiq.quota.store import SlotStore, log, new_holder

BUSY_SECONDS = 10.0
"""How long to wait at most for another process that holds the file; it needs microseconds, unless it is stopped."""
_OPENING_SECONDS = 0.25
"""How long to wait for it when a store is made, which may be on an event loop, and needs nothing of the file yet."""
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

        That another process holds the file is left to the first use.

        Raises:
            ConfigurationError: path, limit or window make no sense.
            QuotaStoreError: the file cannot be made or written.
        """
        SlotStore.__init__(self, limit, window_seconds, holders)
        ForkSafe.__init__(self)
        self._path = absolute(path)
        self._monotonic = monotonic
        self._wall = wall
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._was_open = False
        try:
            self.snapshot(within_seconds=_OPENING_SECONDS)
        except QuotaStoreError as error:
            if not _is_busy(error.__cause__):
                raise

    def _change(self, change: Callable[[QuotaState], tuple[QuotaState, _T]], within_seconds: float | None) -> _T:
        patience = BUSY_SECONDS if within_seconds is None else max(0.0, min(BUSY_SECONDS, within_seconds))
        ends = time.monotonic() + patience
        if not self._lock.acquire(timeout=patience):
            raise self._cannot("other threads wait for it, and it is locked")
        try:
            return self._changed(change, ends)
        finally:
            self._lock.release()

    def _changed(self, change: Callable[[QuotaState], tuple[QuotaState, _T]], ends: float) -> _T:
        try:
            for _ in range(_TRIES):
                try:
                    done = self._transact(self._open(ends), change, ends)
                except sqlite3.DatabaseError as error:
                    self._rest()
                    if not _name(error).startswith(_DAMAGED):
                        reason = "another process has it locked" if _is_busy(error) else str(error)
                        raise self._cannot(reason) from error
                    self._set_aside()
                else:
                    if done is not None:
                        return done[0]
                    self._rest()  # this path now names another file: use that one
        except OSError as error:
            self._rest()
            raise self._cannot(error.strerror or type(error).__name__) from error
        raise self._cannot("it is replaced again and again")

    def _transact(
        self, db: sqlite3.Connection, change: Callable[[QuotaState], tuple[QuotaState, _T]], ends: float
    ) -> tuple[_T] | None:
        """Change the state, or do nothing and return None if the path names another file by now."""
        _wait_until(db, ends)
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

    def _state_of(self, row: tuple[bytes] | None) -> QuotaState:
        monotonic, wall = self._monotonic(), self._wall()
        if row is None:
            return slots.fresh(self._rules, monotonic, wall, all_used=self._was_open)
        try:
            return slots.resume(decode(row[0]), self._rules, monotonic, wall)
        except (ValueError, TypeError, OverflowError):
            log.warning("The quota in %s cannot be read: waiting one window, as if all of it was used.", self._path)
            return slots.fresh(self._rules, monotonic, wall, all_used=True)

    def _open(self, ends: float) -> sqlite3.Connection:
        if self._connection is None:
            make_file(self._path)
            self._inode = _inode(self._path)
            self._connection = _connect(self._path, ends)
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
        return QuotaStoreError(
            f"The quota in {self._path} cannot be read or written: {reason}. See quota= or SQUADIQ_QUOTA_URL."
        )

    def _rest(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the file; using the store opens it again."""
        with self._lock:
            self._rest()


def absolute(path: Path) -> Path:
    """Return a path that stays what it is when the current folder changes.

    Raises:
        ConfigurationError: it is no path of a file.
    """
    try:
        if b"\0" not in os.fsencode(path):
            return Path(path).absolute()
    except (TypeError, ValueError, OSError):
        pass
    raise ConfigurationError(
        "The quota's file is no path that this system can have: check quota= or SQUADIQ_QUOTA_URL."
    )


def make_file(path: Path) -> None:
    """Make a file and its directory, if they are not there, that only their owner can use.

    Raises:
        OSError: they cannot be made, or not written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Not opened to find out: to close it would drop the locks that SQLite holds on it in this process.
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
        if not path.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file") from None


def _connect(path: Path, ends: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _wait_until(connection, ends)
        use_wal(connection, ends - time.monotonic())
        # A machine that loses power may forget its last hits: `slots.resume` sees to that.
        connection.execute("PRAGMA synchronous = OFF")
        _wait_until(connection, ends)
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _wait_until(connection: sqlite3.Connection, ends: float) -> None:
    """Let a statement wait for another process until then, by the monotonic clock."""
    connection.execute(f"PRAGMA busy_timeout = {max(0, int(1000 * (ends - time.monotonic())))}")


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _name(error: object) -> str:
    return getattr(error, "sqlite_errorname", "")


def _is_busy(error: object) -> bool:
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"))
