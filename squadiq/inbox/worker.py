"""Hands results to handlers, several at a time, until they succeed or fail for good."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from squadiq.inbox.errors import InboxError
from squadiq.inbox.handlers import Handler, backoff_seconds, place_of
from squadiq.inbox.leases import Leases, ResultClaim
from squadiq.inbox.payloads import lead_of
from squadiq.inbox.runner import SHORTEST_SECONDS, HandlerFailedError, HandlerRunner, RunningHandler
from squadiq.inbox.thread_pool import DaemonThreadPool

log = logging.getLogger("squadiq.inbox")

ResultT = TypeVar("ResultT")

POLL_SECONDS = 1.0
"""How long a result that another process received, or a retry, may wait to be seen."""

HANGING_AT_MOST = 16
"""As many calls are left to themselves; then nothing more is handled until one of them returns."""


class ClaimLostError(Exception):
    """The lease ended, and another worker may have the result."""


class Worker:
    """Handles results on one event loop.

    Args:
        leases: of the inbox's results.
        handlers: each is called once for each result that it has not succeeded on.
        concurrency: results that are handled at the same time.
        lease_seconds: how long a result stays with a worker that is not heard of.
        max_attempts: after so many failures a result has failed for good.
        handler_timeout_seconds: how long one call of a handler may take.
        stop_timeout_seconds: how long handlers may still take when the worker is stopped.
        rng: random numbers from 0 to 1.
    """

    def __init__(
        self,
        leases: Leases,
        handlers: Sequence[Handler],
        *,
        concurrency: int,
        lease_seconds: float,
        max_attempts: int,
        handler_timeout_seconds: float,
        stop_timeout_seconds: float,
        rng: Callable[[], float],
    ) -> None:
        self._leases = leases
        self._handlers = tuple(handlers)
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._stop_timeout_seconds = stop_timeout_seconds
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._threads = DaemonThreadPool("squadiq-inbox")
        self._calls = HandlerRunner(
            leases, self._threads, timeout_seconds=handler_timeout_seconds, seconds_to_stop=self._seconds_to_stop
        )
        self._awake = asyncio.Event()
        self._stopping = False
        self._ends: float | None = None
        self._told_that_all_hangs = False
        self._running: set[RunningHandler] = set()
        self._handled = 0

    def wake(self) -> None:
        """Look for results now; may be called from any thread."""
        self._call_soon(self._awake.set)

    def stop(self) -> None:
        """Finish what is being handled, then return from `run`; may be called from any thread."""
        self._call_soon(self._stop)

    async def run(self, *, once: bool) -> int:
        """Handle results until stopped, or with `once` until none is due; return how many were handled.

        If it is cancelled, handlers that are async are cancelled too and their results given back. What
        has not ended `stop_timeout_seconds` later is left to itself; its result comes back when its
        lease ends.
        """
        tasks: set[asyncio.Task[None]] = set()
        ended = threading.Event()
        renewing = self._loop.run_in_executor(self._threads, self._renew, ended)
        try:
            while not self._stopping:
                self._awake.clear()
                free = self._free()
                claims = await self._claim(free) if free else []
                for claim in claims:
                    self._running.add(running := RunningHandler(claim))
                    tasks.add(asyncio.create_task(self._handle(running)))
                if once and not tasks:
                    break
                if len(claims) < free or not free:
                    await self._wait(tasks)
                tasks = {task for task in tasks if not task.done()}
            if tasks:
                await asyncio.wait(tasks, timeout=self._seconds_to_stop())
        finally:
            self._stop()
            for task in tasks:
                task.cancel()
            ended.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._calls.erase()
            await asyncio.wait({renewing}, timeout=self._seconds_to_stop())
        return self._handled

    def _free(self) -> int:
        """How many more results may be handled now."""
        hanging = self._calls.hanging
        if hanging.total() >= HANGING_AT_MOST:
            if not self._told_that_all_hangs:
                names = ", ".join(f"{name} ({count})" for name, count in hanging.most_common())
                log.error("NOTHING IS HANDLED until handlers return that hang, or the process is restarted: %s", names)
            self._told_that_all_hangs = True
            return 0
        self._told_that_all_hangs = False
        alone = any(running.claim.alone for running in self._running)
        return 0 if alone else self._concurrency - len(self._running)

    async def _claim(self, free: int) -> list[ResultClaim]:
        claims: list[ResultClaim] = []
        held = {running.claim.id for running in self._running}

        def claim() -> None:
            claims.extend(
                self._leases.claim(free, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts, held=held)
            )

        try:
            await self._in_thread(claim)
        except InboxError as error:
            log.warning("cannot look for results, and will try again: %s", error)
        except asyncio.CancelledError:
            for taken in claims:
                await self._noted(partial(self._leases.release, taken))
            raise
        return claims

    async def _wait(self, tasks: set[asyncio.Task[None]]) -> None:
        """Wait until something is received, something is done, or it is time to look again."""
        awake = asyncio.create_task(self._awake.wait())
        try:
            await asyncio.wait({awake, *tasks}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            awake.cancel()

    async def _handle(self, running: RunningHandler) -> None:
        claim = running.claim
        try:
            await self._call_handlers(running)
        except asyncio.CancelledError:
            if not running.left:
                await self._noted(partial(self._leases.release, claim))
            raise
        except ClaimLostError:
            log.warning("result %d: its lease ended while it was handled; it is left to whoever has it", claim.id)
        except InboxError as error:
            log.warning("result %d: %s It will be handled again.", claim.id, error)
        except HandlerFailedError as failed:
            await self._failed(claim, str(failed))
        except Exception as error:  # of the note, or of what is stored
            await self._failed(claim, place_of(error))
        else:
            self._handled += 1
        finally:
            self._running.discard(running)

    async def _call_handlers(self, running: RunningHandler) -> None:
        claim = running.claim
        lead = lead_of(claim.payload)
        done = set(claim.handled_by)
        left = [handler for handler in self._handlers if handler.name not in done]
        if not left:
            await self._in_thread(partial(self._note, claim, done, finished=True))
        for handler in left:
            done.add(handler.name)
            note = partial(self._note, claim, frozenset(done), finished=handler is left[-1])
            await self._calls.call(running, handler, lead, note)
            if handler.is_async:
                await self._in_thread(note)

    def _note(
        self, claim: ResultClaim, done: Collection[str], *, finished: bool, connection: Connection | None = None
    ) -> None:
        """Note that handlers are done with a result, in a transaction of its own unless one is given."""
        if connection is None:
            held = self._leases.mark_now(claim, done, finished=finished)
        else:
            held = self._leases.mark(connection, claim, done, finished=finished)
        if not held:
            raise ClaimLostError

    async def _failed(self, claim: ResultClaim, what: str) -> None:
        if claim.attempts >= self._max_attempts:
            wait = None
            log.error("result %d: %s; failed for good after %d attempts", claim.id, what, claim.attempts)
        else:
            wait = backoff_seconds(claim.attempts, self._rng())
            log.warning("result %d: %s; attempt %d, again in %.0f s", claim.id, what, claim.attempts, wait)
        await self._noted(partial(self._leases.fail, claim, what, again_after_seconds=wait))

    async def _noted(self, note: Callable[[], None]) -> None:
        """Write a note that is not needed for safety: without it the lease ends and the result comes back."""
        try:
            await self._in_thread(note)
        except InboxError as error:
            log.warning("%s", error)

    async def _in_thread(self, call: Callable[[], ResultT]) -> ResultT:
        """Do something with the database to its end, even if whoever waits for it is cancelled."""
        future = self._loop.run_in_executor(self._threads, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    def _renew(self, ended: threading.Event) -> None:
        """Keep the leases of what is being handled, however busy the loop is."""
        told: set[RunningHandler] = set()
        while not ended.wait(self._lease_seconds / 3):
            running = set(self._running)
            late = {one for one in running if one.until + 2 * SHORTEST_SECONDS < time.monotonic()}
            for one in late - told:
                log.error(
                    "result %d: handler %s blocks the event loop, so that it cannot be ended; "
                    "its lease is not renewed any more",
                    one.claim.id,
                    one.handler,
                )
            told = late
            self._renew_leases([one.claim for one in running - late])

    def _renew_leases(self, claims: Sequence[ResultClaim]) -> None:
        if not claims:
            return
        try:
            self._leases.renew(claims, lease_seconds=self._lease_seconds)
        except InboxError as error:
            log.warning("cannot renew leases, and will try again: %s", error)

    def _stop(self) -> None:
        self._stopping = True
        self._awake.set()
        if self._ends is None:
            self._ends = self._loop.time() + self._stop_timeout_seconds

    def _seconds_to_stop(self) -> float:
        ends = self._loop.time() + self._stop_timeout_seconds if self._ends is None else self._ends
        return max(SHORTEST_SECONDS, ends - self._loop.time())

    def _call_soon(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: there is nobody to wake or stop
            return
