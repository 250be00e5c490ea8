"""Who may ask the helper endpoints: what was sent to this machine by name, and not by a page of another site. Pure.

They ask for no token, so a page in a browser could use them: in the name of its own site, which it
lets lead to this machine (DNS rebinding), or by a form. What it cannot do is choose `Host`,
`Origin` and `Sec-Fetch-Site` (Fetch Standard, forbidden request-headers).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?", re.ASCII)
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)
_NEAR = {b"same-origin", b"same-site", b"none"}


def refusal_of_caller(headers: Iterable[tuple[bytes, bytes]], allowed: Collection[str]) -> str:
    """Return why a caller must not use the helper endpoints, "" if it may.

    Args:
        headers: as they came, names in lower case.
        allowed: names of hosts, as `host_name` returns them, beside this machine's own.
    """
    found: dict[bytes, list[bytes]] = {b"host": [], b"origin": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in found:
            found[name].append(value.strip())
    hosts, origins, sites = found.values()
    if len(hosts) != 1 or not _is_here(hosts[0], allowed):
        return "Host names another machine than this one: start the mock with --allow-host NAME if it is yours."
    if len(origins) > 1 or not all(_is_near(origin, allowed) for origin in origins):
        return "Origin is a page of another site: start the mock with --allow-host NAME if it is yours."
    if not _NEAR.issuperset(sites):
        return "A page of another site asks: give it the address of the mock by a name of --allow-host."
    return ""


def host_name(text: str) -> str:
    """Return a name or an address of a host in the form in which names are compared.

    Raises:
        ValueError: it is none; a port or a scheme is too much.
    """
    name = text.strip().lower().removesuffix(".")
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).compressed
    except ValueError:
        if not _NAME.fullmatch(name):
            raise
        return name


def _is_here(host: bytes, allowed: Collection[str]) -> bool:
    match = _HOST.fullmatch(host.decode("latin-1"))
    if match is None:
        return False
    try:
        name = host_name(match[1])
    except ValueError:
        return False
    return name in {"localhost", "::1"} or name in allowed or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False


def _is_near(origin: bytes, allowed: Collection[str]) -> bool:
    scheme, separator, host = origin.lower().partition(b"://")
    return scheme in (b"http", b"https") and bool(separator) and _is_here(host, allowed)
