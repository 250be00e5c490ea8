"""Who may deliver: secrets and networks agreed with SquadIQ's operations team.

The API documentation gives the webhook no signature, so none is invented here. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Protocol

from squadiq.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNIX = "unix"
"""Stands among trusted proxies for whoever connects through a Unix socket, and so has no address."""

SHORTEST_SECRET = 4
"""Shorter ones are no secrets. Long ones are better: `secrets.token_urlsafe(32)`."""

_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
_VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?")
_SEVERAL = re.compile(r",(?! )")
"""A comma right after which something stands: a server has joined several headers of one name there."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """The part of a delivery that comes before its body.

    Attributes:
        method: in capitals.
        path: without the query, decoded.
        headers: values by name in lower case; several of one name joined by a comma without a blank.
        client: address of who connected, without a port; None or empty for a Unix socket.
    """

    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    client: str | None = None


class Secret(Protocol):
    """Something that only SquadIQ and you know."""

    def matches(self, request: WebhookRequest) -> bool:
        """Tell whether a request shows it, in a time that does not depend on how nearly it does."""
        ...


@dataclass(frozen=True, slots=True)
class UrlSecret:
    """A secret that is the last part of the endpoint's path: `https://you.example/squadiq/SECRET`.

    Servers and proxies write paths to their access logs: prefer a header where you can.

    Raises:
        ConfigurationError: it is too short, or would have to be quoted in a URL.
    """

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        _long_enough("UrlSecret", self.secret)
        if not _URL_SAFE.fullmatch(self.secret):
            raise ConfigurationError("UrlSecret: use letters, digits and . _ ~ - only.")

    def matches(self, request: WebhookRequest) -> bool:
        """Tell whether the path of a request ends with the secret."""
        return _same(request.path.rstrip("/").rpartition("/")[2], self.secret)


@dataclass(frozen=True, slots=True)
class HeaderSecret:
    """A secret in a header, such as `HeaderSecret("X-Webhook-Secret", "…")`.

    Raises:
        ConfigurationError: the name is not one of a header, or the secret is too short or cannot be
            sent in one: it has line ends, other letters than those of ASCII, or blanks around it.
    """

    name: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _TOKEN.fullmatch(self.name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("HeaderSecret: the name is not a header's name.")
        _long_enough("HeaderSecret", self.secret)
        if not _VISIBLE.fullmatch(self.secret):
            raise ConfigurationError(
                "HeaderSecret: the secret cannot be sent in a header. Use visible ASCII characters, "
                "without a line end and without blanks around it."
            )

    def matches(self, request: WebhookRequest) -> bool:
        """Tell whether the header of a request is the secret."""
        return _same(request.headers.get(self.name.lower(), ""), self.secret)


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A user and a password in the header Authorization (RFC 7617).

    Raises:
        ConfigurationError: the password is too short or blank, the user holds a colon, or one of them a
            line end or another control character.
    """

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.user, str) or ":" in self.user:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("BasicCredentials: the user is no text or holds a colon, which RFC 7617 forbids.")
        _long_enough("BasicCredentials", self.password)
        if not self.password.strip() or not (self.user + self.password).isprintable():
            raise ConfigurationError("BasicCredentials: the password is blank, or there is a control character.")

    def matches(self, request: WebhookRequest) -> bool:
        """Tell whether the Basic credentials of a request are these."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            shown = base64.b64decode(given.strip().encode("latin-1", "replace"), validate=True)
        except (binascii.Error, ValueError):
            shown = b""
        same = hmac.compare_digest(shown, f"{self.user}:{self.password}".encode())
        return same and scheme.lower() == "basic"


class Callers:
    """Who may deliver.

    A caller must show one of the secrets, if there are any, and come from one of the networks, if
    there are any. Give the old and the new secret while one is being changed.

    Args:
        secrets: `UrlSecret`, `HeaderSecret` or `BasicCredentials`, in any mixture.
        networks: addresses or networks, such as `"203.0.113.0/24"`.
        trusted_proxies: addresses or networks of your own proxies, or `"unix"` for one that connects
            through a Unix socket. Only what they add to `X-Forwarded-For` is believed.

    Raises:
        ConfigurationError: something is not a secret, an address or a network.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[Secret] = (),
        networks: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        proxies = _texts("trusted_proxies", trusted_proxies)
        self._secrets = _secrets(secrets)
        self._networks = _networks("networks", _texts("networks", networks))
        self._trusts_unix = UNIX in proxies
        self._proxies = _networks("trusted_proxies", [proxy for proxy in proxies if proxy != UNIX])

    def __repr__(self) -> str:
        return f"Callers(secrets={len(self._secrets)}, networks={len(self._networks)})"

    @property
    def anyone(self) -> bool:
        """Whether nobody is kept out."""
        return not self._secrets and not self._networks

    def admit(self, request: WebhookRequest) -> bool:
        """Tell whether a request may deliver."""
        shown = [secret.matches(request) for secret in self._secrets]  # all of them: time tells nothing
        return (not shown or any(shown)) and (not self._networks or self._from_network(request))

    def _from_network(self, request: WebhookRequest) -> bool:
        address = self._caller_of(request)
        return address is not None and _is_in(address, self._networks)

    def _caller_of(self, request: WebhookRequest) -> Address | None:
        """The address of who really calls, as far as our own proxies can be believed; None if unknown.

        Several X-Forwarded-For are believed in nothing: which of them a proxy wrote cannot be told, and
        under WSGI one may have been `X_Forwarded_For`, which many proxies pass on as the caller sent it.
        """
        told = request.headers.get("x-forwarded-for", "")
        forwarded = [part.strip() for part in told.split(",") if part.strip()]
        if _SEVERAL.search(told):
            forwarded = [""]  # the address of nobody
        if request.client:
            address = _address(request.client)
        elif self._trusts_unix and forwarded:
            address = _address(forwarded.pop())
        else:
            return None
        while forwarded and address is not None and _is_in(address, self._proxies):
            address = _address(forwarded.pop())
        return address


def _same(shown: str, secret: str) -> bool:
    return hmac.compare_digest(shown.encode("latin-1", "replace"), secret.encode())


def _long_enough(kind: str, secret: object) -> None:
    if not isinstance(secret, str) or len(secret) < SHORTEST_SECRET:
        raise ConfigurationError(f"{kind}: the secret is empty, or has fewer than {SHORTEST_SECRET} characters.")


def _secrets(secrets: Any) -> tuple[Secret, ...]:
    given = _items(secrets)
    if given is None:
        raise ConfigurationError("secrets: give a list of HeaderSecret, BasicCredentials or UrlSecret.")
    if not all(callable(getattr(secret, "matches", None)) and not isinstance(secret, type) for secret in given):
        raise ConfigurationError("secrets: give each as HeaderSecret, BasicCredentials or UrlSecret.")
    return given


def _items(values: Any) -> tuple[Any, ...] | None:
    """The items of a list or the like; None if it is none."""
    if isinstance(values, str | bytes):
        return None
    try:
        return tuple(values)
    except TypeError:
        return None


def _texts(setting: str, texts: Any) -> tuple[str, ...]:
    given = _items(texts)
    if given is None:
        raise ConfigurationError(f"{setting}: give a list of networks.")
    if not all(isinstance(text, str) for text in given):
        raise ConfigurationError(f"{setting}: write each network as a text, such as 203.0.113.0/24.")
    return given


def _networks(setting: str, texts: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as wrong:
        raise ConfigurationError(f"{setting}: {wrong}. Write them as 203.0.113.0/24 or 203.0.113.7.") from None


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """Read an address with or without brackets, port and zone; one of IPv4 within IPv6 as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
