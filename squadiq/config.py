"""The settings of a client: frozen, from arguments and from `SQUADIQ_*`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

import httpx

from squadiq import _checks
from squadiq._decoding import MAX_RESPONSE_BYTES
from squadiq._network import Certificate, is_this_machine, proxy_from, tls_from, url_from
from squadiq.auth import AccessToken
from squadiq.errors import Attempt, ConfigurationError
from squadiq.quota import QuotaStore, open_store, quota_name
from squadiq.retry import RetryPolicy, RetryRules
from squadiq.validation import DuplicatePhoneNumbers

BASE_URL = "https://api.squadiq.in"
QUOTA_HITS = 100
QUOTA_WINDOW_SECONDS = 60.0
"""The rate limit of the API documentation: 100 hits a minute for a business."""

_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "timeout_seconds": _checks.seconds,
    "deadline_seconds": _checks.seconds,
    "max_attempts": lambda name, value: _checks.whole_number(name, value, "attempt"),
    "repeat_creates": _checks.flag,
    "retry_policy": _checks.function,
    "max_wait_seconds": lambda name, value: None if value is None else _checks.seconds(name, value, or_zero=True),
    "max_response_bytes": lambda name, value: _checks.whole_number(name, value, "byte"),
    "duplicate_phone_numbers": lambda name, value: _checks.one_of(name, value, ("refuse", "allow")),
    "headers": lambda _, value: _checks.headers(value),
}
"""Of the settings that may differ from call to call."""

_STORE = ("reserve", "confirm", "completed", "give_back", "throttled", "snapshot", "close")

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
    max_response_bytes: int
    normalise_phone_numbers: bool
    duplicate_phone_numbers: DuplicatePhoneNumbers
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Network:
    """How connections are made; either by an own transport, or by a stock one made of the rest."""

    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = field(repr=False)
    proxy: httpx.URL | None = field(repr=False)
    proxy_setting: str = field(repr=False)
    tls: ssl.SSLContext | None


class CallOptions(TypedDict, total=False):
    """Settings that may differ from call to call.

    Attributes:
        timeout_seconds: for one attempt, from sending to the last byte of the response; 10.
        deadline_seconds: for the whole call, attempts and waits included; 120.
        max_attempts: times that a request is sent at most; 4. 1 turns sending again off.
        repeat_creates: whether leads are sent again when it is unknown if they were created; True.
        retry_policy: an own decision whether to send again, in place of `squadiq.retry.decide`.
        max_wait_seconds: for a hit of the quota; None waits as long as the deadline lets.
        max_response_bytes: of a response, decompressed; 64 MiB. A larger one is an error.
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
    max_response_bytes: int
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
        after_attempt: called with the same and what became of it. If one of them raises, that is logged.
        transport: an own httpx transport, in place of proxy, verify and cert. A blocking one is
            called in a thread of its own.
        proxy: URL of a proxy; by default that of the environment, unless the base URL is this machine.
        verify: an `ssl.SSLContext`, or False to accept any certificate.
        cert: path of a client certificate, or a tuple of it, its key and the key's password.
    """

    campaign_id: str | None
    base_url: str | None
    insecure_hosts: Collection[str]
    normalise_phone_numbers: bool
    quota: str | QuotaStore | None
    quota_hits: int
    quota_window_seconds: float
    quota_fallback: Literal["local"] | None
    before_attempt: BeforeAttempt | None
    after_attempt: AfterAttempt | None
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None
    proxy: str | None
    verify: bool | ssl.SSLContext
    cert: Certificate | None


def settings_from(access_token: str | None, options: ClientOptions) -> Settings:
    """Return the settings made of arguments and `SQUADIQ_*`.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown.
    """
    unknown = set(options) - ClientOptions.__annotations__.keys() - CallOptions.__annotations__.keys()
    if unknown:
        raise ConfigurationError(f"There is no setting {min(unknown)!r}.")
    given_id = options.get("campaign_id")
    campaign_id = given_id if given_id is not None else os.environ.get("SQUADIQ_CAMPAIGN_ID") or None
    settings = Settings(
        access_token=access_token_from(access_token),
        base_url=base_url_from(options.get("base_url"), options.get("insecure_hosts", ())),
        campaign_id=_checks.campaign_id(campaign_id) if campaign_id is not None else None,
        timeout_seconds=10.0,
        deadline_seconds=120.0,
        retries=RetryRules(),
        retry_policy=None,
        before_attempt=_checks.function("before_attempt", options.get("before_attempt")),
        after_attempt=_checks.function("after_attempt", options.get("after_attempt")),
        max_wait_seconds=None,
        max_response_bytes=MAX_RESPONSE_BYTES,
        normalise_phone_numbers=_checks.flag("normalise_phone_numbers", options.get("normalise_phone_numbers", True)),
        duplicate_phone_numbers="refuse",
        headers={},
    )
    return with_call_options(settings, options)


def with_call_options(settings: Settings, options: CallOptions) -> Settings:
    """Return the settings with some of them changed; headers are added to those there are.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    changed = {name: check(name, options[name]) for name, check in _CHECKS.items() if name in options}  # type: ignore[literal-required]
    rules = {name: changed.pop(name) for name in ("max_attempts", "repeat_creates") if name in changed}
    headers = {**settings.headers, **changed.pop("headers", {})}
    return replace(settings, retries=replace(settings.retries, **rules), headers=headers, **changed)


