"""Sends the mock's deliveries from a thread of its own.

With httpx itself, which is there anyway: the facade's transport waits, repeats and signs, and a
service that calls a webhook does that in its own way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from squadiq.mock.deliveries.delivery_store import DeliveryAttempt, Due
from squadiq.mock.deliveries.dispatch import Dispatch
from squadiq.mock.deliveries.faults import Cut, DeliveryFault
from squadiq.mock.deliveries.waiting import wakes

AT_ONCE = 16
"""Deliveries that are under way at the same time."""
TIMEOUT_SECONDS = 10.0
RESPONSE_LIMIT = 64 * 1024
"""Bytes of a response that are read and kept."""
SLOW_SECONDS = 2.0
"""How long a slow delivery takes to send, and to begin to read, at speed 1."""
_PIECES = 8


class _CutError(Exception):
    """The connection is closed here on purpose."""


@contextmanager
def delivering(deliveries: Dispatch) -> Generator[None]:
    """Send what is due until the block ends; nothing if there is no webhook."""
    if deliveries.settings.webhook_url is None:
        yield
        return
    deliverer = _Deliverer(deliveries, deliveries.settings.webhook_url)
    thread = threading.Thread(target=deliverer.run, name="squadiq-mock-deliveries", daemon=True)
    thread.start()
    try:
        yield
    finally:
        deliverer.stop()
        thread.join()


class _Deliverer:
    def __init__(self, deliveries: Dispatch, url: str) -> None:
        self._deliveries = deliveries
        self._url = url
        self._pause_seconds = SLOW_SECONDS / _PIECES / deliveries.settings.speed
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    def run(self) -> None:
        asyncio.run(self._run())

    def stop(self) -> None:
        self._stopping = True
        self._deliveries.changed()

    async def _run(self) -> None:
        changed = asyncio.Event()

        def done(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            changed.set()

        # Answers are kept as they come: nothing is decoded that could become much more.
        headers = [
            ("content-type", "application/json"),
            ("user-agent", "squadiq-mock"),
            ("accept-encoding", "identity"),
        ]
        # Not the environment's proxies: an endpoint under test is near. Idle connections are closed
        # before a server's usual five seconds, so that none is used that was just closed.
        async with httpx.AsyncClient(
            headers=[*headers, *self._deliveries.settings.webhook_headers],
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(keepalive_expiry=2.0),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        ) as client:
            with self._deliveries.watching(wakes(changed)):
                while not self._stopping:
                    changed.clear()
                    due, wait_seconds = self._deliveries.take(AT_ONCE - len(self._running))
                    for each in due:
                        task = asyncio.create_task(self._deliver(client, each))
                        self._running.add(task)
                        task.add_done_callback(done)
                    await _wait(changed, wait_seconds)
            left = tuple(self._running)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _deliver(self, client: httpx.AsyncClient, due: Due) -> None:
        fault = self._deliveries.fault_of(due)
        sent_at, began = self._deliveries.now(), time.perf_counter()
        status, response, error = None, None, None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS + 2 * SLOW_SECONDS):
                status, response = await self._send(client, due.body, fault)
        except _CutError:
            error = "cut on purpose"
        except TimeoutError:
            error = "TimeoutError"
        except httpx.HTTPError as failure:
            error = type(failure).__name__  # the message may hold the URL, and that a secret
        except asyncio.CancelledError:
            self._deliveries.let_go(due)
            raise
        milliseconds = (time.perf_counter() - began) * 1000
        self._deliveries.note(due, DeliveryAttempt(sent_at, milliseconds, fault.words, status, response, error))

    async def _send(self, client: httpx.AsyncClient, body: bytes, fault: DeliveryFault) -> tuple[int, bytes]:
        pause_seconds = self._pause_seconds if fault.slow else 0.0
        plain = not fault.slow and fault.cut is None
        content = body if plain else _pieces(body, pause_seconds, fault.cut)
        headers = {"content-length": str(len(body))}
        async with client.stream("POST", self._url, content=content, headers=headers) as response:
            await asyncio.sleep(pause_seconds * _PIECES)
            received = bytearray()
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) >= RESPONSE_LIMIT:
                    break
            return response.status_code, bytes(received[:RESPONSE_LIMIT])


async def _pieces(body: bytes, pause_seconds: float, cut: Cut | None) -> AsyncIterator[bytes]:
    size = -(-len(body) // _PIECES)
    for piece in range(_PIECES):
        if cut == "in the body" and piece == _PIECES // 2:
            raise _CutError
        yield body[piece * size : (piece + 1) * size]
        await asyncio.sleep(pause_seconds)
    if cut == "before the response":
        raise _CutError


async def _wait(changed: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
