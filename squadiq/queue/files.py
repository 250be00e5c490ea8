"""The files of a SQLite database: private, watched for being taken away, and told if others can read them."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import tempfile
from pathlib import Path

from squadiq.queue.purpose import Purpose

_ENDINGS = ("", "-wal", "-shm")
"""SQLite keeps a database with a write-ahead log in three files; a commit may be in any of the first two."""

Files = tuple[tuple[int, int] | None, ...]

_told: set[str] = set()


class OpenFile(sqlite3.Connection):
    """A connection that knows which files it has open.

    Attributes:
        path: of the database.
        files: what its three names named when it was opened.
        purpose: what it is kept for.
    """

    purpose: Purpose

    path: str = ""
    files: Files = ()

    def still_there(self) -> bool:
        """Tell whether what is committed here is found by whoever opens the database."""
        return self.files == files_of(self.path)

    def assure_there(self) -> None:
        """Raise if it is not.

        Raises:
            SquadIQError: the files were deleted, moved or replaced; that of the purpose.
        """
        if not self.still_there():
            name = self.purpose.name
            raise self.purpose.error(f"The {name}'s file {self.path} was deleted or replaced while it was in use.")

    def clear_what_is_stale(self) -> None:
        """Remove what is left of a database whose file was taken away: it must not be read into another."""
        now = files_of(self.path)
        if now[0] != self.files[0]:
            for ending, had, is_there in list(zip(_ENDINGS, self.files, now, strict=True))[1:]:
                if had is not None and had == is_there:
                    Path(self.path + ending).unlink(missing_ok=True)


def files_of(path: str) -> Files:
    """Return what tells the files of a database from any others."""
    return tuple(_identity(path + ending) for ending in _ENDINGS)


def make_private(path: str, purpose: Purpose) -> None:
    """Make a new file readable for its owner only: it will hold phone numbers and names.

    It is never opened here under its own name: to close it would drop the locks that SQLite holds on it
    in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        SquadIQError: it cannot be made, read or written; that of the purpose.
    """
    try:
        if not os.path.lexists(path):
            _make(path, purpose.name)
        what = _hindrance(path)
    except OSError as error:
        what = error.strerror
    if what:
        raise purpose.error(f"The {purpose.name}'s file {path} cannot be opened ({what}).")


def tell_if_others_can_read(path: str, purpose: Purpose) -> None:
    """Warn once of files of a database that others on this machine can read, or put others in the place of."""
    if path in _told or not hasattr(os, "getuid"):
        return
    shown = [Path(path + ending).name for ending in _ENDINGS if _mode(path + ending) & (stat.S_IRWXG | stat.S_IRWXO)]
    folder = Path(path).parent
    mode = _mode(str(folder))
    if shown:
        _told.add(path)
        purpose.log.warning(
            "OTHERS ON THIS MACHINE CAN USE THE %s, and it holds phone numbers and names: in %s, %s. "
            "Run: chmod go= on each.",
            purpose.name.upper(),
            folder,
            ", ".join(shown),
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        _told.add(path)
        said = "Others on this machine can replace the %s: they can write to its folder %s."
        purpose.log.warning(said, purpose.name, folder)


def _make(path: str, purpose: str) -> None:
    number, name = tempfile.mkstemp(prefix=f".squadiq-{purpose}-", dir=Path(path).parent)  # of mode 0600
    os.close(number)
    try:
        os.link(name, path)
    except FileExistsError:
        return  # another process was faster
    finally:
        os.unlink(name)


def _hindrance(path: str) -> str | None:
    if not os.path.isfile(path):
        return "it is no file"
    return None if os.access(path, os.R_OK | os.W_OK) else os.strerror(errno.EACCES)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0
