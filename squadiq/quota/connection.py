"""Connections to Redis that keep a bound: an operation ends in time, and reads no more than so many bytes.

redis-py gives its timeouts to every single read, so that an operation of several, or a server that
drips, may take for ever; and it looks up names without any. Within `bound.bounded()`, all that a thread does
on these connections, from the lookup to the last byte, ends in time.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from squadiq._deadline import LateError, in_time
from squadiq.quota.bound import bytes_read, left

MOST_BYTES = 1_000_000
"""A response of the quota's script has a few hundred."""


class BoundedSocket:
    """A connected socket whose reads and writes keep the bound."""

    def __init__(self, connected: Any) -> None:
        self._socket = connected
        self._waits = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        """Take no other bound; but one who only looks whether there is something to read does not wait."""
        self._waits = seconds != 0

    def recv(self, *arguments: int) -> bytes:
        self._limit()
        received: bytes = self._socket.recv(*arguments)
        self._count(len(received))
        return received

    def recv_into(self, buffer: Any) -> int:
        self._limit()
        received: int = self._socket.recv_into(buffer)
        self._count(received)
        return received

    def sendall(self, content: Any) -> None:
        self._limit()
        self._socket.sendall(content)

    def _limit(self) -> None:
        self._socket.settimeout(left() if self._waits else 0)

    def _count(self, received: int) -> None:
        if bytes_read(received) > MOST_BYTES:
            raise OSError("it sends more than any response has")


class _Bounded:
    """A connection whose socket keeps the bound."""

    def _connect(self) -> Any:
        connect: Any = super()
        return BoundedSocket(connect._connect())


class _Found(Connection):
    """A TCP connection of which the lookup of the name keeps the bound too, and all its addresses together."""

    def _connect(self) -> Any:
        refused: OSError = OSError("the name has no address")
        found = addresses(self.host, self.port, left())
        for tried, (family, address) in enumerate(found):
            connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connecting.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connecting.settimeout(left() / (len(found) - tried))
                connecting.connect(address)
                connecting.settimeout(left())  # for the handshake of TLS
            except OSError as error:
                connecting.close()
                refused = error
            else:
                return connecting
        raise refused


class _TCP(_Bounded, _Found):
    pass


class _TLS(_Bounded, SSLConnection, _Found):
    pass


class _Unix(_Bounded, UnixDomainSocketConnection):
    def _connect(self) -> Any:
        self.socket_connect_timeout = left()
        return super()._connect()


KINDS: Mapping[object, type[Any]] = {Connection: _TCP, SSLConnection: _TLS, UnixDomainSocketConnection: _Unix}
"""For each kind of connection of redis-py, the same with a bound."""


def addresses(host: str, port: int, within_seconds: float) -> list[tuple[socket.AddressFamily, Any]]:
    """Look up a name, in a thread of its own, since the system's lookup cannot be interrupted.

    Raises:
        OSError: it is not known, or not in time.
        UnicodeError: it cannot be a name.
    """
    try:
        found = in_time(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), within_seconds, _ignore)
    except LateError:
        raise TimeoutError("the lookup of the name takes too long") from None
    return [(family, address) for family, _, _, _, address in found]


def _ignore(found: object) -> None:
    """What is found too late is of no use, and holds nothing."""
