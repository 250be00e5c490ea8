"""The settings of a client: frozen, from arguments and from `SQUADIQ_*`."""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict

import httpx

from squadiq.auth import AccessToken
from squadiq.errors import Attempt, ConfigurationError
from squadiq.leads import DuplicatePhoneNumbers
from squadiq.quota import Store, open_store, quota_name
from squadiq.retry import RetryPolicy, RetryRules

BASE_URL = "https://api.squadiq.in"
QUOTA_HITS = 100
QUOTA_WINDOW_SECONDS = 60.0
"""The rate limit of the API documentation: 100 hits a minute for a business."""

BeforeAttempt = Callable[[str, int], None]
AfterAttempt = Callable[[str, int, Attempt], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client goes by; `ClientOptions` says what each setting means."""

    access_token: AccessToken
    base_url: httpx.URL
    campaign_id: str | None
    timeout_seconds: float
    deadline_seconds: float
    retries: RetryRules
    retry_policy: RetryPolicy | None
    before_attempt: BeforeAttempt | None
    after_attempt: AfterAttempt | None
    max_wait_seconds: float | None
    normalise_phone_numbers: bool
    duplicate_phone_numbers: DuplicatePhoneNumbers
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Network:
    """How connections are made; either by an own transport, or by a stock one made of the rest."""

    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None
    proxy: str | None = field(repr=False)
    verify: bool | ssl.SSLContext
    cert: str | tuple[str, str] | tuple[str, str, str] | None = field(repr=False)


class CallOptions(TypedDict, total=False):
    """Settings that may differ from call to call.

    Attributes:
        timeout_seconds: for one attempt, from sending to the last byte of the answer; 10.
        deadline_seconds: for the whole call, attempts and waits included; 120.
        max_attempts: times that a request is sent at most; 4. 1 turns sending again off.
        repeat_creates: whether leads are sent again when it is unknown if they were created; True.
        retry_policy: an own decision whether to send again, in place of `squadiq.retry.decide`.
        max_wait_seconds: for a hit of the quota; None waits as long as the deadline lets.
        duplicate_phone_numbers: "allow" sends one phone number under several lead_ids of a call, and its
            owner is called as often; "refuse", the default, does not.
        headers: to add to each request.
    """

    timeout_seconds: float
    deadline_seconds: float
    max_attempts: int
    repeat_creates: bool
    retry_policy: RetryPolicy | None
    max_wait_seconds: float | None
    duplicate_phone_numbers: DuplicatePhoneNumbers
    headers: Mapping[str, str]


class ClientOptions(CallOptions, total=False):
    """Settings of a client.

    Attributes:
        campaign_id: used where `campaign()` is given none; by default `SQUADIQ_CAMPAIGN_ID`.
        base_url: by default `SQUADIQ_BASE_URL`, or the live service.
        insecure_hosts: hosts to which `http://` is allowed, beside this machine.
        normalise_phone_numbers: whether phone numbers are checked and sent in E.164 form; True.
        quota: where the quota is kept: see `squadiq.quota.open_store`; by default
            `SQUADIQ_QUOTA_URL`, or a file that all processes of this user share.
        quota_hits, quota_window_seconds: the rate limit; 100 hits in 60 seconds.
        quota_fallback: "local" to go on with a small share while the quota's server is gone.
        before_attempt: called with the operation and the number of the attempt, from 1.
        after_attempt: called with the same and what became of it.
        transport: an own httpx transport, in place of proxy, verify and cert.
        proxy: URL of a proxy; by default that of the environment.
        verify: an `ssl.SSLContext`, or False to accept any certificate.
        cert: a client certificate, as httpx takes it.
    """

    campaign_id: str | None
    base_url: str | None
    insecure_hosts: Collection[str]
    normalise_phone_numbers: bool
    quota: str | Store | None
    quota_hits: int
    quota_window_seconds: float
    quota_fallback: Literal["local"] | None
    before_attempt: BeforeAttempt | None
    after_attempt: AfterAttempt | None
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None
    proxy: str | None
    verify: bool | ssl.SSLContext
    cert: str | tuple[str, str] | tuple[str, str, str] | None


def settings_from(access_token: str | None, options: ClientOptions) -> Settings:
    """Return the settings made of arguments and `SQUADIQ_*`.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown.
    """
    unknown = set(options) - ClientOptions.__annotations__.keys() - CallOptions.__annotations__.keys()
    if unknown:
        raise ConfigurationError(f"There is no setting {min(unknown)!r}.")
    given_id = options.get("campaign_id")
    settings = Settings(
        access_token=access_token_from(access_token),
        base_url=base_url_from(options.get("base_url"), options.get("insecure_hosts", ())),
        campaign_id=given_id if given_id is not None else os.environ.get("SQUADIQ_CAMPAIGN_ID") or None,
        timeout_seconds=10.0,
        deadline_seconds=120.0,
        retries=RetryRules(),
        retry_policy=None,
        before_attempt=options.get("before_attempt"),
        after_attempt=options.get("after_attempt"),
        max_wait_seconds=None,
        normalise_phone_numbers=options.get("normalise_phone_numbers", True),
        duplicate_phone_numbers="refuse",
        headers={},
    )
    return with_call_options(settings, options)


def with_call_options(settings: Settings, options: CallOptions) -> Settings:
    """Return the settings with some of them changed; headers are added to those there are.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    retries = replace(
        settings.retries,
        max_attempts=options.get("max_attempts", settings.retries.max_attempts),
        repeat_creates=options.get("repeat_creates", settings.retries.repeat_creates),
    )
    longest = options.get("max_wait_seconds", settings.max_wait_seconds)
    if longest is not None and not longest >= 0:
        raise ConfigurationError("max_wait_seconds must not be below zero.")
    duplicates = options.get("duplicate_phone_numbers", settings.duplicate_phone_numbers)
    if duplicates not in ("refuse", "allow"):
        raise ConfigurationError('duplicate_phone_numbers must be "refuse" or "allow".')
    return replace(
        settings,
        duplicate_phone_numbers=duplicates,
        timeout_seconds=_positive("timeout_seconds", options.get("timeout_seconds", settings.timeout_seconds)),
        deadline_seconds=_positive("deadline_seconds", options.get("deadline_seconds", settings.deadline_seconds)),
        retries=replace(retries, max_attempts=int(_positive("max_attempts", retries.max_attempts))),
        retry_policy=options.get("retry_policy", settings.retry_policy),
        max_wait_seconds=longest,
        headers={**settings.headers, **_without_authorization(options.get("headers", {}))},
    )


def network_from(base_url: httpx.URL, options: ClientOptions) -> Network:
    """Return how connections are made; without `proxy`, the environment's proxy for the base URL.

    Raises:
        ConfigurationError: both a transport and what a stock one is made of are given.
    """
    transport = options.get("transport")
    if transport is not None and {"proxy", "verify", "cert"} & options.keys():
        raise ConfigurationError("transport= is used as it is: give proxy, verify and cert to that transport.")
    return Network(
        transport=transport,
        proxy=options.get("proxy") or _environment_proxy(base_url),
        verify=options.get("verify", True),
        cert=options.get("cert"),
    )


def access_token_from(given: str | None) -> AccessToken:
    """Return the access token that was given, or that of `SQUADIQ_ACCESS_TOKEN`.

    Raises:
        ConfigurationError: there is none, or it cannot be one.
    """
    token = given if given is not None else os.environ.get("SQUADIQ_ACCESS_TOKEN", "")
    return AccessToken(token)


def base_url_from(given: str | None, insecure_hosts: Collection[str]) -> httpx.URL:
    """Return the base URL that was given, or that of `SQUADIQ_BASE_URL`, or the live one.

    Raises:
        ConfigurationError: it is no URL, or it is `http://` to a host that is neither this machine
            nor named in `insecure_hosts`.
    """
    text = given if given is not None else os.environ.get("SQUADIQ_BASE_URL") or BASE_URL
    try:
        url = httpx.URL(text.rstrip("/"))
    except httpx.InvalidURL:
        raise ConfigurationError("The base URL is not a URL.") from None
    if url.scheme not in ("https", "http") or not url.host or url.query or url.fragment or url.userinfo:
        raise ConfigurationError("The base URL must be https://host, without a user, a query or a fragment.")
    if url.scheme == "http" and not _is_loopback(url.host) and url.host not in insecure_hosts:
        raise ConfigurationError(
            f"http:// would send the access token and phone numbers in the clear to {url.host}. "
            f"Use https://, or allow that host by name: insecure_hosts=({url.host!r},)"
        )
    return url


def _positive(name: str, value: float) -> float:
    """Return a setting that must be a number above zero.

    Raises:
        ConfigurationError: it is not.
    """
    if not value > 0:
        raise ConfigurationError(f"{name} must be above zero.")
    return value


def _without_authorization(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the user's own headers.

    Raises:
        ConfigurationError: one of them is `Authorization`.
    """
    if any(name.lower() == "authorization" for name in headers):
        raise ConfigurationError("Authorization is made from access_token=; leave it out of headers=.")
    return dict(headers)


def _environment_proxy(base_url: httpx.URL) -> str | None:
    if urllib.request.proxy_bypass(base_url.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(base_url.scheme) or proxies.get("all")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def quota_from(settings: Settings, options: ClientOptions) -> Store:
    """Return the store of the quota that this client spends.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    return open_store(
        options.get("quota"),
        name=quota_name(str(settings.base_url), settings.access_token.reveal()),
        limit=options.get("quota_hits", QUOTA_HITS),
        window_seconds=options.get("quota_window_seconds", QUOTA_WINDOW_SECONDS),
        fallback=options.get("quota_fallback"),
    )
