"""`Inbox`: processed leads are stored before they are acknowledged, once each, and kept until handled."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from sqlalchemy import URL
from squadiq_generated.models import ProcessedLead

from squadiq import _checks
from squadiq._forks import ForkSafe
from squadiq.errors import ConfigurationError, InvalidInputError, Problem
from squadiq.inbox.arrivals import arrival_of
from squadiq.inbox.backfill import (
    OVERLAP_SECONDS,
    AsyncSourceCampaign,
    Backfill,
    SourceCampaign,
    backfill,
    backfill_async,
    backfill_each,
    backfill_every,
)
from squadiq.inbox.errors import InboxError
from squadiq.inbox.handlers import Handler, LeadHandler, TransactionHandler, handler_of
from squadiq.inbox.results import StoredResults
from squadiq.inbox.store import Arrival, InboxStore
from squadiq.inbox.tables import INBOX
from squadiq.inbox.worker import Worker
from squadiq.queue.arguments import ids as checked_ids
from squadiq.queue.clock import SYSTEM_TIME
from squadiq.queue.database import database_url, open_database
from squadiq.queue.group_commit import GroupCommit
from squadiq.queue.lazy import LazyStore
from squadiq.queue.thread_pool import DaemonThreadPool
from squadiq.validation import epoch_seconds

log = logging.getLogger("squadiq.inbox")

STOP_AGAIN_SECONDS = 0.1

LeadHandlerT = TypeVar("LeadHandlerT", bound=LeadHandler)
TransactionHandlerT = TypeVar("TransactionHandlerT", bound=TransactionHandler)


class Inbox(StoredResults, ForkSafe):
    """Keeps processed leads, once each, from before they are acknowledged until you have handled them.

    One processing result is one `campaign_id`, `lead_id` and `processed_at`, however often and from
    wherever it comes. The database is opened when it is first needed, anew in each process.

    Args:
        database: path of a SQLite file for one machine, or URL of PostgreSQL for several, such as
            `postgresql://user:password@host/name`.
        lease_seconds: how long a result stays with a worker that is not heard of any more.
        max_attempts: after so many failures a result has failed for good.
        store_within_seconds: how long a delivery may wait until it is stored.
        handler_timeout_seconds: how long one call of a handler may take; longer counts as a failure.
        stop_timeout_seconds: how long handlers may still take when `run` is stopped or cancelled.

    Raises:
        ConfigurationError: the database is of another kind, or its folder does not exist.
        MissingExtraError: PostgreSQL is asked for and `squadiq[postgres]` is not installed.
    """

    _time = SYSTEM_TIME

    def __init__(
        self,
        database: str | os.PathLike[str] | URL,
        *,
        lease_seconds: float = 60.0,
        max_attempts: int = 8,
        store_within_seconds: float = 10.0,
        handler_timeout_seconds: float = 300.0,
        stop_timeout_seconds: float = 30.0,
    ) -> None:
        super().__init__()
        self._url = database_url(database, INBOX)
        self._lease_seconds = _checks.seconds("lease_seconds", lease_seconds)
        self._max_attempts = _checks.whole_number("max_attempts", max_attempts, "attempt")
        self._store_within_seconds = _checks.seconds("store_within_seconds", store_within_seconds)
        self._handler_timeout_seconds = _checks.seconds("handler_timeout_seconds", handler_timeout_seconds)
        self._stop_timeout_seconds = _checks.seconds("stop_timeout_seconds", stop_timeout_seconds)
        self._handlers: list[Handler] = []
        self._workers: set[Worker] = set()
        self._opening = LazyStore(self._open_store)
        self._writer: GroupCommit[Arrival, None] | None = None

    def __repr__(self) -> str:
        return f"Inbox({self._url.render_as_string(hide_password=True)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what has arrived, stop workers and close the database; using the inbox opens it again.

        A worker that is still finishing closes the database when it is done.
        """
        self.stop()
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._opening.close(dispose=not self._workers)

    # Receiving

    def receive(self, lead: ProcessedLead) -> None:
        """Store a lead, delivered or made by hand, and return when it is durable. A known result changes nothing.

        Raises:
            InboxError: it could not be stored, or not within `store_within_seconds`.
            DeliveryError: it cannot be written as JSON, or has nothing to know it by.
        """
        arrival = arrival_of(lead)
        try:
            self._writing().add(arrival, self._store_within_seconds)
        except TimeoutError:
            raise self._too_late() from None

    async def receive_async(self, lead: ProcessedLead) -> None:
        """Do `receive` without blocking."""
        arrival = arrival_of(lead)
        try:
            await self._writing().add_async(arrival, self._store_within_seconds)
        except TimeoutError:
            raise self._too_late() from None

    def backfill(
        self, campaign: SourceCampaign, *, since: datetime | None = None, overlap_seconds: float = OVERLAP_SECONDS
    ) -> Backfill:
        """Read a campaign's processed leads with `getLeads`, so that what the webhook missed arrives too.

        Args:
            campaign: a `Campaign`; each page costs a hit of the quota.
            since: only leads processed then or later. Without it, those since the latest that the
                last complete backfill has seen; all of them the first time.
            overlap_seconds: how far before that to begin.

        Raises:
            ConfigurationError: it is no campaign, or one of `AsyncSquadIQ`.
            InboxError: a lead could not be stored.
            IncompleteLeadsError: SquadIQ lists fewer leads than it says there are.
            SquadIQError: a page could not be read. What was read is stored, and the next backfill begins
                where this one did.
        """
        found = backfill(self._open(), campaign, since, overlap_seconds)
        self._wake()
        return found

    async def backfill_async(
        self,
        campaign: AsyncSourceCampaign,
        *,
        since: datetime | None = None,
        overlap_seconds: float = OVERLAP_SECONDS,
    ) -> Backfill:
        """Do `backfill` with an `AsyncCampaign`, without blocking."""
        store = await asyncio.to_thread(self._open)
        found = await backfill_async(store, campaign, since, overlap_seconds)
        self._wake()
        return found

    # Handling

    @overload
    def on_processed(self, handler: LeadHandlerT, /) -> LeadHandlerT: ...
    @overload
    def on_processed(self, /, *, in_transaction: bool) -> Callable[[TransactionHandlerT], TransactionHandlerT]: ...
    def on_processed(self, handler: Any = None, /, *, in_transaction: bool = False) -> Any:
        """Register a function, sync or async, that is called with each processed lead.

        A handler is called until it returns without raising: at least once. With
        `in_transaction=True` it is called with the lead and a SQLAlchemy `Connection` to the inbox's
        database; what it writes there is committed together with the note that the result is
        handled: exactly once. Such a handler is sync and does not commit. Results whose handlers are
        quick share a transaction, each in a savepoint.

        Raises:
            ConfigurationError: it is no function, there is a handler of this name, or it is async and in
                the transaction.
        """

        def register(function: Any) -> Any:
            self._handlers.append(handler_of(function, in_transaction=in_transaction, others=self._handlers))
            return function

        return register if handler is None else register(handler)

    def run(
        self,
        *,
        concurrency: int = 4,
        once: bool = False,
        backfill: Iterable[SourceCampaign] = (),
        backfill_every_seconds: float = 300.0,
    ) -> int:
        """Hand results to the handlers until `stop()`; return how many were handled.

        Args:
            concurrency: results that are handled at the same time; several processes may run too.
            once: return as soon as no result is due; what `backfill` finds is handled before.
            backfill: campaigns to read every `backfill_every_seconds`, and once at the start.
            backfill_every_seconds: see there.

        Raises:
            ConfigurationError: there is no handler, or a setting is wrong.
            InboxError: the database cannot be opened.
        """

        async def run() -> int:
            # What a handler has given to a thread and does not return must not keep the process.
            asyncio.get_running_loop().set_default_executor(DaemonThreadPool("squadiq-inbox-handler"))
            return await self.run_async(
                concurrency=concurrency,
                once=once,
                backfill=backfill,
                backfill_every_seconds=backfill_every_seconds,
            )

        return asyncio.run(run())

    async def run_async(
        self,
        *,
        concurrency: int = 4,
        once: bool = False,
        backfill: Iterable[SourceCampaign] = (),
        backfill_every_seconds: float = 300.0,
    ) -> int:
        """Do `run` on the running loop, which async handlers then share with the application.

        When it is cancelled, async handlers are cancelled and their results given back; handlers that
        are not async are waited for, `stop_timeout_seconds` at most.
        """
        self._check_handlers()
        _checks.whole_number("concurrency", concurrency, "result")
        _checks.seconds("backfill_every_seconds", backfill_every_seconds)
        store = await asyncio.to_thread(self._open)
        worker = Worker(
            store,
            self._handlers,
            concurrency=concurrency,
            lease_seconds=self._lease_seconds,
            max_attempts=self._max_attempts,
            handler_timeout_seconds=self._handler_timeout_seconds,
            stop_timeout_seconds=self._stop_timeout_seconds,
            rng=self._time.rng,
        )
        self._workers.add(worker)
        try:
            if once:
                await asyncio.to_thread(backfill_each, self.backfill, backfill)
                return await worker.run(once=True)
            with backfill_every(backfill_every_seconds, self.backfill, backfill):
                return await worker.run(once=False)
        finally:
            self._workers.discard(worker)
            if not self._workers:
                self._opening.dispose_if_closed(store)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """Handle results in an application of FastAPI or Starlette while it lives: `FastAPI(lifespan=inbox.lifespan)`.

        Raises:
            ConfigurationError: there is no handler.
            InboxError: the database cannot be opened.
        """
        self._check_handlers()
        await asyncio.to_thread(self._open)
        handling = asyncio.create_task(self.run_async())
        handling.add_done_callback(_tell_why_it_ended)
        try:
            yield
        finally:
            while not handling.done():
                self.stop()  # it may not have begun yet
                await asyncio.wait([handling], timeout=STOP_AGAIN_SECONDS)
            self.close()

    def stop(self) -> None:
        """Let `run` finish what it is handling and return, after `stop_timeout_seconds` at most; from any thread."""
        for worker in tuple(self._workers):
            worker.stop()

    # Dead letters

    def replay(
        self,
        ids: Collection[int] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        handler: str | None = None,
    ) -> int:
        """Let results that failed for good be handled anew, all of them or some.

        Args:
            ids: only these.
            since: only what was received then or later; aware, and without `ids`, as the next two.
            until: only what was received then or earlier.
            handler: only what this handler has not handled, by its full name, such as `myapp.leads.store`.
                Handlers that succeeded are not called again.

        Returns:
            How many there were.

        Raises:
            ConfigurationError: there is no such handler.
            InvalidInputError: a time is not aware, or since is later than until.
        """
        if since is None and until is None and handler is None:
            replayed = self._open().replay(None if ids is None else checked_ids("ids", ids))
        elif ids is not None:
            raise ConfigurationError("replay: give ids, or a time or a handler.")
        else:
            names = [each.name for each in self._handlers]
            if handler is not None and handler not in names:
                raise ConfigurationError(f"handler: there is no {handler}. There are: {', '.join(names) or 'none'}.")
            first, last = epoch_seconds(since, "since"), epoch_seconds(until, "until")
            if first is not None and last is not None and first > last:
                raise InvalidInputError([Problem(None, None, "since", "is later than until")])
            replayed = self._open().replay_some(since=first, until=last, not_handled_by=handler)
        self._wake()
        return replayed

    def _check_handlers(self) -> None:
        if not self._handlers:
            raise ConfigurationError("The inbox has no handler. Register one with @inbox.on_processed.")

    def _open_store(self) -> InboxStore:
        return InboxStore(open_database(self._url, INBOX), self._time.now, self._time.monotonic)

    def _open(self) -> InboxStore:
        return self._opening.store()

    def _writing(self) -> GroupCommit[Arrival, None]:
        """The thread of this process that writes. It opens the database, so that nobody else waits for that."""
        with self._lock:
            if self._writer is None:
                self._writer = GroupCommit(self._write)
            return self._writer

    def _reborn(self) -> None:
        """Do without the thread that writes, which is in the parent."""
        self._writer = None

    def _write(self, arrivals: Sequence[Arrival]) -> Sequence[None]:
        self._open().add(arrivals)
        self._wake()
        return [None] * len(arrivals)

    def _too_late(self) -> InboxError:
        return InboxError(f"The delivery was not stored within {self._store_within_seconds:g} s.")

    def _wake(self) -> None:
        for worker in tuple(self._workers):
            worker.wake()


def _tell_why_it_ended(handling: asyncio.Task[int]) -> None:
    """Say at once, and not when the application ends, that nothing is handled any more."""
    if not handling.cancelled() and (error := handling.exception()) is not None:
        log.error("The inbox has stopped handling: %s. Deliveries are stored; start it again.", type(error).__name__)
