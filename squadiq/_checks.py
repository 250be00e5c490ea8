"""Whether the value of a setting can be one; what is said names the setting and never shows the value. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from squadiq.errors import ConfigurationError

LONGEST_SECONDS = 1_000_000.0
"""Days, not years: no system waits for longer on a socket than a few hundred of them."""
LARGEST_NUMBER = 1_000_000_000_000
LONGEST_CAMPAIGN_ID = 255

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header (RFC 9110, 5.6.2)."""

_OURS = {
    "authorization": "is made from access_token=",
    "accept-encoding": "is what the client can bound",
    "content-length": "is that of the request",
    "transfer-encoding": "is that of the request",
}

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def seconds(name: str, value: object, *, or_zero: bool = False) -> float:
    """Return a setting that is a number of seconds.

    Raises:
        ConfigurationError: it is not, or it is below zero, or more than can be waited for.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConfigurationError(f"{name} must be a number of seconds, not {kind_of(value)}.")
    if not (value > 0 or (or_zero and value == 0)):  # not a number is neither
        raise ConfigurationError(f"{name} must {'not be below' if or_zero else 'be above'} zero.")
    if value > LONGEST_SECONDS:
        raise ConfigurationError(f"{name} must not be more than {LONGEST_SECONDS:.0f} seconds.")
    return float(value)


def seconds_or_none(name: str, value: object) -> float | None:
    """Return a number of seconds, zero included, or None.

    Raises:
        ConfigurationError: it is neither.
    """
    return None if value is None else seconds(name, value, or_zero=True)


def whole_number(name: str, value: object, unit: str) -> int:
    """Return a setting that is a whole number, of a unit.

    Raises:
        ConfigurationError: it is not, or it is not above zero.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"{name} must be a whole number, not {kind_of(value)}.")
    if not 1 <= value <= LARGEST_NUMBER:
        raise ConfigurationError(f"{name} must be above zero, at least 1 {unit}, and no more than {LARGEST_NUMBER}.")
    return value


def count_or_none(name: str, value: object, unit: str) -> int | None:
    """Return a whole number, zero included, or None.

    Raises:
        ConfigurationError: it is neither.
    """
    return value if value is None or (type(value) is int and value == 0) else whole_number(name, value, unit)


def flag(name: str, value: object) -> bool:
    """Return a setting that is True or False.

    Raises:
        ConfigurationError: it is neither.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False, not {kind_of(value)}.")
    return value


def function(name: str, value: FunctionT) -> FunctionT:
    """Return a setting that is a function.

    Raises:
        ConfigurationError: it cannot be called, or it would have to be awaited, which nobody does.
    """
    if not callable(value):
        raise ConfigurationError(f"{name} must be a function, not {kind_of(value)}.")
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError(f"{name} must be a plain function, not an async one.")
    return value


def function_or_none(name: str, value: FunctionT | None) -> FunctionT | None:
    """Return a setting that is a function, or None.

    Raises:
        ConfigurationError: it is neither.
    """
    return None if value is None else function(name, value)


def one_of(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return a setting that is one of a few texts.

    Raises:
        ConfigurationError: it is another.
    """
    if not isinstance(value, str) or value not in choices:
        allowed = " or ".join(f'"{choice}"' for choice in choices)
        raise ConfigurationError(f"{name} must be {allowed}.")
    return value


def campaign_id(value: object) -> str:
    """Return an identifier of a campaign that can stand in an address.

    Raises:
        ConfigurationError: it is no text, or is blank, too long, or holds what cannot be sent.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"The campaign_id must be a text, not {kind_of(value)}.")
    if re.fullmatch(r"\s*[{<].*[}>]\s*", value):
        raise ConfigurationError(
            "The campaign_id is still the placeholder of an example: put that of your campaign in its place."
        )
    if not value.strip() or value in (".", "..") or not value.isprintable() or len(value) > LONGEST_CAMPAIGN_ID:
        raise ConfigurationError("The campaign_id is blank or cannot stand in an address.")
    return value


def headers(_: str, value: object) -> dict[str, str]:
    """Return the user's own headers.

    Raises:
        ConfigurationError: one of them cannot be sent, or is the client's to set.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"headers must be a mapping of texts to texts, not {kind_of(value)}.")
    checked: dict[str, str] = {}
    for name, text in cast(Mapping[object, object], value).items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ConfigurationError("headers= has a name that cannot be the name of a header.")
        lower = name.lower()
        if lower in _OURS:
            raise ConfigurationError(f"{lower.title()} {_OURS[lower]}; leave it out of headers=.")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or text != text.strip():
            raise ConfigurationError(
                f"headers[{lower!r}] must be a text of printable ASCII without blanks at its ends."
            )
        checked[lower] = text
    return checked


def hosts(setting: str, value: object) -> frozenset[str]:
    """Return the names of hosts to which `http://` is allowed.

    Raises:
        ConfigurationError: it is not a collection of names; one name alone is none, nor is a URL or a pattern.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        raise ConfigurationError(f"{setting} must be a collection of host names, not {kind_of(value)}.")
    names = list(cast(Collection[object], value))
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"{setting} must hold host names, and nothing else.")
    if any(re.search(r"[/*]|:[0-9]+$", name) and not name.count(":") > 1 for name in map(str, names)):
        raise ConfigurationError(f"{setting} must hold names of hosts, as `mock` is: no URL, no port, no pattern.")
    return frozenset(str(name).lower() for name in names)


def known_settings(given: Iterable[str], known: Collection[str], what: str = "There is") -> None:
    """Look whether all settings that are given exist.

    Raises:
        ConfigurationError: one does not; it names the one that may be meant.
    """
    unknown = set(given) - set(known)
    if unknown:
        name = min(unknown)
        raise ConfigurationError(f"{what} no setting {name!r}{did_you_mean(name, known) or '.'}")


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about a name that does not exist: the nearest that does, if one is near."""
    in_lower_case = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), in_lower_case, n=1)
    return f": did you mean {in_lower_case[near[0]]!r}?" if near else ""


def kind_of(value: object) -> str:
    """Return the name of a value's type, for a message."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
