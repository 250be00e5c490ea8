"""Checks of what is looked for in a database. Pure."""

from __future__ import annotations

from typing import Any

from squadiq.errors import InvalidInputError, Problem


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
