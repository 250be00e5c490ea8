"""Who shares a transaction: results that wait for one at the same time, if their handlers are quick."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from squadiq.inbox.handlers import Handler
from squadiq.inbox.pace import Pace
from squadiq.inbox.runner import HandlerRunner
from squadiq.inbox.transaction import NotCommittedError, Transaction, TransactionCall


class Sharing:
    """Calls handlers in transactions: quick ones in shared ones, one after another; others alone.

    Args:
        runner: makes the calls.
        handlers: those in the transaction.
        places: one is taken for each transaction; None if the database has one writer at a time anyway.
    """

    def __init__(self, runner: HandlerRunner, handlers: Sequence[Handler], places: asyncio.Semaphore | None) -> None:
        self._runner = runner
        self._places = places
        self._turn = asyncio.Semaphore(1)
        self._paces = {handler.name: Pace(1) for handler in handlers}
        self._alone: set[str] = set()
        self._waiting: dict[TransactionCall, None] = {}  # in their order

    async def call(self, call: TransactionCall) -> None:
        """Call a handler; if it was called in a shared transaction that came to nothing, once more alone.

        Raises:
            HandlerFailedError: it raised, whatever it was, or did not return in time.
            ClaimLostError: it was not called, as the claim is no longer held.
            CancelledError: whoever waits for it is cancelled; `running.left` says whether it still runs.
        """
        begun = call.running.begun
        while True:
            try:
                return await self._call_once(call)
            except NotCommittedError:
                call.alone |= call.called
                call.running.begun = begun or call.called
                call.transaction, call.called, call.error = None, False, None
            except asyncio.CancelledError:
                if call.transaction is not None:
                    await self._runner.cancel(call, call.transaction)
                raise

    async def _call_once(self, call: TransactionCall) -> None:
        await self._may_begin(call)
        may_share = self._may_share(call)
        # One at a time: two that are shared would wait for each other's locks, as one alone never does.
        turn = self._turn if may_share or self._places is None else nullcontext()
        if may_share:
            self._waiting[call] = None
        try:
            async with turn:
                slow_now = may_share and self._places is not None and not self._may_share(call)
                if call.transaction is None and not slow_now and self._begins(call):
                    async with self._places or nullcontext():
                        return await self._finish(call, await self._begin(call, may_share=may_share))
        finally:
            self._waiting.pop(call, None)
        if call.transaction is None:
            return await self._call_once(call)
        return await self._finish(call, call.transaction)

    async def _begin(self, call: TransactionCall, *, may_share: bool) -> Transaction:
        await self._may_begin(call)
        if may_share:
            await asyncio.sleep(0)  # those that were claimed with it have not come here yet
        return self._runner.begin([call, *(self._others(call) if may_share else ())])

    def _others(self, first: TransactionCall) -> Iterator[TransactionCall]:
        """Take what may share a transaction from those that wait."""
        waiting = (other for other in self._waiting if other is not first)
        others = [other for other in waiting if self._may_share(other) and self._begins(other)]
        for other in others[: self._paces[first.handler.name].together - 1]:
            del self._waiting[other]
            yield other

    async def _may_begin(self, call: TransactionCall) -> None:
        if not self._begins(call):
            await self._runner.may_call.wait()

    def _begins(self, call: TransactionCall) -> bool:
        """Whether it may begin in spite of what hangs."""
        return call.running.begun or self._runner.may_call.is_set()

    def _may_share(self, call: TransactionCall) -> bool:
        name = call.handler.name
        return not call.alone and name not in self._alone and self._paces[name].together > 1

    async def _finish(self, call: TransactionCall, transaction: Transaction) -> None:
        pace = self._paces[call.handler.name]
        try:
            await self._runner.finish(call, transaction)
        finally:
            if transaction.ended_by is not None:
                self._alone.add(transaction.ended_by.name)
            if transaction.left:
                pace.stall()
            elif call.called:
                pace.took(call.seconds)
