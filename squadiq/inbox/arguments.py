"""Checks of settings and arguments that name them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from squadiq.errors import ConfigurationError, InvalidInputError, Problem

_LONGEST = 10.0**9
"""More seconds than any clock or queue can wait."""

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def positive(setting: str, value: object) -> float:
    """Return a number above zero.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise ConfigurationError(f"{setting} must be a number above zero, of seconds.")
    return float(value)


def whole(setting: str, value: object) -> int:
    """Return a whole number of at least 1.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{setting} must be a whole number of at least 1.")
    return value


def function(setting: str, value: FunctionT) -> FunctionT:
    """Return something that can be called.

    Raises:
        ConfigurationError: it is none.
    """
    if not callable(value):
        raise ConfigurationError(f"{setting} must be a function.")
    return value


def text(argument: str, value: object) -> str:
    """Return a text that can be looked for in a database.

    Raises:
        InvalidInputError: it is none.
    """
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        raise InvalidInputError([Problem(None, None, argument, "must be a text without NUL and lone surrogates")])
    return value


def ids(argument: str, values: object) -> frozenset[int]:
    """Return ids of results.

    Raises:
        InvalidInputError: one of them cannot be one.
    """
    given = _items(values)
    if not all(type(value) is int and 0 < value < 2**63 for value in given):
        raise InvalidInputError([Problem(None, None, argument, "must be whole numbers, as failed() gives them")])
    return frozenset(given)


def _items(values: Any) -> tuple[Any, ...]:
    """What can be iterated over as a tuple; None for anything else, which is then refused."""
    try:
        return tuple(values)
    except TypeError:
        return (None,)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeError:
        return False
    return True
