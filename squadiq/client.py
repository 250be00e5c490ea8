"""The clients of a business: `SquadIQ` and `AsyncSquadIQ`, with the same methods."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, Unpack, overload

import httpx
from squadiq_generated.models import Lead

from squadiq._logs import hide_phone_numbers
from squadiq.answers import Differences
from squadiq.auth import BearerAuth
from squadiq.campaign import AsyncCampaign, Campaign
from squadiq.config import (
    CallOptions,
    ClientOptions,
    Network,
    Settings,
    network_from,
    quota_from,
    settings_from,
    with_call_options,
)
from squadiq.errors import ConfigurationError
from squadiq.exchange import Call
from squadiq.operations import LeadT, Operation, Scope
from squadiq.quota import Store
from squadiq.transport import AsyncTransport, Transport, open_async_transport, open_transport

ResultT = TypeVar("ResultT")

log = logging.getLogger("squadiq")


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer as it came.

    Attributes:
        operation: name in the document.
        status: the HTTP status.
        headers: by name, in any case.
        content: the body.
    """

    operation: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


_recorded: ContextVar[list[RawResponse] | None] = ContextVar("squadiq_recorded", default=None)


class _Client:
    """What both kinds of client share: all but the sending."""

    def __init__(self, settings: Settings, network: Network, store: Store) -> None:
        self._settings = settings
        self._network = network
        self._store = store
        self._differences = Differences()
        hide_phone_numbers(logging.getLogger("httpx"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._settings.base_url)!r})"

    @property
    def quota(self) -> Store:
        """The quota that this client spends; `quota.snapshot()` says what is free."""
        return self._store

    @contextmanager
    def record_responses(self) -> Generator[list[RawResponse]]:
        """Collect the answers, with status and headers, of the calls made within the block."""
        answers: list[RawResponse] = []
        before = _recorded.set(answers)
        try:
            yield answers
        finally:
            _recorded.reset(before)

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Return a client with other timeouts, retries or headers, on the same connections and quota.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        unknown = set(options) - CallOptions.__annotations__.keys()
        if unknown:
            raise ConfigurationError(f"with_options() has no setting {min(unknown)!r}.")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._settings = with_call_options(self._settings, options)
        return other

    def _scope(self, campaign_id: str | None, lead_type: type[LeadT]) -> Scope[LeadT]:
        campaign_id = campaign_id if campaign_id is not None else self._settings.campaign_id
        if campaign_id is None:
            raise ConfigurationError("Which campaign? Pass its campaign_id or set SQUADIQ_CAMPAIGN_ID.")
        if not campaign_id.strip() or campaign_id in (".", "..") or not campaign_id.isprintable():
            raise ConfigurationError("The campaign_id is blank or cannot stand in an address.")
        return Scope(campaign_id, lead_type, self._settings.normalise_phone_numbers, self._differences)

    def _call(self, operation: str, success: int) -> Call:
        settings = self._settings
        return Call(
            operation,
            settings.timeout_seconds,
            settings.deadline_seconds,
            success,
            settings.retries,
            settings.retry_policy,
            settings.before_attempt,
            settings.after_attempt,
            settings.max_wait_seconds,
        )

    def _request(self, operation: Operation[Any], request: dict[str, Any]) -> dict[str, Any]:
        extensions = {**request["extensions"], "squadiq.call": self._call(operation.name, operation.success)}
        headers = {**request.get("headers", {}), **self._settings.headers}
        return {**request, "headers": headers, "extensions": extensions}

    def _read(self, operation: Operation[ResultT], response: httpx.Response) -> ResultT:
        answers = _recorded.get()
        if answers is not None:
            answers.append(RawResponse(operation.name, response.status_code, response.headers, response.content))
        if response.status_code != operation.success and response.status_code < 300:
            self._differences.tell(operation.name, "status", f"is {response.status_code}, not {operation.success}")
        return operation.read(response.content)


class SquadIQ(_Client):
    """A client of the SquadIQ API for one business.

    Close it, or use it as a context manager. It may be shared by threads.
    """

    def __init__(self, access_token: str | None = None, **options: Unpack[ClientOptions]) -> None:
        """Make a client; nothing is sent yet.

        Args:
            access_token: from the SquadIQ Dashboard; by default `SQUADIQ_ACCESS_TOKEN`.
            options: see `ClientOptions`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        settings = settings_from(access_token, options)
        network = network_from(settings.base_url, options)
        inner = open_transport(network)
        super().__init__(settings, network, quota_from(settings, options))
        self._http = httpx.Client(
            base_url=settings.base_url,
            auth=BearerAuth(settings.access_token, settings.base_url),
            transport=Transport(inner, self._store, self._call("", 200)),
        )

    @overload
    def campaign(self, campaign_id: str | None = None) -> Campaign[Lead]: ...
    @overload
    def campaign(self, campaign_id: str | None = None, *, lead_type: type[LeadT]) -> Campaign[LeadT]: ...
    def campaign(self, campaign_id: str | None = None, *, lead_type: type[Any] = Lead) -> Campaign[Any]:
        """Return the operations on a campaign; nothing is sent.

        Args:
            campaign_id: from SquadIQ; by default that of the client or `SQUADIQ_CAMPAIGN_ID`.
            lead_type: a subclass of `Lead` that types and checks the campaign's custom fields.

        Raises:
            ConfigurationError: there is no campaign_id.
        """
        return Campaign(self._scope(campaign_id, lead_type), self._send)

    def _send(self, operation: Operation[ResultT], /) -> ResultT:
        if operation.request is None:
            return operation.read(b"")
        return self._read(operation, self._http.request(**self._request(operation, operation.request)))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSquadIQ(_Client):
    """A client of the SquadIQ API for one business, for asyncio and trio.

    Close it, or use it as a context manager. It may be shared by tasks of one event loop.
    """

    def __init__(self, access_token: str | None = None, **options: Unpack[ClientOptions]) -> None:
        """Make a client; nothing is sent yet.

        Args:
            access_token: from the SquadIQ Dashboard; by default `SQUADIQ_ACCESS_TOKEN`.
            options: see `ClientOptions`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        settings = settings_from(access_token, options)
        network = network_from(settings.base_url, options)
        inner = open_async_transport(network)
        super().__init__(settings, network, quota_from(settings, options))
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            auth=BearerAuth(settings.access_token, settings.base_url),
            transport=AsyncTransport(inner, self._store, self._call("", 200)),
        )

    @overload
    def campaign(self, campaign_id: str | None = None) -> AsyncCampaign[Lead]: ...
    @overload
    def campaign(self, campaign_id: str | None = None, *, lead_type: type[LeadT]) -> AsyncCampaign[LeadT]: ...
    def campaign(self, campaign_id: str | None = None, *, lead_type: type[Any] = Lead) -> AsyncCampaign[Any]:
        """Return the operations on a campaign; nothing is sent.

        Args:
            campaign_id: from SquadIQ; by default that of the client or `SQUADIQ_CAMPAIGN_ID`.
            lead_type: a subclass of `Lead` that types and checks the campaign's custom fields.

        Raises:
            ConfigurationError: there is no campaign_id.
        """
        return AsyncCampaign(self._scope(campaign_id, lead_type), self._send)

    async def _send(self, operation: Operation[ResultT], /) -> ResultT:
        if operation.request is None:
            return operation.read(b"")
        return self._read(operation, await self._http.request(**self._request(operation, operation.request)))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
