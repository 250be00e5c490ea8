"""`Outbox`: leads and their changes are stored in your own transaction, and sent until SquadIQ has them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL
from squadiq_generated.models import Lead

from squadiq import _checks
from squadiq._inputs import LeadKey, Leads
from squadiq.client import SquadIQ
from squadiq.errors import ConfigurationError
from squadiq.outbox.requests import (
    EntryState,
    OutboxRequest,
    to_convert,
    to_create,
    to_delete,
    to_disable,
    to_update,
)
from squadiq.outbox.sending import BatchSender
from squadiq.outbox.store import OutboxStore, StoredEntry
from squadiq.outbox.tables import OUTBOX
from squadiq.outbox.worker import OutboxWorker
from squadiq.queue.arguments import ids as checked_ids
from squadiq.queue.arguments import text
from squadiq.queue.clock import SYSTEM_TIME
from squadiq.queue.database import database_url, open_database
from squadiq.queue.figures import QueueFigures
from squadiq.queue.lazy import LazyStore
from squadiq.validation import (
    DuplicatePhoneNumbers,
    prepare_conversion,
    prepare_leads,
    prepare_reference,
    prepare_references,
    prepare_update,
)

LOOK_FOR_A_HIT_SECONDS = 1.0
"""A worker waits no longer than this for a hit of the quota, before it gives the entries back for a larger list."""


class Outbox:
    """Keeps what is to be done about leads, from your own commit until SquadIQ has answered.

    Each method that stores takes the `connection` of a transaction of yours: a `Connection` or `Session` of
    SQLAlchemy, Django's connection, or one of sqlite3 or psycopg, to the outbox's own database. Then it is
    committed, or rolled back, with what you write. Without one it is stored in a durable commit of its own.

    Of one lead, everything is sent in the order in which it was stored, and stops at what is refused or
    unknown, until that is replayed or discarded. The database is opened when it is first needed, anew in each process.

    Args:
        database: path of a SQLite file for one machine, or URL of PostgreSQL for several, such as
            `postgresql://user:password@host/name`.
        lead_type: the campaign's own type of lead, which checks custom fields.
        normalise_phone_numbers: whether phone numbers are checked, and sent in E.164 form.
        duplicate_phone_numbers: "refuse", so that a person who signs up twice is called once; or "allow".
        lease_seconds: how long entries stay with a worker that is not heard of any more.
        linger_seconds: how long the first of a list waits for others to be sent in the same request.

    Raises:
        ConfigurationError: the database is of another kind, or its folder does not exist.
        MissingExtraError: PostgreSQL is asked for and `squadiq[postgres]` is not installed.
    """

    _time = SYSTEM_TIME

    def __init__(
        self,
        database: str | os.PathLike[str] | URL,
        *,
        lead_type: type[Lead] = Lead,
        normalise_phone_numbers: bool = True,
        duplicate_phone_numbers: DuplicatePhoneNumbers = "refuse",
        lease_seconds: float = 60.0,
        linger_seconds: float = 0.25,
    ) -> None:
        self._url = database_url(database, OUTBOX)
        self._lead_type = lead_type
        self._normalise = _checks.flag("normalise_phone_numbers", normalise_phone_numbers)
        allowed = _checks.one_of("duplicate_phone_numbers", duplicate_phone_numbers, ("refuse", "allow"))
        self._allow_duplicates = allowed == "allow"
        self._lease_seconds = _checks.seconds("lease_seconds", lease_seconds)
        self._linger_seconds = _checks.seconds("linger_seconds", linger_seconds)
        self._workers: set[OutboxWorker] = set()
        self._opening = LazyStore(self._open_store)

    def __repr__(self) -> str:
        return f"Outbox({self._url.render_as_string(hide_password=True)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Open the database now, and make its tables if need be.

        Call it when your program starts, if it stores in transactions on SQLite: to make the tables takes
        the lock that such a transaction may hold.

        Raises:
            OutboxError: it cannot be opened.
        """
        self._store()

    def close(self) -> None:
        """Stop workers and close the database; using the outbox opens it again."""
        self.stop()
        self._opening.close(dispose=not self._workers)

    # Storing

    def create_leads(self, campaign_id: str, leads: Leads, *, connection: Any = None) -> int:
        """Store leads to be created; one whose `lead_id` is in the outbox already is not stored again.

        Returns:
            How many were not there already.

        Raises:
            InvalidInputError: leads are not valid; it names each lead and field, and nothing was stored.
            ConfigurationError: the connection is of no kind that is known.
            OutboxError: they could not be stored.
        """
        prepared = prepare_leads(
            leads,
            self._lead_type,
            normalise_phone_numbers=self._normalise,
            duplicate_phone_numbers="allow" if self._allow_duplicates else "refuse",
        )
        return self._add(campaign_id, to_create(prepared), connection)

    def update_lead(
        self,
        campaign_id: str,
        lead_id: LeadKey,
        changes: Mapping[str, Any] | None = None,
        /,
        *,
        connection: Any = None,
        **fields: Any,
    ) -> int:
        """Store a change of a lead's fields; it is folded into an earlier one that still waits. See `create_leads`."""
        prepared = prepare_update(lead_id, changes, fields, self._lead_type, normalise_phone_numbers=self._normalise)
        return self._add(campaign_id, [to_update(prepared)], connection)

    def convert_lead(self, campaign_id: str, lead_id: LeadKey, *, detail: str, connection: Any = None) -> int:
        """Store that a lead reached the desired outcome. See `create_leads`."""
        return self._add(campaign_id, [to_convert(prepare_conversion(lead_id, detail))], connection)

    def disable_leads(self, campaign_id: str, lead_ids: Iterable[LeadKey], *, connection: Any = None) -> int:
        """Store that all reach-outs to leads are to stop. See `create_leads`."""
        return self._add(campaign_id, to_disable(prepare_references(lead_ids)), connection)

    def delete_lead(self, campaign_id: str, lead_id: LeadKey, *, connection: Any = None) -> int:
        """Store that a lead is to be deleted; what was not sent of it yet is erased.

        What the outbox holds of the lead's data is erased once SquadIQ has deleted it. See `create_leads`.
        """
        return self._add(campaign_id, [to_delete(prepare_reference(lead_id))], connection)

    # Sending

    def run(self, client: SquadIQ, *, concurrency: int = 4, once: bool = False) -> int:
        """Send what is stored, the oldest first, until `stop()`; return how many entries were carried out.

        Several processes may run on one PostgreSQL, or on one machine. Whether leads are sent again when it
        is unknown if they were created is as the client has it (`repeat_creates`).

        Args:
            client: sends them.
            concurrency: requests that are under way at the same time.
            once: return as soon as nothing is due.

        Raises:
            ConfigurationError: a setting is wrong.
            OutboxError: the database cannot be opened.
        """
        if not isinstance(client, SquadIQ):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"client must be a SquadIQ, not {_checks.kind_of(client)}.")
        _checks.whole_number("concurrency", concurrency, "request")
        store = self._store()
        sending = client.with_options(
            max_wait_seconds=LOOK_FOR_A_HIT_SECONDS,
            quota_reserve=client.bulk_reserve,
            normalise_phone_numbers=False,
            duplicate_phone_numbers="allow",
        )
        sender = BatchSender(store, sending.campaign, repeat_creates=client.options.repeat_creates, rng=self._time.rng)
        worker = OutboxWorker(
            store,
            sender,
            concurrency=concurrency,
            linger_seconds=self._linger_seconds,
            lease_seconds=self._lease_seconds,
            allow_duplicates=self._allow_duplicates,
        )
        self._workers.add(worker)
        try:
            return worker.run(once=once)
        finally:
            self._workers.discard(worker)
            if not self._workers:
                self._opening.dispose_if_closed(store)

    def stop(self) -> None:
        """Let `run` finish what is under way and return; from any thread."""
        for worker in tuple(self._workers):
            worker.stop()

    # Looking

    def entries(self, campaign_id: str, lead_id: str) -> Sequence[StoredEntry]:
        """Return what is stored about a lead, in that order."""
        return self._store().of_lead(text("campaign_id", campaign_id), text("lead_id", lead_id))

    def counts(self) -> dict[EntryState, int]:
        """Return how many entries are `waiting`, `done`, `refused` and `unknown`."""
        found = self._store().numbers_by_state()
        return {state: found.get(state, 0) for state in ("waiting", "done", "refused", "unknown")}

    def stats(self) -> QueueFigures:
        """Return what waits and for how long, what is in hand, and how much is refused or unknown."""
        return self._store().figures()

    def failed(self) -> Sequence[StoredEntry]:
        """Return what is refused, or unknown: later changes of these leads wait until it is replayed or discarded."""
        return self._store().failed()

    def replay(self, ids: Collection[int] | None = None) -> int:
        """Let what is refused or unknown be sent again, all of it or that of the given ids.

        A lead that is unknown may be there already: then it is noted as such, and not called twice.

        Returns:
            How many entries there were.
        """
        replayed = self._store().replay(None if ids is None else checked_ids("ids", ids))
        self._wake()
        return replayed

    def discard(self, ids: Collection[int]) -> int:
        """Erase what is refused or unknown, of the given ids; later changes of these leads are then sent.

        Returns:
            How many entries there were.
        """
        discarded = self._store().discard(checked_ids("ids", ids))
        self._wake()
        return discarded

    def erase(self, campaign_id: str, lead_id: str) -> int:
        """Erase everything that is stored about a lead, also what waits to be sent.

        Returns:
            How many entries there were.
        """
        return self._store().erase(text("campaign_id", campaign_id), text("lead_id", lead_id))

    def _add(self, campaign_id: str, requests: Sequence[OutboxRequest], connection: Any) -> int:
        _checks.campaign_id(campaign_id)
        if not requests:
            return 0
        if connection is not None:
            return self._store().add(campaign_id, requests, connection)
        added = self._store().add_alone(campaign_id, requests)
        self._wake()
        return added

    def _store(self) -> OutboxStore:
        return self._opening.store()

    def _open_store(self) -> OutboxStore:
        return OutboxStore(open_database(self._url, OUTBOX), self._time)

    def _wake(self) -> None:
        for worker in tuple(self._workers):
            worker.wake()
