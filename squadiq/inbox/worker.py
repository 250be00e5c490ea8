"""Gives results to handlers: several at a time, each by one worker at a time, until they succeed or are set aside."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from squadiq.inbox.database import InboxError
from squadiq.inbox.handlers import Handler, place_of, retry_after_seconds
from squadiq.inbox.payloads import lead_of
from squadiq.inbox.store import Claim, Store
from squadiq.webhooks.parsing import DeliveredLead

log = logging.getLogger("squadiq.inbox")

ResultT = TypeVar("ResultT")


class Note(Protocol):
    """Notes in the inbox that a handler is done."""

    def __call__(self, *, connection: Connection | None = None) -> None: ...


POLL_SECONDS = 1.0
"""How long a result that another process received, or a retry, may wait to be seen."""


class ClaimLostError(Exception):
    """The lease ended, and another worker may have the result."""


class Worker:
    """Handles results on one event loop.

    Args:
        store: of the inbox.
        handlers: each is called once for each result that it has not succeeded on.
        concurrency: results that are handled at the same time.
        lease_seconds: how long a result stays with a worker that is not heard of.
        max_attempts: after so many failures a result is set aside.
        chance: random numbers from 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        handlers: Sequence[Handler],
        *,
        concurrency: int,
        lease_seconds: float,
        max_attempts: int,
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._handlers = tuple(handlers)
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._stopping = False
        self._held: dict[int, Claim] = {}
        self._handled = 0

    def wake(self) -> None:
        """Look for results now; may be called from any thread."""
        self._call_soon(self._awake.set)

    def stop(self) -> None:
        """Finish what is being handled, then return from `run`; may be called from any thread."""
        self._call_soon(self._stop)

    async def run(self, *, once: bool) -> int:
        """Handle results until stopped, or with `once` until none is due; return how many were handled.

        If it is cancelled, handlers that are async are cancelled too and their results given back.
        """
        tasks: set[asyncio.Task[None]] = set()
        ended = threading.Event()
        # Two threads more than handlers need: one to claim and note, one to renew leases.
        with ThreadPoolExecutor(self._concurrency + 2, thread_name_prefix="squadiq-inbox") as self._threads:
            renewing = self._threads.submit(self._renew, ended)
            try:
                while not self._stopping:
                    self._awake.clear()
                    free = self._concurrency - len(tasks)
                    claims = await self._claim(free) if free else []
                    tasks |= {asyncio.create_task(self._handle(claim)) for claim in claims}
                    if once and not tasks:
                        break
                    if len(claims) < free or not free:
                        await self._wait(tasks)
                    tasks = {task for task in tasks if not task.done()}
                if tasks:
                    await asyncio.wait(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                ended.set()
                renewing.result()
        return self._handled

    async def _claim(self, free: int) -> list[Claim]:
        claim = partial(self._store.claim, free, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts)
        try:
            return await self._in_thread(claim)
        except InboxError as error:
            log.warning("cannot look for results, and will try again: %s", error)
            return []

    async def _wait(self, tasks: set[asyncio.Task[None]]) -> None:
        """Wait until something is received, something is done, or it is time to look again."""
        awake = asyncio.create_task(self._awake.wait())
        try:
            await asyncio.wait({awake, *tasks}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            awake.cancel()

    async def _handle(self, claim: Claim) -> None:
        self._held[claim.id] = claim
        try:
            await self._call_handlers(claim)
        except asyncio.CancelledError:
            await self._noted(partial(self._store.release, claim))
            raise
        except ClaimLostError:
            log.warning("result %d: its lease ended while it was handled; it is left to whoever has it", claim.id)
        except InboxError as error:
            log.warning("result %d: %s It will be handled again.", claim.id, error)
        except Exception as error:  # whatever a handler raises
            await self._failed(claim, error)
        else:
            self._handled += 1
        finally:
            del self._held[claim.id]

    async def _call_handlers(self, claim: Claim) -> None:
        lead = lead_of(claim.payload)
        done = set(claim.handled_by)
        left = [handler for handler in self._handlers if handler.name not in done]
        if not left:
            await self._in_thread(partial(self._note, claim, done, finished=True))
        for handler in left:
            done.add(handler.name)
            note = partial(self._note, claim, frozenset(done), finished=handler is left[-1])
            if handler.is_async:
                await handler.function(lead)
                await self._in_thread(note)
            elif handler.in_transaction:
                await self._in_thread(partial(self._call_in_transaction, handler, lead, claim, note))
            else:
                await self._in_thread(partial(_call, handler, lead, note))

    def _call_in_transaction(self, handler: Handler, lead: DeliveredLead, claim: Claim, note: Note) -> None:
        with self._store.engine.begin() as connection:
            note(connection=connection)  # first: it fails if the claim is lost, and locks the result until the end
            handler.function(lead, connection)

    def _note(
        self, claim: Claim, done: Collection[str], *, finished: bool, connection: Connection | None = None
    ) -> None:
        """Note that handlers are done with a result, in a transaction of its own unless one is given."""
        if connection is None:
            held = self._store.mark_now(claim, done, finished=finished)
        else:
            held = self._store.mark(connection, claim, done, finished=finished)
        if not held:
            raise ClaimLostError

    async def _failed(self, claim: Claim, error: Exception) -> None:
        what = place_of(error)
        if claim.attempts >= self._max_attempts:
            wait = None
            log.error("result %d: %s; set aside after %d attempts", claim.id, what, claim.attempts)
        else:
            wait = retry_after_seconds(claim.attempts, self._chance())
            log.warning("result %d: %s; attempt %d, again in %.0f s", claim.id, what, claim.attempts, wait)
        await self._noted(partial(self._store.fail, claim, what, again_after_seconds=wait))

    async def _noted(self, note: Callable[[], None]) -> None:
        """Write a note that is not needed for safety: without it the lease ends and the result comes back."""
        try:
            await self._in_thread(note)
        except InboxError as error:
            log.warning("%s", error)

    async def _in_thread(self, call: Callable[[], ResultT]) -> ResultT:
        """Run a blocking call to its end, even if whoever waits for it is cancelled."""
        future = self._loop.run_in_executor(self._threads, contextvars.copy_context().run, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    def _renew(self, ended: threading.Event) -> None:
        """Keep the leases of what is being handled, however busy the loop is."""
        while not ended.wait(self._lease_seconds / 3):
            try:
                self._store.renew(tuple(self._held.values()), lease_seconds=self._lease_seconds)
            except InboxError as error:
                log.warning("cannot renew leases, and will try again: %s", error)

    def _stop(self) -> None:
        self._stopping = True
        self._awake.set()

    def _call_soon(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: there is nobody to wake or stop
            return


def _call(handler: Handler, lead: DeliveredLead, note: Note) -> None:
    answer = handler.function(lead)
    if inspect.iscoroutine(answer):
        answer.close()
        raise TypeError(f"{handler.name} returned a coroutine: register the async function itself")
    note()
