"""A transaction in which handlers are called one after another, each in a savepoint together with its note."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from squadiq.inbox.calls import ClaimLostError, HandlerFailedError, RunningHandler, call
from squadiq.inbox.database import break_off, hurry, opened_by, take_your_time
from squadiq.inbox.handlers import Handler
from squadiq.inbox.leases import Leases, Mark
from squadiq.inbox.pace import TOGETHER_SECONDS
from squadiq.webhooks.parsing import DeliveredLead


class NotCommittedError(Exception):
    """Nothing came of a call, as the transaction that it shared was not committed, or had no time left for it."""


@dataclass(eq=False, slots=True)
class TransactionCall:
    """A handler to be called in a transaction.

    Attributes:
        running: its result.
        handler: the function.
        lead: what it is called with.
        mark: is made in the transaction before.
        context: in which it is called.
        alone: whether the transaction is shared with no other, since it was in one that came to nothing.
        transaction: which one.
        called: whether it was, in this transaction.
        error: what the handler failed of, while the transaction went on.
        seconds: how long the handler took.
    """

    running: RunningHandler
    handler: Handler
    lead: DeliveredLead
    mark: Mark
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    alone: bool = False
    transaction: Transaction | None = None
    called: bool = False
    error: Exception | None = None
    seconds: float = 0.0


class Transaction:
    """Calls handlers in a thread, and commits what those have done that did not raise.

    Alone in it, a handler that raises lets it be rolled back. Several share it only for a short time: then
    no other is called. Whatever else goes wrong, it is rolled back as a whole.

    Args:
        leases: of the results.
        calls: to be made in this order.

    Attributes:
        future: is done when `run` has returned; set by whoever begins it.
        ends: when it should be, by the clock of the loop.
        left: whether nobody waits for it any more.
        current: the call that is made now, or was made last.
        ended_by: the handler that has committed or rolled back by itself. Alone it may: the note is in it.
    """

    future: asyncio.Future[BaseException | None]
    ends: float

    def __init__(self, leases: Leases, calls: Sequence[TransactionCall]) -> None:
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
        until = time.monotonic() + TOGETHER_SECONDS
        with self._leases.engine.begin() as connection:
            self._enter(connection)
            try:
                for one in self.calls:
                    if one is not self.calls[0] and time.monotonic() > until:
                        break
                    self._begin(connection, one)
                    self._call(connection, one)
            finally:
                self._exit(connection)

    def leave(self) -> None:
        """Wait no more for it, and roll it back unless it is being committed already."""
        with self._lock:
            self.left = True
            if self._connection is not None:
                break_off(self._connection)

    def _call(self, connection: Connection, one: TransactionCall) -> None:
        began = time.monotonic()
        savepoint = connection.begin_nested()
        try:
            self._mark_and_call(connection, one)
        except (ClaimLostError, HandlerFailedError) as error:
            if not self.is_shared:
                raise
            one.error = error
        finally:
            one.seconds = time.monotonic() - began
        if connection.get_nested_transaction() is not savepoint:
            self.ended_by = one.handler
            if self.is_shared:
                raise NotCommittedError
        elif one.error is None:
            savepoint.commit()
        else:
            savepoint.rollback()

    def _mark_and_call(self, connection: Connection, one: TransactionCall) -> None:
        if not self._leases.mark(connection, one.mark):  # first: it locks the result to the end
            raise ClaimLostError
        one.context.run(call, one.handler, one.lead, connection)

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
