"""Loaded by schemathesis as it starts: from then on its process sends to one campaign of one server only."""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import requests
import requests.adapters

from squadiq.contract.disposable import DisposableScope
from squadiq.contract.disposable_transport import ATTEMPTS, retry_after_seconds

SCOPE = "SQUADIQ_CONTRACT_SCOPE"
"""Variable with the scope, as JSON; without it nothing is sent."""

FRAMING = ("Connection", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
"""Headers that say how a message is sent and not what it says: a server of HTTP may answer odd ones as it likes."""


def frame(request: requests.PreparedRequest, body: bytes) -> None:
    """Give a request its body, and let no drawn header say otherwise how it is sent."""
    for name in FRAMING:
        request.headers.pop(name, None)
    if body:
        request.body, request.headers["Content-Length"] = body, str(len(body))
    elif request.headers.get("Content-Length") not in (None, "0"):
        del request.headers["Content-Length"]


def guard_requests(scope: DisposableScope, count_file: Path) -> None:
    """Let every request of this process pass a scope, and write down how many there were as it ends."""
    send = requests.adapters.HTTPAdapter.send
    hits = 0

    def send_guarded(
        self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        nonlocal hits
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        # Values that are drawn are anybody's phone numbers; what is wrong with one stays wrong.
        own = scope.with_own_numbers(body)
        frame(request, own)
        url = httpx.URL(request.url or "")
        headers = {_as_text(name).lower(): _as_text(value) for name, value in request.headers.items()}
        if why := scope.refusal(url, headers, own):
            raise requests.ConnectionError(f"It was not sent: {why}.", request=request)
        direct: dict[str, Any] = {**options, "proxies": {}}
        response, attempts = send(self, request, **direct), 1
        while response.status_code == 429 and attempts < ATTEMPTS:
            time.sleep(retry_after_seconds(response.headers.get("Retry-After", ""), time.time()))
            response, attempts = send(self, request, **direct), attempts + 1
        hits += attempts
        return response

    requests.adapters.HTTPAdapter.send = send_guarded  # type: ignore[assignment, method-assign]
    atexit.register(lambda: count_file.write_text(str(hits), "utf-8"))


def stay_with(origin: httpx.URL) -> None:
    """Make every look-up and connection of this process fail but those of a server, whatever library makes them."""
    sys.addaudithook(partial(refuse_others, origin))


def refuse_others(origin: httpx.URL, event: str, arguments: tuple[Any, ...]) -> None:
    """Look at an event of the interpreter, before what it tells of happens.

    Raises:
        PermissionError: it is a look-up or a connection of another server.
    """
    host = origin.raw_host.decode("ascii")
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        allowed = _as_text(arguments[0] or "").casefold() in {host, origin.host}
    elif event in {"socket.connect", "socket.sendto"} and not isinstance(arguments[1], str | bytes):
        # What a name stands for may change, so it is asked anew.
        allowed = arguments[1][0] in {found[4][0] for found in socket.getaddrinfo(host, None)}
    else:  # nothing of the network, or the path of a local socket
        return
    if not allowed:
        raise PermissionError(f"It was not sent: it goes to another server than {host}.")


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


if SCOPE in os.environ:
    _given = json.loads(os.environ[SCOPE])
    stay_with(httpx.URL(_given["origin"]))
    guard_requests(
        DisposableScope(_given["origin"], _given["campaign_id"], _given["phone_numbers"]), Path(_given["count_file"])
    )
