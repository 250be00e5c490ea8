"""Checks of settings that name them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from squadiq.errors import ConfigurationError

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
