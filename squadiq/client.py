"""The clients of a business: `SquadIQ` and `AsyncSquadIQ`, with the same methods."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Self, TypeVar, Unpack, overload

import httpx
from squadiq_generated.models import Lead

from squadiq import _checks
from squadiq._version import __version__
from squadiq.auth import AccessToken, AsyncTokenFunction, TokenFunction
from squadiq.campaign import AsyncCampaign, Campaign
from squadiq.config import ClientOptions, Network, Settings, network_from, quota_from, settings_from
from squadiq.errors import ConfigurationError
from squadiq.exchange import Call
from squadiq.operations import LeadT, PreparedRequest, Scope
from squadiq.policy import CallOptions, CallPolicy
from squadiq.quota import QuotaStore, check_reserve, reserve_for_bulk
from squadiq.responses import Differences
from squadiq.transport import AsyncTransport, Transport, open_async_transport, open_transport

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as it came.

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


class _Headers(httpx.Headers):
    """Headers that do not show themselves: those that a user adds may be as secret as the token."""

    def __repr__(self) -> str:
        return "Headers(…)"


_recorded: ContextVar[list[RawResponse] | None] = ContextVar("squadiq_recorded", default=None)


@lru_cache(maxsize=1024)
def _url(address: str) -> httpx.URL:
    """Reading an address is a good part of what a call costs, and there are six for each campaign."""
    return httpx.URL(address)


class _Client:
    """What both kinds of client share: all but the sending."""

    def __init__(self, settings: Settings, network: Network, store: QuotaStore) -> None:
        self._store = store
        self._use(settings)
        self._address = str(settings.base_url).rstrip("/")
        self._network = network
        self._differences = Differences()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._settings.base_url)!r})"

    @property
    def quota(self) -> QuotaStore:
        """The quota that this client spends; `quota.snapshot()` says what is free."""
        return self._store

    @property
    def base_url(self) -> httpx.URL:
        """Where SquadIQ is."""
        return self._settings.base_url

    @property
    def options(self) -> CallPolicy:
        """The settings of its calls, as `with_options` changes them."""
        return self._settings.policy

    @property
    def bulk_reserve(self) -> int:
        """Hits of the quota that `push_leads` and `Outbox.run` leave free: `quota_reserve`, or a tenth of the limit."""
        reserve = self._settings.policy.quota_reserve
        return reserve_for_bulk(self._store) if reserve is None else reserve

    @contextmanager
    def record_responses(self) -> Generator[list[RawResponse]]:
        """Collect the responses, with status and headers, of the calls made within the block."""
        responses: list[RawResponse] = []
        before = _recorded.set(responses)
        try:
            yield responses
        finally:
            _recorded.reset(before)

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Return a client with other timeouts, retries or headers, on the same connections and quota.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        _checks.known_settings(options, CallOptions.__annotations__, "with_options() has")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._use(replace(self._settings, policy=self._settings.policy.changed(options)))
        return other

    def _scope(self, campaign_id: str | None, lead_type: type[LeadT]) -> Scope[LeadT]:
        campaign_id = campaign_id if campaign_id is not None else self._settings.campaign_id
        if campaign_id is None:
            raise ConfigurationError("Which campaign? Pass its campaign_id or set SQUADIQ_CAMPAIGN_ID.")
        if not (isinstance(lead_type, type) and issubclass(lead_type, Lead)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("lead_type must be squadiq.Lead or a subclass of it.")
        return Scope(
            _checks.campaign_id(campaign_id),
            lead_type,
            self._settings.policy.normalise_phone_numbers,
            self._settings.policy.duplicate_phone_numbers,
            self._differences,
            self._address,
            self._settings.policy.repeat_creates,
        )

    def _request(self, operation: PreparedRequest[Any], request: dict[str, Any]) -> httpx.Request:
        """The request, always to the base URL, so that the access token in it goes nowhere else."""
        url = _url(self._address + request["url"])
        if request.get("params"):
            url = url.copy_merge_params(request["params"])
        policy = self._settings.policy
        token = self._settings.access_token
        function = None if isinstance(token, AccessToken) else token
        keep_free = self.bulk_reserve if operation.in_bulk else policy.quota_reserve or 0
        return httpx.Request(
            request["method"],
            url,
            headers=self._headers,
            content=request.get("content"),
            extensions={
                "squadiq.call": Call(
                    operation.name,
                    policy,
                    operation.success,
                    keep_free,
                    operation.campaign_id,
                    operation.lead_id,
                    token_function=function,
                )
            },
        )

    def _use(self, settings: Settings) -> None:
        check_reserve(self._store, settings.policy.quota_reserve or 0)
        self._settings = settings
        self._headers = _Headers(
            {
                "accept": "application/json",
                "content-type": "application/json",
                "user-agent": f"squadiq/{__version__}",
                **settings.policy.headers,
            }
        )
        token = settings.access_token
        if isinstance(token, AccessToken):
            self._headers["authorization"] = f"Bearer {token.reveal()}"

    def _read(self, operation: PreparedRequest[ResultT], response: httpx.Response) -> ResultT:
        responses = _recorded.get()
        if responses is not None:
            responses.append(RawResponse(operation.name, response.status_code, response.headers, response.content))
        if response.status_code != operation.success and response.status_code < 300:
            self._differences.tell(operation.name, "status", f"is {response.status_code}, not {operation.success}")
        return operation.read(response.content)


class SquadIQ(_Client):
    """A client of the SquadIQ API for one business.

    Close it, or use it as a context manager. It may be shared by threads.
    """

    def __init__(self, access_token: str | TokenFunction | None = None, **options: Unpack[ClientOptions]) -> None:
        """Make a client; nothing is sent yet.

        Args:
            access_token: from the SquadIQ Dashboard; by default `SQUADIQ_ACCESS_TOKEN`. A function that returns
                it is called before each request, so that it may change.
            options: see `ClientOptions`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        if inspect.iscoroutinefunction(access_token):
            raise ConfigurationError("An async function as access_token needs AsyncSquadIQ.")
        settings = settings_from(access_token, options)
        network = network_from(settings.base_url, options)
        inner = open_transport(network)
        super().__init__(settings, network, quota_from(settings, options))
        self._transport = Transport(inner, self._store, via=network.via)

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
            ConfigurationError: there is no campaign_id, or `lead_type` is no subclass of `Lead`.
        """
        return Campaign(self._scope(campaign_id, lead_type), self._send)

    def _send(self, operation: PreparedRequest[ResultT], /) -> ResultT:
        if operation.request is None:
            return operation.read(b"")
        request = self._request(operation, operation.request)
        return self._read(operation, self._transport.handle_request(request))

    def close(self) -> None:
        """Close the connections; a call after it is refused."""
        self._transport.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSquadIQ(_Client):
    """A client of the SquadIQ API for one business, for asyncio and trio.

    Close it, or use it as a context manager. It may be shared by tasks of one event loop.
    """

    def __init__(self, access_token: str | AsyncTokenFunction | None = None, **options: Unpack[ClientOptions]) -> None:
        """Make a client; nothing is sent yet.

        Args:
            access_token: from the SquadIQ Dashboard; by default `SQUADIQ_ACCESS_TOKEN`. A function that returns
                it, or what can be awaited for it, is called before each request, so that it may change.
            options: see `ClientOptions`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        settings = settings_from(access_token, options)
        network = network_from(settings.base_url, options)
        inner = open_async_transport(network)
        super().__init__(settings, network, quota_from(settings, options))
        self._transport = AsyncTransport(inner, self._store, via=network.via)

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
            ConfigurationError: there is no campaign_id, or `lead_type` is no subclass of `Lead`.
        """
        return AsyncCampaign(self._scope(campaign_id, lead_type), self._send)

    async def _send(self, operation: PreparedRequest[ResultT], /) -> ResultT:
        if operation.request is None:
            return operation.read(b"")
        request = self._request(operation, operation.request)
        return self._read(operation, await self._transport.handle_async_request(request))

    async def close(self) -> None:
        """Close the connections; a call after it is refused."""
        await self._transport.aclose()
        self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
