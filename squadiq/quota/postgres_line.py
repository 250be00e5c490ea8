"""A connection to PostgreSQL that keeps a bound: an operation ends in time, whatever the server does.

libpq gives a time to connecting at most, and none to the lookup of a name. Here connecting is left behind when the
time is up, and a connection whose server does not answer is broken off.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from traceback import clear_frames
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from squadiq._deadline import LateError, in_time
from squadiq._forks import ForkSafe
from squadiq.quota.bound import left

CONNECT_SECONDS = 2
"""How long connecting goes on that nobody waits for any more; libpq knows no less."""

_T = TypeVar("_T")


class Line(ForkSafe):
    """A connection that one thread at a time uses; it is made when it is needed, and closed over a fork.

    Args:
        url: as libpq takes it.
        prepare: what is done first on each new connection.
    """

    def __init__(self, url: str, prepare: Callable[[Any], None]) -> None:
        ForkSafe.__init__(self)
        self._url = url
        self._prepare = prepare
        self._connection: psycopg.Connection[Any] | None = None
        self._next = threading.Lock()

    def use(self, do: Callable[[Any], _T]) -> _T:
        """Do something on the connection, within `bounded`; again on a new one, if one of before was lost.

        Raises:
            TimeoutError: the time is up.
            psycopg.Error: the server cannot be reached, or will not.
        """
        self._acquire()
        try:
            if self._connection is not None:
                with suppress(_LostError):
                    return self._do(do, self._connection)
            return self._do(do, self._connect())
        except _LostError as lost:
            left()  # if the time is up, it is we who broke it off
            raise lost.cause from None
        finally:
            self._lock.release()

    def _acquire(self) -> None:
        """Take the lock, but after one who waits for it: a thread that uses it again and again would starve others."""
        if self._next.acquire(timeout=left()):
            try:
                if self._lock.acquire(timeout=left()):
                    return
            finally:
                self._next.release()
        raise TimeoutError("other threads wait for it")

    def _reborn(self) -> None:
        self._next = threading.Lock()  # a thread that is not in the child may hold it

    def close(self) -> None:
        """Close the connection; using it opens another."""
        with self._lock:
            self._rest()

    def _do(self, do: Callable[[Any], _T], connection: psycopg.Connection[Any]) -> _T:
        try:
            with _watched(connection):
                return do(connection)
        except BaseException as error:
            lost = connection.closed
            self._rest()  # and with it whatever was begun
            if lost and isinstance(error, psycopg.Error):
                raise _LostError(error) from None
            raise

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            connection = in_time(self._connected, left(), lambda late: late.close())
        except LateError:
            raise TimeoutError("connecting takes too long") from None
        self._connection = connection
        self._do(self._prepare, connection)
        return connection

    def _connected(self) -> psycopg.Connection[Any]:
        options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "UTF8"}
        try:
            return psycopg.connect(self._url, autocommit=True, prepare_threshold=None, **options)
        except psycopg.Error as error:
            clear_frames(error.__traceback__)  # which would keep the socket open until the collector comes
            raise

    def _rest(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


class _LostError(Exception):
    """The connection was lost while it was used."""

    def __init__(self, cause: psycopg.Error) -> None:
        self.cause = cause


def host_and_port(url: str) -> str:
    """Return where a server is, without user and password.

    Raises:
        psycopg.ProgrammingError: the URL is none.
    """
    given: dict[str, Any] = dict(conninfo_to_dict(url))
    host = given.get("host") or given.get("hostaddr") or "localhost"
    return str(host) if str(host).startswith("/") else f"{host}:{given.get('port', 5432)}"


@contextmanager
def _watched(connection: psycopg.Connection[Any]) -> Generator[None]:
    """Break a connection off if the time is up before the block ends."""
    timer = threading.Timer(left(), _break_off, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break_off(connection: psycopg.Connection[Any]) -> None:
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
