"""Drains an outbox: claims what is due, has it sent, several requests at a time, until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from squadiq.outbox.errors import OutboxError
from squadiq.outbox.sending import BatchSender
from squadiq.outbox.store import TAKES_LISTS, Batch, ClaimsLostError, OutboxClaim, OutboxStore

log = logging.getLogger("squadiq.outbox")

POLL_SECONDS = 0.25
"""How long what another process stored, or a retry, may wait to be seen."""

LARGEST_BATCH = 1000


class OutboxWorker:
    """Has entries sent by threads.

    Args:
        store: of the outbox.
        sender: sends one batch.
        concurrency: requests that are under way at the same time.
        linger_seconds: how long the first of a list waits for others.
        lease_seconds: how long entries stay with a worker that is not heard of.
        allow_duplicates: whether one phone number may stand under several lead_ids.
    """

    def __init__(
        self,
        store: OutboxStore,
        sender: BatchSender,
        *,
        concurrency: int,
        linger_seconds: float,
        lease_seconds: float,
        allow_duplicates: bool,
    ) -> None:
        self._store = store
        self._sender = sender
        self._concurrency = concurrency
        self._linger_seconds = linger_seconds
        self._lease_seconds = lease_seconds
        self._allow_duplicates = allow_duplicates
        self._places = threading.Semaphore(concurrency)
        self._largest = LARGEST_BATCH
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._lock = threading.Lock()
        self._claims: set[OutboxClaim] = set()
        self._sent = 0

    def wake(self) -> None:
        """Look for entries now; may be called from any thread."""
        self._awake.set()

    def stop(self) -> None:
        """Finish what is under way, then return from `run`; may be called from any thread."""
        self._stopping.set()
        self._awake.set()

    def run(self, *, once: bool) -> int:
        """Have entries sent until stopped, or with `once` until none is due; return how many were carried out."""
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=[ended], name="squadiq-outbox-leases", daemon=True)
        renewing.start()
        try:
            with ThreadPoolExecutor(self._concurrency, "squadiq-outbox") as threads:
                self._drain(threads, once=once)
        finally:
            ended.set()
            renewing.join()
        return self._sent

    def _drain(self, threads: ThreadPoolExecutor, *, once: bool) -> None:
        was_idle = True
        while not self._stopping.is_set():
            if not self._places.acquire(timeout=POLL_SECONDS):
                continue
            batch = self._next(was_idle=was_idle and not once)
            was_idle = batch is None
            if batch is not None:
                with self._lock:
                    self._claims.update(batch.claims)
                threads.submit(self._send, batch)
                continue
            self._places.release()
            if once and not self._claims:
                return
            self._awake.wait(POLL_SECONDS)
            self._awake.clear()

    def _next(self, *, was_idle: bool) -> Batch | None:
        try:
            if was_idle and self._store.due() in TAKES_LISTS:
                self._stopping.wait(self._linger_seconds)  # others may come that fit into the same request
            if self._stopping.is_set():
                return None
            return self._store.claim(
                lease_seconds=self._lease_seconds, largest=self._largest, allow_duplicates=self._allow_duplicates
            )
        except OutboxError as error:
            log.warning("cannot look for entries, and will try again: %s", error)
            return None

    def _send(self, batch: Batch) -> None:
        try:
            outcome = self._sender.send(batch)
            self._sent += outcome.sent
            if outcome.largest is not None:
                self._largest = min(self._largest, outcome.largest)
            if outcome.wait_seconds:
                self._stopping.wait(min(outcome.wait_seconds, 1.0))
        except ClaimsLostError:
            log.warning("the lease of a batch ended while it was sent; it is left to whoever has it")
        except OutboxError as error:
            log.warning("%s What was sent comes back when its lease ends.", error)
        except Exception as error:  # its message may tell something about a person
            log.error("a batch could not be sent (%s); it comes back when its lease ends", type(error).__name__)  # noqa: TRY400
        finally:
            with self._lock:
                self._claims.difference_update(batch.claims)
            self._places.release()
            self._awake.set()

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(self._lease_seconds / 3):
            with self._lock:
                claims: Sequence[OutboxClaim] = list(self._claims)
            try:
                self._store.renew(claims, lease_seconds=self._lease_seconds)
            except OutboxError as error:
                log.warning("cannot renew leases, and will try again: %s", error)
