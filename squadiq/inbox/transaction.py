"""A transaction in which handlers are called one after another, each in a savepoint of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from squadiq.inbox.calls import ClaimLostError, HandlerFailedError, RunningHandler, call_handler
from squadiq.inbox.errors import InboxError
from squadiq.inbox.handlers import Handler
from squadiq.inbox.leases import Mark, ResultLeases
from squadiq.inbox.pace import TOGETHER_SECONDS
from squadiq.queue.database import break_off, hurry, opened_by, state_of, take_your_time
from squadiq.webhooks.parsing import DeliveredLead

_SAVEPOINT = "squadiq_handler"


class NotCommittedError(Exception):
    """Nothing came of a call, as the transaction that it shared was not committed, or had no time left for it."""


@dataclass(eq=False, slots=True)
class TransactionCall:
    """A handler to be called in a transaction.

    Attributes:
        running: its result.
        handler: the function.
        lead: what it is called with.
        mark: is made in the transaction.
        context: in which it is called.
        alone: whether the transaction is shared with no other, since it was in one that came to nothing.
        transaction: which one.
        called: whether it was, in this transaction.
        error: what the handler failed of, while the transaction went on.
        seconds: how long the handler took.
    """

    running: RunningHandler
    handler: Handler
    lead: DeliveredLead = field(repr=False)
    mark: Mark
    context: contextvars.Context = field(default_factory=contextvars.copy_context, repr=False)
    alone: bool = False
    transaction: Transaction | None = field(default=None, repr=False)
    called: bool = False
    error: Exception | None = None
    seconds: float = 0.0


class Transaction:
    """Calls handlers in a thread, and commits what those have done that did not raise.

    Several share it only for a short time: then no other is called. Each is called in a savepoint, and
    those that have not raised are marked together at the end. One that is alone is marked before: it may
    even commit by itself. Whatever else goes wrong, all of it is rolled back.

    Args:
        leases: of the results.
        calls: to be made in this order.

    Attributes:
        future: is done when `run` has returned; set by whoever begins it.
        ends: when it should be, by the clock of the loop.
        is_shared: whether there are several calls.
        left: whether nobody waits for it any more.
        current: the call that is made now, or was made last.
        ended_by: the handler that has committed or rolled back by itself.
    """

    future: asyncio.Future[BaseException | None]
    ends: float

    def __init__(self, leases: ResultLeases, calls: Sequence[TransactionCall]) -> None:
        self._leases = leases
        self.calls = calls
        self.is_shared = len(calls) > 1
        self.left = False
        self.current = calls[0]
        self.ended_by: Handler | None = None
        self._connection: Any = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Make the calls and commit."""
        with self._leases.engine.begin() as connection:
            self._enter(connection)
            try:
                if self.is_shared:
                    self._call_each(connection)
                else:
                    self._call_alone(connection, self.current)
            finally:
                self._exit(connection)

    def leave(self) -> None:
        """Wait no more for it, and roll it back unless it is being committed already."""
        with self._lock:
            self.left = True
            if self._connection is not None:
                break_off(self._connection)

    def _call_alone(self, connection: Connection, one: TransactionCall) -> None:
        self._begin(connection, one)
        if not self._leases.mark(connection, one.mark):  # first: it locks the result to the end
            raise ClaimLostError
        self._call(connection, one)
        if one.error is not None:
            raise one.error

    def _call_each(self, connection: Connection) -> None:
        event.listen(connection, "commit", self._refuse)  # it would commit what others have done, without their marks
        held = self._leases.lock(connection, [one.mark.claim for one in self.calls])
        until = time.monotonic() + TOGETHER_SECONDS
        for one in self.calls:
            if one is not self.calls[0] and time.monotonic() > until:
                break
            self._begin(connection, one)
            if one.mark.claim.id in held:
                self._call_in_savepoint(connection, one)
            else:
                one.error = ClaimLostError()
        self._leases.mark_locked(connection, [one.mark for one in self.calls if one.called and one.error is None])

    def _call_in_savepoint(self, connection: Connection, one: TransactionCall) -> None:
        driver = opened_by(connection)  # a statement of SQLAlchemy would take several times as long
        driver.execute(f"SAVEPOINT {_SAVEPOINT}")  # the commit releases it
        self._call(connection, one)
        if self.ended_by is not None:
            raise NotCommittedError
        if one.error is not None:
            driver.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")

    def _call(self, connection: Connection, one: TransactionCall) -> None:
        began = time.monotonic()
        try:
            one.context.run(call_handler, one.handler, one.lead, connection)
        except HandlerFailedError as error:
            one.error = error
        one.seconds = time.monotonic() - began
        state = state_of(connection)
        if state == "ended":
            self.ended_by = one.handler
        elif state == "failed" and one.error is None:
            one.error = HandlerFailedError(f"a statement of {one.handler.name} failed, and PostgreSQL commits nothing")

    def _refuse(self, connection: Connection) -> None:
        if self._connection is not None:
            opened_by(connection).rollback()  # SQLAlchemy takes it for ended
            raise InboxError("The handler shares its transaction, and cannot commit it.")

    def _enter(self, connection: Connection) -> None:
        """Let it take as long as handlers may."""
        take_your_time(connection)
        with self._lock:
            self._go_on(connection)
            self._connection = opened_by(connection)

    def _begin(self, connection: Connection, one: TransactionCall) -> None:
        with self._lock:
            self._go_on(connection)
            self.current, one.called = one, True

    def _exit(self, connection: Connection) -> None:
        """Let it be committed, unless nobody waits for it any more."""
        with self._lock:
            self._connection = None
            self._go_on(connection)
        hurry(connection)

    def _go_on(self, connection: Connection) -> None:
        if self.left:
            connection.invalidate()  # nobody else must get it
            raise HandlerFailedError(f"{self.current.handler.name} returned too late")
