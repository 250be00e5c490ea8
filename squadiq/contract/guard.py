"""The only way to a live service: an allow-list of requests that fails closed, a budget, and a share of the quota."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx
from squadiq_generated.constants import CREATE_LEADS, DELETE_LEAD, DISABLE_LEADS

from squadiq._deadline import deadline
from squadiq._decoding import BodyDecoder, BodyError
from squadiq.auth import AccessToken
from squadiq.contract.bodies import leads_of, refusal_of_leads
from squadiq.contract.budget import TIMEOUT_SECONDS, HitBudget, RunStoppedError, Slot
from squadiq.contract.first_look import denied
from squadiq.contract.ledger import LeadLedger
from squadiq.contract.rules import InconclusiveError
from squadiq.contract.target import REDIRECTS_TO, UNREADABLE
from squadiq.quota import QuotaStore
from squadiq.spec import Operation, Spec

__all__ = [
    "TIMEOUT_SECONDS",
    "GuardedTransport",
    "NotAllowedError",
    "Permission",
    "RunStoppedError",
    "Writes",
    "allowed_operation",
]

_CLEANS_UP = (DISABLE_LEADS, DELETE_LEAD)
_HEADERS = {"accept", "accept-encoding", "authorization", "connection", "host", "user-agent"}
_HEADERS_WITH_BODY = _HEADERS | {"content-length", "content-type"}
RESPONSE_BYTES = 16 * 1024 * 1024
"""Decoded bytes of a response that are read."""
_DROPPED = {"content-encoding", "content-length", "location", "set-cookie", "set-cookie2", "transfer-encoding"}


class _NeverSentError(RunStoppedError):
    """There was no connection."""


class NotAllowedError(RunStoppedError):
    """A request is not on the allow-list and was not sent."""


@dataclass(frozen=True, slots=True)
class Writes:
    """Hold what may be written: only leads that the run itself makes, with only these phone numbers."""

    ledger: LeadLedger
    phone_numbers: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """Hold what may be sent; everything else is refused.

    Args:
        origin: scheme, host and port of the service.
        writes: None for a run that only reads.
    """

    spec: Spec = field(repr=False)
    origin: httpx.URL
    campaign_id: str
    token: AccessToken
    writes: Writes | None = None


def allowed_operation(permission: Permission, request: httpx.Request) -> Operation:
    """Return the operation that a request is.

    Raises:
        NotAllowedError: it must not be sent.
    """
    operation, why = _looked_up(permission, request)
    if operation is not None:
        _, _, query = request.url.raw_path.decode("ascii").partition("?")
        why = (
            _refusal_of_headers(permission, request)
            or _refusal_of_query(operation, query)
            or _refusal_of_body(permission, operation, request)
        )
    if operation is None or why:
        raise NotAllowedError(f"{request.method} was not sent: {why}.")
    return operation


def _looked_up(permission: Permission, request: httpx.Request) -> tuple[Operation | None, str]:
    """Return the operation at an address, or None and why it is no address to send to."""
    url, origin = request.url, permission.origin
    if (url.scheme, url.host, url.port, url.userinfo) != (origin.scheme, origin.host, origin.port, b""):
        return None, "it goes to another server"
    if not request.extensions.keys() <= {"timeout"}:
        return None, "an extension may change where it goes"
    raw_path = url.raw_path.decode("ascii").partition("?")[0]
    found = permission.spec.find(raw_path)
    if found is None or found[1].get("campaign_id") != permission.campaign_id or "%" in raw_path:
        return None, "its path is none of the document's, or of another campaign"
    return found[0].operations.get(request.method), f"the document has no {request.method} of its path"


def _refusal_of_headers(permission: Permission, request: httpx.Request) -> str:
    headers = request.headers
    if headers.get_list("authorization") != [f"Bearer {permission.token.reveal()}"]:
        return "it does not carry the access token"
    if headers.get_list("host") != [permission.origin.netloc.decode("ascii")]:
        return "its Host header names another server"
    if headers.get_list("connection") not in ([], ["keep-alive"], ["close"]):
        return "its Connection header asks for something else"
    if not all(text.isprintable() for text in headers.values()):
        return "a header holds control characters"
    return ""


def _refusal_of_query(operation: Operation, query: str) -> str:
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    if not set(names) <= operation.query.keys():
        return "its query has a parameter that the document does not"
    if len(set(names)) < len(names) or ";" in query:
        return "its query may be read in more ways than one"
    return ""


def _refusal_of_body(permission: Permission, operation: Operation, request: httpx.Request) -> str:
    body, headers, writes = request.read(), request.headers, permission.writes
    if operation.method == "GET":
        if body or not set(headers) <= _HEADERS:
            return "a GET with a body or with other headers may be taken for something else"
        return ""
    if writes is None:
        return "it may change something, and this run only reads"
    if not set(headers) <= _HEADERS_WITH_BODY or (
        headers.get_list("content-type"),
        headers.get_list("content-length"),
    ) != (["application/json"], [str(len(body))]):
        return "its headers are not those of the document"
    leads = leads_of(body)
    if leads is None:
        return "its body is not made of leads"
    creates = operation.operation_id == CREATE_LEADS
    return refusal_of_leads(leads, writes.ledger.where.prefix, writes.phone_numbers, creates=creates)


@dataclass(kw_only=True)
class GuardedTransport(httpx.BaseTransport):
    """Send what is allowed, within the budget and slowly enough; refuse the rest.

    A lead is created only with the hits in hand that disable it, and with those in the budget that delete it.

    Args:
        stores: quotas of which each must give a slot: the share of this run, and the one that is shared by all.
        max_hits: requests at most; what it takes to delete the leads of the run is kept back.
        sleep: waits for slots.
        now: tells the time that `sleep` lets pass, in seconds.
    """

    inner: httpx.BaseTransport
    permission: Permission
    stores: Sequence[QuotaStore]
    max_hits: int
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    hits: int = 0
    slots: HitBudget = field(init=False, repr=False)
    _unsure: set[str] = field(default_factory=set[str], repr=False)

    def __post_init__(self) -> None:
        self.slots = HitBudget(self.stores, self.sleep, self.now)

    @property
    def reads_left(self) -> int:
        """How many reads the budget still has."""
        return max(0, self.max_hits - self.hits - self._kept())

    def _kept(self) -> int:
        """Return how many hits it takes to delete the leads of the run."""
        return len(self.permission.writes.ledger.pending) if self.permission.writes else 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response.

        Raises:
            NotAllowedError: it is not on the allow-list, and was not sent.
            RunStoppedError: the budget is spent, there is no response, or the service says that the quota is.
            InconclusiveError: the share of the quota is too small for a create.
        """
        operation_id = allowed_operation(self.permission, request).operation_id
        writes = self.permission.writes
        lead_ids = [lead["lead_id"] for lead in leads_of(request.content) or []]
        cost, kept = 1, self._kept()
        if operation_id == CREATE_LEADS:
            cost += 2 * len(lead_ids)  # each of them is disabled, and deleted at the end
        elif operation_id in _CLEANS_UP:
            kept = 0
        if self.hits + cost + kept > self.max_hits:
            raise RunStoppedError(f"the budget of {self.max_hits} hits is spent")
        if writes and operation_id == CREATE_LEADS:
            return self._created(writes.ledger, request, lead_ids)
        if operation_id not in _CLEANS_UP:
            self.slots.give_back()
        response = _judged(self._respond(request, self.slots.take_spare()))
        # A create without a response may still be on its way, and then 404 is not for ever.
        gone = {202} if self._unsure.intersection(lead_ids) else {202, 404}
        if writes and operation_id == DELETE_LEAD and len(lead_ids) == 1 and response.status_code in gone:
            writes.ledger.deleted(lead_ids[0])
        return response

    def _created(self, ledger: LeadLedger, request: httpx.Request, lead_ids: Sequence[str]) -> httpx.Response:
        needed, at_most = 1 + len(lead_ids), self.slots.at_most()
        if needed > at_most:
            raise InconclusiveError(
                f"{len(lead_ids)} leads are created only with {needed} hits in hand, to disable them at once;"
                f" this run has {at_most} in a minute"
            )
        self.slots.give_back()
        slot, *self.slots.spare = self.slots.take(needed)
        try:
            ledger.creating(lead_ids)
        except OSError as error:
            self.slots.spare.append(slot)
            self.slots.give_back()
            raise RunStoppedError(f"the ledger cannot be written ({error.strerror}), so no lead is created") from None
        self._unsure.update(lead_ids)
        try:
            response = self._respond(request, slot)
        except _NeverSentError:
            for lead_id in lead_ids:
                ledger.deleted(lead_id)
            raise
        self._unsure.difference_update(lead_ids)
        return _judged(response)

    def _respond(self, request: httpx.Request, slot: Slot) -> httpx.Response:
        self.hits += 1
        try:
            with deadline(max(0.0, self.slots.left_seconds)):
                response = self.inner.handle_request(request)
                try:
                    plain = plain_response(response)
                finally:
                    response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self.slots.let_go(slot)
            raise _NeverSentError(f"there is no connection ({type(error).__name__}): check --target") from None
        except httpx.RequestError as error:
            raise RunStoppedError(f"there is no response ({type(error).__name__})") from None
        self.slots.complete(slot, throttled=plain.status_code == 429)
        return plain

    def close(self) -> None:
        """Let go of the hits that are left, and close the connections."""
        self.slots.give_back()
        self.inner.close()


def _judged(response: httpx.Response) -> httpx.Response:
    if response.status_code == 429:
        raise RunStoppedError("the service answered 429: somebody else spends the same quota; try again later")
    if response.status_code in (401, 403):
        raise RunStoppedError(denied(response.status_code))
    return response


def plain_response(response: httpx.Response) -> httpx.Response:
    """Return a response that is read, without what a client acts on by itself: cookies to send back, where to go."""
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _DROPPED]
    unreadable, content = "", bytearray()
    try:
        decoder = BodyDecoder(response.headers.get("content-encoding"), RESPONSE_BYTES)
        for chunk in response.iter_raw():
            for piece in decoder.feed(chunk):
                content += piece
        decoder.end()
    except BodyError as error:
        unreadable = str(error)
    extensions = {REDIRECTS_TO: _server_of(response.headers.get("location", ""))}
    if unreadable:
        extensions[UNREADABLE] = unreadable
    return httpx.Response(response.status_code, headers=headers, content=bytes(content), extensions=extensions)


def _server_of(location: str) -> str:
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL:
        return ""
    return f"{url.scheme}://{url.netloc.decode('ascii')}" if url.scheme in ("http", "https") and url.host else ""
