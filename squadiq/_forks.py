"""Locks, files and connections that survive `os.fork`.

A lock that another thread holds at a fork stays locked for ever in the child, and a SQLite connection
must not be carried over at all. So each store of the quota, and each inbox, is brought to rest before
a fork, and goes on after it on both sides.
"""

from __future__ import annotations

# Hooks before a fork run in reverse: with its own set earlier, logging takes its lock after we have all of ours. The
# other way round, whoever has one of ours and logs something would wait for the fork, and the fork for it.
import logging  # noqa: F401  # pyright: ignore[reportUnusedImport]
import os
import sys
import threading
import weakref


class ForkSafe:
    """Something with a lock that is held, and `_rest` called, while the process forks.

    Whoever holds the lock of one takes that of no other, so that taking all of them cannot deadlock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        with _adding:
            _all.add(self)

    def _rest(self) -> None:
        """Close what must not be carried over a fork; the lock is held."""

    def _reborn(self) -> None:
        """Forget, in the child, what only the parent has; the lock is held."""


_adding = threading.Lock()
_all: weakref.WeakSet[ForkSafe] = weakref.WeakSet()
_held: list[ForkSafe] = []


def _before() -> None:
    _adding.acquire()
    for one in list(_all):
        one._lock.acquire()  # pyright: ignore[reportPrivateUsage]
        _held.append(one)
        one._rest()  # pyright: ignore[reportPrivateUsage]


def _after() -> None:
    while _held:
        _held.pop()._lock.release()  # pyright: ignore[reportPrivateUsage]
    _adding.release()


def _after_in_child() -> None:
    for one in _held:
        one._reborn()  # pyright: ignore[reportPrivateUsage]
    _after()


if sys.platform != "win32":  # pragma: no branch - Windows has no fork
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
