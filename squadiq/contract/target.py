"""A server under test: sends requests, holds each response against the document, and knows what may be asked of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from threading import Barrier
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from squadiq.contract.conformance import Hit, read_json, response_findings
from squadiq.contract.pages import require_page
from squadiq.contract.readings import Readings
from squadiq.contract.rules import BrokenError, Finding, InconclusiveError, Rule, require
from squadiq.contract.times import in_seconds
from squadiq.spec import Spec

PHONE_NUMBERS = ("9876543210", "+91 98765 43211", "09876543212")
"""Numbers for servers on this machine, which call nobody."""
A_FEW = 20
UNREADABLE = "squadiq.unreadable"
"""Extension of a response in which a transport says why it has no body."""
REDIRECTS_TO = "squadiq.redirects_to"
"""Extension of a response in which a transport says at which server a Location is, which it does not hand on."""


class Capability(Enum):
    """What a case needs beside reading; a target says what it offers."""

    WRITES = auto()
    OTHER_TOKENS = auto()
    OTHER_METHODS = auto()
    INVALID_LEADS = auto()
    CAMPAIGNS = auto()
    CLOCK = auto()
    KNOWN = auto()
    QUOTA = auto()


@dataclass(frozen=True, slots=True)
class CheckedResponse:
    """Hold a response that is as the document says."""

    status: int
    json: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(kw_only=True)
class Target:
    """A server, a campaign of it, and what may be done there.

    Args:
        http: a client whose base URL is the server's; it adds no credentials of its own.
        token: an access token that the server accepts.
        campaign_id: where leads are read and created.
        prefix: begins the lead_id of each lead that is made here.
        phone_numbers: the only ones that leads are created with.
        offers: what beside reading is possible.
        process_after_seconds: after this time a lead is processed; of use with `advance`.
        process_from_seconds: before this time it is not.
        passed: seconds that may have passed for the server beside those of `advance`.
        readings: how the server reads what the API documentation leaves open.
        shared: whether the campaign may hold leads that are not made here.
        advance: lets seconds pass at once.
        known: tells everything that the server knows of a lead, by campaign_id and lead_id.
        disable_at_once: send a disable right after each create, whatever came of that.
        reserved: holds so many hits ready, so that none of them has to wait for the limit.
        hits: requests so far; `last` is the latest with its response.
        people: lead_ids of real leads that were asked for, which no report may show.
        met: the second in which a listed lead was processed, by lead_id.
    """

    http: httpx.Client = field(repr=False)
    token: str = field(repr=False)
    campaign_id: str
    prefix: str
    spec: Spec = field(default_factory=Spec.installed, repr=False)
    phone_numbers: Sequence[str] = field(default=PHONE_NUMBERS, repr=False)
    offers: frozenset[Capability] = frozenset()
    process_after_seconds: float = 0.0
    process_from_seconds: float = 0.0
    passed: Callable[[], float] = lambda: 0.0
    readings: Readings = field(default_factory=Readings)
    shared: bool = False
    advance: Callable[[float], None] = lambda seconds: None
    lead_state: Callable[[str, str], dict[str, Any] | None] = lambda campaign_id, lead_id: None
    disable_at_once: bool = False
    reserved: Callable[[int], AbstractContextManager[object]] = nullcontext
    hits: int = 0
    last: Hit | None = field(default=None, repr=False)
    people: set[str] = field(default_factory=set[str], repr=False)
    met: dict[str, int] = field(default_factory=dict[str, int], repr=False)

    def __post_init__(self) -> None:
        self._numbers = count(1)

    def number(self) -> int:
        """Return a number that no other lead of this campaign has as its lead_id."""
        return zlib.crc32(self.prefix.encode()) * 10**5 + next(self._numbers)

    def lead(self, **fields: Any) -> dict[str, Any]:
        """Return a new lead that nobody else has made, not sent yet."""
        number = next(self._numbers)
        phone_number = self.phone_numbers[number % len(self.phone_numbers)]
        return {
            "lead_id": f"{self.prefix}{number}",
            "phone_number": phone_number,
            "contact_name": "Contract Test",
            **fields,
        }

    def create(self, *leads: Mapping[str, Any], campaign_id: str | None = None) -> CheckedResponse:
        """Send leads as a list and demand that they are created."""
        response = self.send("createLeads", list(leads), campaign_id=campaign_id)
        require(response.status == 201, Rule.CREATES, f"status {response.status} for new leads")
        return response

    def created(self, **fields: Any) -> str:
        """Create one lead and return its lead_id."""
        lead = self.lead(**fields)
        self.create(lead)
        return str(lead["lead_id"])

    def update(self, lead_id: str | int, **fields: Any) -> CheckedResponse:
        """Send an update."""
        return self.send("updateLead", {"lead_id": lead_id, **fields})

    def exists(self, lead_id: str) -> bool:
        """Tell whether the server has a lead, by what it knows or by an update of nothing."""
        if Capability.KNOWN in self.offers:
            return self.lead_state(self.campaign_id, lead_id) is not None
        return self.update(lead_id).status == 200

    def fields(self, lead_id: str) -> dict[str, Any]:
        """Return what the server knows of a lead that must be there."""
        lead_state = self.lead_state(self.campaign_id, lead_id)
        require(lead_state is not None, Rule.CREATES, "a created lead is not known")
        return lead_state or {}

    def page(self, **query: Any) -> CheckedResponse:
        """Send getLeads and hold each page against its query, if that is one of the document's."""
        response = self.send("getLeads", query=query)
        asked = {name: str(value) for name, value in query.items()}
        parameters = self.spec.operations["getLeads"].query
        if all(parameters[name].is_valid(text) for name, text in asked.items()):
            first = int(asked.get("page", 1)) == 1
            require(response.status != 404 or not first, Rule.LISTS_PROCESSED, "status 404 for a first page")
            if response.status == 200:
                require_page(response.json, asked, self.campaign_id)
                self.met |= {
                    str(lead["lead_id"]): int(in_seconds(lead["processed_at"])) for lead in response.json["results"]
                }
        return response

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        """Return the leads of a first page that must be there."""
        response = self.page(**query)
        require(response.status == 200, Rule.LISTS_PROCESSED, f"status {response.status} for a first page")
        results: list[dict[str, Any]] = response.json["results"]
        return results

    def some_lead(self) -> dict[str, Any]:
        """Return a processed lead: of a few, the one whose lead_id an address has to encode most.

        Raises:
            InconclusiveError: there is none.
        """
        leads = self.listed(page_size=A_FEW)
        if not leads:
            raise InconclusiveError("no lead of the campaign is processed yet")
        lead = max(leads, key=lambda lead: len(quote(str(lead["lead_id"]))) - len(str(lead["lead_id"])))
        self.people.add(str(lead["lead_id"]))
        return lead

    def processed(self, *leads: Mapping[str, Any]) -> None:
        """Create leads and let time pass until they are processed."""
        self.create(*leads)
        self.advance(self.process_after_seconds + 1)

    def send(
        self,
        operation_id: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        campaign_id: str | None = None,
        method: str | None = None,
        authorization: str | None = "",
        content_type: str = "application/json",
    ) -> CheckedResponse:
        """Send a request and return its response.

        Args:
            operation_id: one of the document's.
            body: sent as JSON; `content` is sent as it is.
            authorization: value of that header; None for no header, "" for the target's token.

        Raises:
            BrokenError: the response is not one that the document describes.
        """
        operation = self.spec.operations[operation_id]
        headers: dict[str, str] = {}
        if authorization is not None:
            headers["Authorization"] = authorization or f"Bearer {self.token}"
        if content is None and operation.body is not None:
            content = json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = content_type
        path = operation.path.replace("{campaign_id}", campaign_id or self.campaign_id)
        url = f"{path}?{urlencode(query)}" if query else path
        created: list[dict[str, Any]] = body if isinstance(body, list) else [body]  # pyright: ignore[reportUnknownVariableType]
        disables = operation_id == "createLeads" and self.disable_at_once
        try:
            response = self._send(method or operation.method, url, content or b"", headers)
        except BrokenError:
            # A response that is not as the document says may mean that the leads are there all the same.
            if disables:
                self._disable(created, together=False)
            raise
        if disables:
            self._disable(created, together=response.status == 201)
        return response

    def send_at_once(self, *requests: tuple[str, Any]) -> list[CheckedResponse]:
        """Send an operation_id and a body each, all at the same time, and return the responses in the same order.

        Raises:
            BrokenError: a response is not one that the document describes.
            InconclusiveError: so many hits cannot be had at once.
        """
        together = Barrier(len(requests))

        def exchange(request: tuple[str, Any]) -> tuple[Hit, str]:
            operation = self.spec.operations[request[0]]
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            path = operation.path.replace("{campaign_id}", self.campaign_id)
            together.wait()
            return self._exchange(operation.method, path, json.dumps(request[1]).encode(), headers)

        with self.reserved(len(requests)), ThreadPoolExecutor(len(requests)) as threads:
            self.hits += len(requests)
            exchanged = list(threads.map(exchange, requests))
        return [self._checked(*each) for each in exchanged]

    def _send(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> CheckedResponse:
        self.hits += 1
        self.last = None
        return self._checked(*self._exchange(method, url, content, headers))

    def _exchange(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[Hit, str]:
        """Return a hit, and why its body could not be read; may be called by several threads."""
        try:
            response = self.http.request(method, url, content=content or None, headers=headers)
        except BrokenError:
            self.last = Hit(method, str(self.http.base_url.join(url)), content, 0, {}, b"")
            raise
        hit = Hit(
            method,
            str(response.request.url),
            content,
            response.status_code,
            dict(response.headers),
            response.content,
            redirects_to=response.extensions.get(REDIRECTS_TO, ""),
        )
        return hit, response.extensions.get(UNREADABLE, "")

    def _checked(self, hit: Hit, unreadable: str) -> CheckedResponse:
        self.last = hit
        if unreadable:
            raise BrokenError(Finding(Rule.READABLE, f"{unreadable}, with status {hit.status}"))
        for finding in response_findings(self.spec, hit):
            raise BrokenError(finding)
        return CheckedResponse(hit.status, read_json(hit.body)[0], hit.headers)

    def _disable(self, leads: list[dict[str, Any]], *, together: bool) -> None:
        references = [{"lead_id": lead["lead_id"]} for lead in leads]
        last = self.last
        for batch in [references] if together else [[reference] for reference in references]:
            with suppress(BrokenError):
                self.send("disableLeads", batch)
        self.last = last