def network_from(base_url: httpx.URL, options: ClientOptions) -> Network:
    """Return how connections are made; without `proxy`, the environment's proxy for the base URL.

    Raises:
        ConfigurationError: a setting is wrong, or both a transport and what a stock one is made of are given.
    """
    transport = options.get("transport")
    if transport is not None:
        if {"proxy", "verify", "cert"} & options.keys():
            raise ConfigurationError("transport= is used as it is: give proxy, verify and cert to that transport.")
        return Network(transport, None, "", None)
    proxy, proxy_setting = proxy_from(options.get("proxy"), base_url)
    return Network(None, proxy, proxy_setting, tls_from(options.get("verify", True), options.get("cert")))


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
    allowed = _checks.hosts(insecure_hosts)
    name, text = "base_url", given
    if given is None and (from_environment := os.environ.get("SQUADIQ_BASE_URL")):
        name, text = "SQUADIQ_BASE_URL", from_environment
    elif given is None:
        text = BASE_URL
    name = f"The base URL ({name})"
    url = url_from(name, text.rstrip("/") if isinstance(text, str) else text)
    plain = not any(character in str(text) for character in "?#@")
    if url.scheme not in ("https", "http") or not url.host or not plain:
        raise ConfigurationError(f"{name} must be https://host, without a user, a query or a fragment.")
    if url.scheme == "http" and not is_this_machine(url.host) and url.host not in allowed:
        raise ConfigurationError(
            f"{name} with http:// would send the access token and phone numbers in the clear to {url.host}. "
            f"Use https://, or allow that host by name: insecure_hosts=({url.host!r},)"
        )
    return url


def quota_from(settings: Settings, options: ClientOptions) -> QuotaStore:
    """Return the store of the quota that this client spends.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    quota, fallback = options.get("quota"), options.get("quota_fallback")
    if not (quota is None or isinstance(quota, str) or all(callable(getattr(quota, name, None)) for name in _STORE)):
        raise ConfigurationError(f"quota must be a text or a store of squadiq.quota, not {_checks.kind_of(quota)}.")
    if fallback is not None and fallback != "local":
        raise ConfigurationError('quota_fallback must be "local" or None.')
    return open_store(
        quota,
        name=quota_name(str(settings.base_url), settings.access_token.reveal()),
        limit=_checks.whole_number("quota_hits", options.get("quota_hits", QUOTA_HITS), "hit"),
        window_seconds=_checks.seconds(
            "quota_window_seconds", options.get("quota_window_seconds", QUOTA_WINDOW_SECONDS)
        ),
        fallback=fallback,
    )
