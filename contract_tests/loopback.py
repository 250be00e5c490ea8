"""Keeps a process from talking to anything but this machine, whatever library it uses."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any


class NotLoopbackError(PermissionError):
    """A contract test was about to leave this machine, where a call may reach a live campaign."""


def refuse_unless_loopback(host: str) -> None:
    """Let through this machine alone; a name other than localhost is refused, wherever it leads.

    Raises:
        NotLoopbackError: the host is another machine, or may be.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise NotLoopbackError(f"Contract tests run against loopback addresses only, not against {host or 'nothing'}.")


def stay_on_this_machine() -> None:
    """Make every look-up and every connection that leaves this machine fail, until the process ends."""
    sys.addaudithook(_refuse_others)


def _refuse_others(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, str | bytes):  # the path of a local socket
            return
        host = address[0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        host = arguments[0]
    else:
        return
    refuse_unless_loopback(host.decode("latin-1") if isinstance(host, bytes) else str(host))
