"""Hands results to handlers, several at a time, until they succeed or fail for good."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from squadiq.inbox.calls import ClaimLostError, HandlerFailedError, RunningHandler
from squadiq.inbox.errors import InboxError
from squadiq.inbox.handlers import Handler, place_of
from squadiq.inbox.leases import Mark, ResultClaim, ResultLeases
from squadiq.inbox.pace import Pace
from squadiq.inbox.payloads import lead_of
from squadiq.inbox.runner import SHORTEST_SECONDS, HandlerRunner
from squadiq.inbox.sharing import Sharing
from squadiq.inbox.transaction import TransactionCall
from squadiq.queue.backoff import backoff_seconds
from squadiq.queue.group_commit import GroupCommit
from squadiq.queue.thread_pool import DaemonThreadPool
from squadiq.webhooks.parsing import DeliveredLead

log = logging.getLogger("squadiq.inbox")

ResultT = TypeVar("ResultT")

POLL_SECONDS = 1.0
"""How long a result that another process received, or a retry, may wait to be seen, and what was
claimed ahead to be given back when no handler is called."""


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
        leases: ResultLeases,
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
        self._places = asyncio.Semaphore(concurrency)
        self._pace = Pace(concurrency)
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._stop_timeout_seconds = stop_timeout_seconds
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._threads = DaemonThreadPool("squadiq-inbox")
        self._calls = HandlerRunner(
            leases, self._threads, timeout_seconds=handler_timeout_seconds, seconds_to_stop=self._seconds_to_stop
        )
        one_writes = leases.engine.dialect.name == "sqlite"
        in_transaction = [handler for handler in self._handlers if handler.in_transaction]
        self._sharing = Sharing(self._calls, in_transaction, None if one_writes else self._places)
        self._awake = asyncio.Event()
        self._stopping = False
        self._ends: float | None = None
        self._told_that_all_hangs = False
        self._tasks: dict[RunningHandler, asyncio.Task[None]] = {}
        self._last_begun = 0.0
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
        ended = threading.Event()
        renewing = self._loop.run_in_executor(self._threads, self._renew, ended)
        self._marks = GroupCommit(self._leases.mark_all)
        try:
            while not self._stopping:
                self._awake.clear()
                free = self._free()
                claims = await self._claim(free) if free else []
                for claim in claims:
                    self._begin(RunningHandler(claim))
                if once and not self._tasks:
                    break
                if len(claims) < free or not free:
                    await self._wait()
                await self._give_back_if_stalled()
            await self._give_back()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=self._seconds_to_stop())
        finally:
            self._stop()
            await self._end(ended, renewing)
        return self._handled

    async def _end(self, ended: threading.Event, renewing: asyncio.Future[None]) -> None:
        await self._give_back()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        ended.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._calls.abandon()
        closing = self._loop.run_in_executor(self._threads, self._marks.close)
        await asyncio.wait({renewing, closing}, timeout=self._seconds_to_stop())
        self._threads.shutdown()

    def _begin(self, running: RunningHandler) -> None:
        def ended(_: object) -> None:
            self._tasks.pop(running, None)
            self._awake.set()

        self._last_begun = self._loop.time()
        self._tasks[running] = task = self._loop.create_task(self._handle(running))
        task.add_done_callback(ended)

    def _free(self) -> int:
        """How many more results may be handled now."""
        if not self._calls.may_call.is_set():
            if not self._told_that_all_hangs:
                hanging = self._calls.hanging
                names = ", ".join(f"{name} ({count})" for name, count in hanging.most_common())
                log.error("NOTHING IS HANDLED until handlers return that hang, or the process is restarted: %s", names)
            self._told_that_all_hangs = True
            return 0
        self._told_that_all_hangs = False
        if any(running.claim.alone for running in self._tasks):
            return 0
        ahead = self._pace.ahead
        free = self._concurrency + ahead - len(self._tasks)
        return free if free >= max(1, ahead // 2) else 0  # few and large claims rather than many small ones

    async def _claim(self, free: int) -> list[ResultClaim]:
        claims: list[ResultClaim] = []
        held = {running.claim.id for running in self._tasks}

        def claim() -> None:
            claims.extend(
                self._leases.claim(free, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts, held=held)
            )

        try:
            await self._in_thread(claim)
        except InboxError as error:
            log.warning("cannot look for results, and will try again: %s", error)
        except asyncio.CancelledError:
            await self._noted(partial(self._leases.release, claims))
            raise
        return claims

    async def _wait(self) -> None:
        """Wait until something is received, something is done, or it is time to look again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._awake.wait()

    async def _give_back_if_stalled(self) -> None:
        """Let other workers have what was claimed ahead, when handlers turn out to be slow."""
        if self._loop.time() - self._last_begun > POLL_SECONDS:
            self._pace.stall()
            await self._give_back()

    async def _give_back(self) -> None:
        """Release the results that no handler was called with."""
        waiting = [running for running in self._tasks if not running.begun]
        for running in waiting:
            self._tasks.pop(running).cancel()
        if waiting:
            await self._noted(partial(self._leases.release, [running.claim for running in waiting]))

    async def _handle(self, running: RunningHandler) -> None:
        claim = running.claim
        try:
            await self._call_handlers(running)
        except asyncio.CancelledError:
            if running.begun and not running.left:
                await self._noted(partial(self._leases.release, [claim]))
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

    async def _call_handlers(self, running: RunningHandler) -> None:
        claim = running.claim
        lead = lead_of(claim.payload)
        done = claim.handled_by
        left = [handler for handler in self._handlers if handler.name not in done]
        if not left:
            await self._mark(Mark(claim, done, finished=True))
        for handler in left:
            done |= {handler.name}
            mark = Mark(claim, done, finished=handler is left[-1])
            if handler.in_transaction:
                await self._call_in_transaction(TransactionCall(running, handler, lead, mark))
            else:
                await self._call(running, handler, lead, mark)

    async def _call(self, running: RunningHandler, handler: Handler, lead: DeliveredLead, mark: Mark) -> None:
        try:
            async with self._places:
                if not running.begun:
                    await self._calls.may_call.wait()
                self._last_begun = began = self._loop.time()
                try:
                    await self._calls.call(running, handler, lead)
                finally:
                    self._pace.took(self._loop.time() - began)
        finally:
            if running.succeeded:
                await self._mark(mark)

    async def _call_in_transaction(self, call: TransactionCall) -> None:
        try:
            await self._sharing.call(call)
        finally:
            if call.called:
                self._last_begun = self._loop.time()
                self._pace.took(call.seconds)

    async def _mark(self, mark: Mark) -> None:
        """Return when a mark is durable; those of several results share a commit.

        Raises:
            ClaimLostError: it was not made, as the claim is no longer held.
        """
        if not await _to_its_end(self._loop.create_task(self._marks.add_async(mark, None))):
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
        return await _to_its_end(self._loop.run_in_executor(self._threads, call))

    def _renew(self, ended: threading.Event) -> None:
        """Keep the leases of what is being handled, however busy the loop is."""
        told: set[RunningHandler] = set()
        while not ended.wait(self._lease_seconds / 3):
            running = set(self._tasks)
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


async def _to_its_end(future: asyncio.Future[ResultT]) -> ResultT:
    """Wait for something to its end, even if whoever waits for it is cancelled."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        raise
