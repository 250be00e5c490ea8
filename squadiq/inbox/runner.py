"""Calls of handlers: each has its time, and one that does not return keeps nobody from going on."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import math
import threading
import time
from asyncio import Future
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from squadiq.inbox.database import break_off, hurry, opened_by, take_your_time
from squadiq.inbox.handlers import Handler, place_of
from squadiq.inbox.leases import Leases, Mark, ResultClaim
from squadiq.webhooks.parsing import DeliveredLead

log = logging.getLogger("squadiq.inbox")

SHORTEST_SECONDS = 1.0
"""How long a handler that is told to end has for it, however late it is."""

HANGING_AT_MOST = 16
"""As many calls are left to themselves; then nothing more is handled until one of them returns."""


class HandlerFailedError(Exception):
    """A handler raised, or did not return in time; the message says what and where, without its message."""


class ClaimLostError(Exception):
    """The lease ended, and another worker may have the result."""


@dataclass(eq=False, slots=True)
class RunningHandler:
    """A result that is being handled.

    Attributes:
        claim: of the result.
        begun: whether a handler was called with it.
        succeeded: whether the last handler that was called has returned, which may not be noted yet.
        handler: which of its handlers runs now, or ran last.
        until: when that should have ended, by `time.monotonic`.
        left: whether it still runs, though nobody waits for it any more.
        connection: the driver's connection of the transaction that it runs in.
    """

    claim: ResultClaim
    begun: bool = False
    succeeded: bool = False
    handler: str = ""
    until: float = math.inf
    left: bool = False
    connection: Any = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, connection: Connection) -> None:
        """Begin a handler's own transaction, which may take as long as the handler may."""
        take_your_time(connection)
        with self._lock:
            self._go_on(connection)
            self.connection = opened_by(connection)

    def exit(self, connection: Connection) -> None:
        """Let it be committed, unless nobody waits for it any more."""
        with self._lock:
            self.connection = None
            self._go_on(connection)
        hurry(connection)

    def leave(self) -> None:
        """Wait no more for the handler, and end its transaction if it has one."""
        with self._lock:
            self.left = True
            if self.connection is not None:
                break_off(self.connection)

    def _go_on(self, connection: Connection) -> None:
        if self.left:
            connection.invalidate()  # nobody else must get it
            raise HandlerFailedError(f"{self.handler} returned too late")


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
        self, leases: Leases, threads: Executor, *, timeout_seconds: float, seconds_to_stop: Callable[[], float]
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

    async def call(self, running: RunningHandler, handler: Handler, lead: DeliveredLead, mark: Mark) -> None:
        """Call a handler with a lead; one in the transaction is marked in it, others are by the caller.

        Raises:
            HandlerFailedError: it raised, whatever it was, or did not return in time.
            ClaimLostError: it was not called in its transaction, as the claim is no longer held.
            CancelledError: whoever waits for it is cancelled; `running.left` says whether it still runs,
                and `running.succeeded` whether it has returned all the same.
        """
        running.handler, running.until = handler.name, time.monotonic() + self._timeout_seconds
        running.begun, running.succeeded = True, False
        if handler.is_async:
            future: Future[BaseException | None] = asyncio.ensure_future(_awaited(handler, lead))
        else:
            call = partial(_called, handler, lead)
            if handler.in_transaction:
                call = partial(self._in_transaction, running, handler, lead, mark)
            context = contextvars.copy_context()
            future = asyncio.wrap_future(self._threads.submit(context.run, _told, call))
        await self._wait(future, running, handler)

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
            self._hanging[future] = handler.name
            if len(self._hanging) >= HANGING_AT_MOST:
                self.may_call.clear()
            future.add_done_callback(self._returned)
        running.until = math.inf
        if error is not None:
            raise error
        running.succeeded = True

    def _too_late(self, handler: Handler) -> HandlerFailedError:
        return HandlerFailedError(f"{handler.name} did not return within {self._timeout_seconds:g} s")

    def _leave(self, running: RunningHandler) -> None:
        running.leave()
        log.error(
            "result %d: handler %s hangs and is left to itself; %d calls do so before it",
            running.claim.id,
            running.handler,
            self.hanging.total(),
        )

    def _returned(self, future: Future[BaseException | None]) -> None:
        log.warning("handler %s has returned after all, too late for its result", self._hanging.pop(future))
        self.may_call.set()

    def _in_transaction(self, running: RunningHandler, handler: Handler, lead: DeliveredLead, mark: Mark) -> None:
        with self._leases.engine.begin() as connection:
            running.enter(connection)
            try:
                if not self._leases.mark(connection, mark):  # first: it locks the result to the end
                    raise ClaimLostError
                _called(handler, lead, connection)
            finally:
                running.exit(connection)


async def _awaited(handler: Handler, lead: DeliveredLead) -> BaseException | None:
    try:
        await handler.function(lead)
    except BaseException as error:  # also CancelledError, and what else is no Exception: the worker itself goes on
        return HandlerFailedError(place_of(error))
    return None


def _called(handler: Handler, *arguments: object) -> None:
    try:
        response = handler.function(*arguments)
    except BaseException as error:
        raise HandlerFailedError(place_of(error)) from None
    if inspect.iscoroutine(response):
        response.close()
        raise HandlerFailedError(f"TypeError: {handler.name} returned a coroutine: register the async function itself")


def _told(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except BaseException as error:
        return error
    return None
