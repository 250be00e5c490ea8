"""What lies between this machine and the service: which proxy, which certificates, and which hosts are this machine."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, cast

import httpx

from squadiq._checks import kind_of
from squadiq.errors import ConfigurationError

Certificate = str | tuple[str, str] | tuple[str, str, str]

_SCHEMES = ("http", "https", "socks5", "socks5h")
_LARGEST_PORT = 65535
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
_TLS_REASON = re.compile(r"[A-Z0-9_]{1,80}")
_MOST_CAUSES = 16
_MOST_ERRORS = 20_000
"""Numbers of errors that a system may have; those of Windows go up to about here."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OLD_SPELLING = re.compile(r"[0-9a-fx.]+")


def url_from(name: str, text: object) -> httpx.URL:
    """Return the URL that a setting is.

    Raises:
        ConfigurationError: it is none that can be connected to.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"{name} must be a text, not {kind_of(text)}.")
    try:
        url = httpx.URL(text)
        _check_host(url.raw_host.decode("ascii"))
    except (httpx.InvalidURL, ValueError):  # UnicodeError is one; so is a port of thousands of digits
        raise ConfigurationError(f"{name} is not a URL.") from None
    if url.port is not None and not 1 <= url.port <= _LARGEST_PORT:
        raise ConfigurationError(f"{name} is not a URL: its port is not between 1 and {_LARGEST_PORT}.")
    return url


def _check_host(host: str) -> None:
    """Raise a ValueError for what is neither a name that can be looked up nor an address."""
    if _NAME.fullmatch(host):
        host.encode("idna")  # as looking it up will do
    elif host:
        ipaddress.IPv6Address(host)


def address_of(url: httpx.URL) -> str:
    """Return the host of a URL with its port, also where that need not be written."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port or _PORTS.get(url.scheme, 0)}"


def why_not_connected(failure: BaseException) -> str:
    """Return what the system, or TLS, has said of a connection; nothing if neither did.

    Words of a peer are none of it: it may repeat what was sent.
    """
    seen = list(_causes(failure))
    for cause in reversed(seen):
        if isinstance(cause, socket.gaierror):
            return "there is no address for this name, or it cannot be looked up"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate cannot be trusted: {getattr(cause, 'verify_message', 'it failed')}"
        if isinstance(cause, ssl.SSLError):
            told = str(getattr(cause, "reason", ""))
            reason = told if _TLS_REASON.fullmatch(told) else "it failed"
            return "no TLS: is it http:// there?" if reason in _NOT_TLS else f"TLS: {reason}"
        number: object = cause.errno if isinstance(cause, OSError) else None
        if isinstance(number, int) and 0 < number < _MOST_ERRORS:  # an own transport may say anything
            return os.strerror(number)
    return ""


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    """An exception and what led to it, of several the first; not for ever."""
    for _ in range(_MOST_CAUSES):
        if failure is None:
            return
        yield failure
        anything: Any = failure
        within: tuple[BaseException, ...] = anything.exceptions if isinstance(failure, BaseExceptionGroup) else ()
        failure = within[0] if within else failure.__cause__ or failure.__context__


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine, however it is written."""
    host = host.lower().strip("[]").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_old_spelling(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(one.is_loopback or one.is_unspecified for one in (address, mapped) if one is not None)


def _is_old_spelling(host: str) -> bool:
    """127.1, 0x7f.1, 017700000001: what the C library takes for an address."""
    if not _OLD_SPELLING.fullmatch(host):
        return False
    try:
        packed = socket.inet_aton(host)
    except OSError:
        return False
    return packed[0] == 127 or not any(packed)


def proxy_from(given: object, base_url: httpx.URL) -> tuple[httpx.URL | None, str]:
    """Return the proxy to the base URL, None for none, and the name of the setting that says so.

    Without one given it is that of the environment, through which nothing goes that is for this machine.

    Raises:
        ConfigurationError: it is no URL of a proxy.
    """
    name = "proxy"
    if given is None:
        name, given = _environment_proxy(base_url)
    if given is None:
        return None, name
    if isinstance(given, str) and "://" not in given:
        given = f"http://{given}"  # as curl and others read it
    url = url_from(name, given)
    if url.scheme not in _SCHEMES or not url.host:
        raise ConfigurationError(f"{name} must be the URL of a proxy: http://host:port, or https, socks5 or socks5h.")
    return url, name


def _environment_proxy(base_url: httpx.URL) -> tuple[str, str | None]:
    port = f":{base_url.port}" if base_url.port is not None and ":" not in base_url.host else ""
    if is_this_machine(base_url.host) or urllib.request.proxy_bypass(base_url.host + port):
        return "", None
    proxies: Mapping[str, str] = urllib.request.getproxies()
    kind = base_url.scheme if proxies.get(base_url.scheme) else "all"
    variable = f"{kind}_proxy"
    name = next((name for name in sorted(os.environ, reverse=True) if name.lower() == variable), variable)
    return f"{name} of the environment", proxies.get(kind) or None


def tls_from(verify: object, cert: object) -> ssl.SSLContext:
    """Return how certificates are checked, and which one is shown.

    Raises:
        ConfigurationError: a setting, or `SSL_CERT_FILE` or `SSL_CERT_DIR`, cannot be used.
    """
    context = verify if isinstance(verify, ssl.SSLContext) else _context(verify)
    if cert is None:
        return context
    parts = [cert] if isinstance(cert, str) else _texts(cert)
    if not 1 <= len(parts) <= 3:
        raise ConfigurationError("cert must be a path, or a tuple of paths and a password, all of them texts.")
    key, password = [*parts[1:], None, None][:2]
    try:
        context.load_cert_chain(parts[0], key, password or "")  # none at all would be asked for at the terminal
    except (OSError, ValueError):  # ssl.SSLError is the first, a path with a NUL the second
        raise ConfigurationError("cert cannot be used: it is missing, no certificate, or needs a password.") from None
    return context


def _texts(value: object) -> list[str]:
    """The texts of a tuple; none if it holds anything else."""
    items: list[object] = list(cast(tuple[object, ...], value)) if isinstance(value, tuple) else []
    texts = [item for item in items if isinstance(item, str)]
    return texts if len(texts) == len(items) else []


def _context(verify: object) -> ssl.SSLContext:
    if not isinstance(verify, bool):
        raise ConfigurationError(
            f"verify must be True, False or an ssl.SSLContext, not {kind_of(verify)}. "
            "For your own authorities: verify=ssl.create_default_context(cafile=…)"
        )
    directory = os.environ.get("SSL_CERT_DIR")
    if verify and directory and not os.environ.get("SSL_CERT_FILE") and not os.path.isdir(directory):
        raise ConfigurationError("SSL_CERT_DIR of the environment is not a directory.")
    try:
        return httpx.create_ssl_context(verify=verify)
    except OSError:
        names = [name for name in ("SSL_CERT_FILE", "SSLKEYLOGFILE") if os.environ.get(name)]
        raise ConfigurationError(
            f"{' or '.join(names)} of the environment cannot be used: missing, unreadable or not what it should be."
        ) from None
