"""The only way to a live service: an allow-list of requests that fails closed, a budget, and a share of the quota."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from squadiq._deadline import deadline
from squadiq.auth import AccessToken
from squadiq.contract.document import Document
from squadiq.contract.ledger import Ledger
from squadiq.quota import Reservation, Store

TIMEOUT_SECONDS = 30.0
_LEASE_SECONDS = TIMEOUT_SECONDS + 1.0
_HEADERS = {"accept", "accept-encoding", "authorization", "connection", "host", "user-agent"}
_HEADERS_WITH_BODY = _HEADERS | {"content-length", "content-type"}


class StoppedError(Exception):
    """A run ends before its end: the budget is spent, or the service asks for it."""


class NotAllowedError(StoppedError):
    """A request is not on the allow-list and was not sent."""


@dataclass(frozen=True, slots=True)
class Writes:
    """Hold what may be written: only leads that the run itself makes, with only these phone numbers."""

    ledger: Ledger
    phone_numbers: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """Hold what may be sent; everything else is refused.

    Args:
        origin: scheme, host and port of the service.
        writes: None for a run that only reads.
    """

    document: Document = field(repr=False)
    origin: httpx.URL
    campaign_id: str
    token: AccessToken
    writes: Writes | None = None


def refusal(permission: Permission, request: httpx.Request) -> str:
    """Return why a request must not be sent, "" if it may be."""
    if (request.url.scheme, request.url.host, request.url.port) != (
        permission.origin.scheme,
        permission.origin.host,
        permission.origin.port,
    ):
        return "it goes to another server"
    raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
    found = permission.document.route(raw_path)
    if found is None or found[1] != permission.campaign_id:
        return "its path is none of the document's, or of another campaign"
    operation = found[0].operations.get(request.method)
    if operation is None:
        return f"the document has no {request.method} of its path"
    if request.headers.get_list("authorization") != [f"Bearer {permission.token.reveal()}"]:
        return "it does not carry the access token"
    if not {name for name, _ in parse_qsl(query, keep_blank_values=True)} <= operation.query.keys():
        return "its query has a parameter that the document does not"
    body = request.read()
    if operation.method == "GET":
        if body or not set(request.headers) <= _HEADERS:
            return "a GET with a body or with other headers may be taken for something else"
        return ""
    if permission.writes is None:
        return "it may change something, and this run only reads"
    if not set(request.headers) <= _HEADERS_WITH_BODY:
        return "its headers are not those of the document"
    return _refusal_of_body(permission.writes, body)


def _refusal_of_body(writes: Writes, body: bytes) -> str:
    leads = _leads(body)
    if leads is None:
        return "its body is not made of leads"
    for lead in leads:
        if not str(lead.get("lead_id", "")).startswith(writes.ledger.where.prefix):
            return "it names a lead that this run has not made"
        if lead.get("phone_number", writes.phone_numbers[0]) not in writes.phone_numbers:
            return "it has a phone number that was not given for this run"
    return ""


def _leads(body: bytes) -> list[dict[str, Any]] | None:
    try:
        read: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    items: list[Any] = read if isinstance(read, list) else [read]  # pyright: ignore[reportUnknownVariableType]
    return items if items and all(isinstance(item, dict) for item in items) else None


@dataclass(kw_only=True)
class GuardedTransport(httpx.BaseTransport):
    """Send what is allowed, within the budget and slowly enough; refuse the rest.

    Args:
        stores: quotas of which each must give a slot: the share of this run, and the one that is shared by all.
        max_hits: requests at most; what it takes to delete the leads of the run is kept back.
    """

    inner: httpx.BaseTransport
    permission: Permission
    stores: Sequence[Store]
    max_hits: int
    sleep: Callable[[float], None] = time.sleep
    hits: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer.

        Raises:
            NotAllowedError: it is not on the allow-list, and was not sent.
            StoppedError: the budget is spent, there is no answer, or the service says that the quota is.
        """
        if why := refusal(self.permission, request):
            raise NotAllowedError(f"{request.method} was not sent: {why}.")
        action = request.url.raw_path.split(b"/")[4]
        writes = self.permission.writes
        lead_ids = [str(lead["lead_id"]) for lead in _leads(request.content) or []]
        cost, kept = 1, len(writes.ledger.pending) if writes else 0
        if action == b"create":
            cost += 2 * len(lead_ids)  # each of them is disabled, and deleted at the end
        elif action in (b"disable", b"delete"):
            kept = 0
        if self.hits + cost + kept > self.max_hits:
            raise StoppedError(f"the budget of {self.max_hits} hits is spent")
        if writes and action == b"create":
            writes.ledger.creating(lead_ids)
        response = self._sent(request)
        if writes and action == b"delete" and response.status_code in (202, 404):
            writes.ledger.deleted(lead_ids[0])
        return response

    def _sent(self, request: httpx.Request) -> httpx.Response:
        reservations = [(store, self._slot(store)) for store in self.stores]
        self.hits += 1
        try:
            with deadline(TIMEOUT_SECONDS):
                response = self.inner.handle_request(request)
                response.read()
        except httpx.RequestError as error:
            raise StoppedError(f"there is no answer ({type(error).__name__})") from None
        for store, reservation in reservations:
            store.answered(reservation)
            if response.status_code == 429:
                store.throttled(reservation, 60.0)
        if response.status_code == 429:
            raise StoppedError("the service answered 429: somebody else spends the same quota; try again later")
        if response.status_code in (401, 403):
            raise StoppedError(f"the service answered {response.status_code}: check the access token and the campaign")
        return response

    def _slot(self, store: Store) -> Reservation:
        reservation = store.reserve(_LEASE_SECONDS)
        wait = reservation.wait_seconds
        while wait > 0:
            self.sleep(wait)
            wait = store.confirm(reservation, _LEASE_SECONDS)
        return reservation

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()
