"""Calls of handlers: each has its time, and one that does not return keeps nobody from going on."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from asyncio import Future
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from squadiq.inbox.calls import HandlerFailedError, RunningHandler, call_handler
from squadiq.inbox.handlers import Handler, place_of
from squadiq.inbox.leases import ResultLeases
from squadiq.inbox.pace import TOGETHER_SECONDS
from squadiq.inbox.transaction import NotCommittedError, Transaction, TransactionCall
from squadiq.webhooks.parsing import DeliveredLead

log = logging.getLogger("squadiq.inbox")

SHORTEST_SECONDS = 1.0
"""How long a handler that is told to end has for it, however late it is."""

HANGING_AT_MOST = 16
"""As many calls are left to themselves; then nothing more is handled until one of them returns."""


class HandlerRunner:
    """Calls handlers from one event loop.

    Args:
        leases: of the results.
        threads: for handlers that are not async.
        timeout_seconds: how long one call of a handler may take.
        seconds_to_stop: how long it still may when the worker is cancelled.

    Attributes:
        may_call: set unless so many calls hang that no result should be begun.
    """

    def __init__(
        self, leases: ResultLeases, threads: Executor, *, timeout_seconds: float, seconds_to_stop: Callable[[], float]
    ) -> None:
        self._leases = leases
        self._threads = threads
        self._timeout_seconds = timeout_seconds
        self._seconds_to_stop = seconds_to_stop
        self._hanging: dict[Future[BaseException | None], str] = {}
        self.may_call = asyncio.Event()
        self.may_call.set()

    @property
    def hanging(self) -> Counter[str]:
        """How many calls of each handler still run, though nobody waits for them any more."""
        return Counter(self._hanging.values())

    async def call(self, running: RunningHandler, handler: Handler, lead: DeliveredLead) -> None:
        """Call a handler that is in no transaction; that it has succeeded is for the caller to note.

        Raises:
            HandlerFailedError: it raised, whatever it was, or did not return in time.
            CancelledError: whoever waits for it is cancelled; `running.left` says whether it still runs,
                and `running.succeeded` whether it has returned all the same.
        """
        running.handler, running.until = handler.name, time.monotonic() + self._timeout_seconds
        running.begun, running.succeeded = True, False
        if handler.is_async:
            future: Future[BaseException | None] = asyncio.ensure_future(_awaited(handler, lead))
        else:
            context = contextvars.copy_context()
            future = self._in_thread(partial(context.run, partial(call_handler, handler, lead)))
        await self._wait(future, running, handler)

    def begin(self, calls: Sequence[TransactionCall]) -> Transaction:
        """Begin a transaction in which handlers are called; `finish` says what came of each."""
        transaction = Transaction(self._leases, calls)
        seconds = self._timeout_seconds + (TOGETHER_SECONDS if transaction.is_shared else 0)
        for one in calls:
            one.transaction = transaction
            one.running.handler, one.running.until = one.handler.name, time.monotonic() + seconds
            one.running.begun = True
        transaction.ends = asyncio.get_running_loop().time() + seconds
        transaction.future = self._in_thread(transaction.run)
        return transaction

    async def finish(self, one: TransactionCall, transaction: Transaction) -> None:
        """Wait for a call in a transaction.

        Raises:
            HandlerFailedError: the handler raised, whatever it was, or did not return in time.
            ClaimLostError: it was not called, as the claim is no longer held.
            NotCommittedError: it can be called again, alone if it was called.
        """
        future = transaction.future
        if not future.done():
            await asyncio.wait({future}, timeout=transaction.ends - asyncio.get_running_loop().time())
        one.running.until = math.inf
        if not future.done():
            self._leave_transaction(transaction)
        if transaction.left and transaction.current is one:
            one.seconds = self._timeout_seconds
            raise self._too_late(one.handler)
        if transaction.is_shared and (transaction.left or future.result() is not None or not one.called):
            raise NotCommittedError
        error = future.result() or one.error
        if transaction.is_shared and isinstance(error, HandlerFailedError) and error.by_database:
            raise NotCommittedError
        if error is not None:
            raise error

    async def cancel(self, one: TransactionCall, transaction: Transaction) -> None:
        """Wait for a call in a transaction only as long as the worker still may."""
        future = transaction.future
        await asyncio.wait({future}, timeout=self._seconds_to_stop())
        if not future.done() and not transaction.left:
            self._leave(transaction.current.running, transaction)

    def abandon(self) -> None:
        """Wait for none of the calls that were left to themselves."""
        for future in list(self._hanging):
            future.remove_done_callback(self._returned)
            future.cancel()

    async def _wait(self, future: Future[BaseException | None], running: RunningHandler, handler: Handler) -> None:
        try:
            await asyncio.wait({future}, timeout=self._timeout_seconds)
        except asyncio.CancelledError:
            if handler.is_async:
                future.cancel()
            await asyncio.wait({future}, timeout=self._seconds_to_stop())
            running.succeeded = future.done() and not future.cancelled() and future.result() is None
            if not future.done():
                self._leave(running)
                future.cancel()
            raise
        if not future.done() and handler.is_async:
            future.cancel()
            await asyncio.wait({future}, timeout=SHORTEST_SECONDS)
            error: BaseException | None = self._too_late(handler)
        elif future.done():
            error = future.result()
        else:
            error = self._too_late(handler)
        if not future.done():
            self._leave(running)
            self._hangs(future, handler)
        running.until = math.inf
        if error is not None:
            raise error
        running.succeeded = True

    def _in_thread(self, call: Callable[[], None]) -> Future[BaseException | None]:
        return asyncio.wrap_future(self._threads.submit(_told, call))

    def _too_late(self, handler: Handler) -> HandlerFailedError:
        return HandlerFailedError(f"{handler.name} did not return within {self._timeout_seconds:g} s")

    def _leave_transaction(self, transaction: Transaction) -> None:
        """Let the call that takes too long be the only one that has failed."""
        if not transaction.left:
            self._leave(transaction.current.running, transaction)
            self._hangs(transaction.future, transaction.current.handler)

    def _hangs(self, future: Future[BaseException | None], handler: Handler) -> None:
        self._hanging[future] = handler.name
        if len(self._hanging) >= HANGING_AT_MOST:
            self.may_call.clear()
        future.add_done_callback(self._returned)

    def _leave(self, running: RunningHandler, transaction: Transaction | None = None) -> None:
        running.left = True
        if transaction is not None:
            transaction.leave()
        log.error(
            "result %d: handler %s hangs and is left to itself; %d calls do so before it",
            running.claim.id,
            running.handler,
            self.hanging.total(),
        )

    def _returned(self, future: Future[BaseException | None]) -> None:
        log.warning("handler %s has returned after all, too late for its result", self._hanging.pop(future))
        self.may_call.set()


async def _awaited(handler: Handler, lead: DeliveredLead) -> BaseException | None:
    try:
        await handler.function(lead)
    except BaseException as error:  # also CancelledError, and what else is no Exception: the worker itself goes on
        return HandlerFailedError(place_of(error))
    return None


def _told(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except BaseException as error:
        return error
    return None
