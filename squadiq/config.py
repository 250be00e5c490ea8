"""The settings of a client: frozen, from arguments and from `SQUADIQ_*`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

import httpx

from squadiq import _checks
from squadiq._network import Certificate, address_of, is_this_machine, proxy_from, tls_from, url_from
from squadiq.auth import AccessToken, AsyncTokenFunction
from squadiq.errors import ConfigurationError
from squadiq.policy import CallOptions, CallPolicy
from squadiq.quota import QuotaStore, open_store, quota_limits, quota_name

BASE_URL = "https://api.squadiq.in"
API_PATH = "/api/v4"
"""With this the addresses of all operations begin; it is no part of the base URL."""
INSECURE_HOSTS = "SQUADIQ_INSECURE_HOSTS"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client goes by; `ClientOptions` says what each setting means."""

    access_token: AccessToken | AsyncTokenFunction = field(repr=False)
    base_url: httpx.URL
    campaign_id: str | None
    policy: CallPolicy


@dataclass(frozen=True, slots=True)
class Network:
    """How connections are made; either by an own transport, or by a stock one made of the rest."""

    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = field(repr=False)
    proxy: httpx.URL | None = field(repr=False)
    proxy_setting: str = field(repr=False)
    tls: ssl.SSLContext | None

    @property
    def via(self) -> str:
        """What is said of the way to an address: the proxy that it goes through, if there is one."""
        if self.proxy is None:
            return ""
        return f" through the proxy {address_of(self.proxy)} ({self.proxy_setting})"


class ClientOptions(CallOptions, total=False):
    """Settings of a client."""

    campaign_id: str | None
    """The campaign where `campaign()` is given none; by default `SQUADIQ_CAMPAIGN_ID`."""
    base_url: str | None
    """Address of SquadIQ; by default `SQUADIQ_BASE_URL`, or the live service."""
    insecure_hosts: Collection[str]
    """Hosts to which `http://` is allowed, beside this machine and those that `SQUADIQ_INSECURE_HOSTS` names,
    separated by commas."""
    quota: str | QuotaStore | None
    """Where the quota is kept: see `squadiq.quota.open_store`; by default `SQUADIQ_QUOTA_URL`, or a file that all
    processes of this user share."""
    quota_name: str | None
    """Tells the quota of this business from those of others; by default `SQUADIQ_QUOTA_NAME`, or a name made of the
    access token."""
    quota_hits: int
    """Hits in a window of the rate limit; by default `SQUADIQ_QUOTA_HITS`, or 100."""
    quota_window_seconds: float
    """Length of the window; by default `SQUADIQ_QUOTA_WINDOW_SECONDS`, or 60."""
    quota_fallback: Literal["local"] | None
    """With "local", calls go on with a small share while the quota's server is gone."""
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None
    """An own httpx transport, in place of proxy, verify and cert. A blocking one is called in a thread of its own."""
    proxy: str | None
    """URL of a proxy; by default that of the environment, unless the base URL is this machine."""
    verify: bool | ssl.SSLContext
    """An `ssl.SSLContext`, or False to accept any certificate."""
    cert: Certificate | None
    """Path of a client certificate, or a tuple of it, its key and the key's password."""


def settings_from(access_token: str | AsyncTokenFunction | None, options: ClientOptions) -> Settings:
    """Return the settings made of arguments and `SQUADIQ_*`.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown.
    """
    _checks.known_settings(options, {**ClientOptions.__annotations__, **CallOptions.__annotations__})
    given_id = options.get("campaign_id")
    campaign_id = given_id if given_id is not None else os.environ.get("SQUADIQ_CAMPAIGN_ID") or None
    return Settings(
        access_token=access_token if callable(access_token) else access_token_from(access_token),
        base_url=base_url_from(options.get("base_url"), options.get("insecure_hosts", ())),
        campaign_id=_checks.campaign_id(campaign_id) if campaign_id is not None else None,
        policy=CallPolicy().changed(options),
    )


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
            nor named in `insecure_hosts` or `SQUADIQ_INSECURE_HOSTS`, or it holds the path of the API too.
    """
    allowed = _checks.hosts("insecure_hosts", insecure_hosts) | _checks.hosts(INSECURE_HOSTS, _named_hosts())
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
            f"Use https://, or allow that host by name: insecure_hosts=({url.host!r},) or {INSECURE_HOSTS}={url.host}"
        )
    if f"{API_PATH}/" in f"{url.path}/":
        raise ConfigurationError(
            f"{name} has {API_PATH} in it, which is added to it: give what stands before, such as "
            f"{url.scheme}://{address_of(url) if url.port else url.host}."
        )
    return url


def _named_hosts() -> list[str]:
    return [name for name in os.environ.get(INSECURE_HOSTS, "").replace(",", " ").split() if name]


def quota_from(settings: Settings, options: ClientOptions) -> QuotaStore:
    """Return the store of the quota that this client spends.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    hits, window_seconds = quota_limits()
    return open_store(
        options.get("quota"),
        name=quota_name_from(settings.base_url, settings.access_token, options.get("quota_name")),
        limit=options.get("quota_hits", hits),
        window_seconds=options.get("quota_window_seconds", window_seconds),
        fallback=options.get("quota_fallback"),
    )


def quota_name_from(
    base_url: httpx.URL, access_token: AccessToken | AsyncTokenFunction, given: str | None = None
) -> str:
    """Return the name of the quota that a client spends: what is given or `SQUADIQ_QUOTA_NAME`, or of its token.

    A token that a function gives may change, and the quota must not begin anew with it: without a name, all
    functions at an address share one.

    Raises:
        ConfigurationError: the name is no text, or empty.
    """
    if given is not None and (not isinstance(given, str) or not given.strip()):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("quota_name must be a text that is not empty.")
    name = given or os.environ.get("SQUADIQ_QUOTA_NAME")
    if not name:
        name = access_token.reveal() if isinstance(access_token, AccessToken) else ""
    return quota_name(str(base_url), name)
