"""Handlers of processed leads, and what is told of one that fails. Pure."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import Connection

from squadiq.errors import ConfigurationError
from squadiq.webhooks.parsing import DeliveredLead

LeadHandler = Callable[[DeliveredLead], Awaitable[object] | object]
TransactionHandler = Callable[[DeliveredLead, Connection], object]


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that takes processed leads."""

    name: str
    function: Callable[..., Any]
    in_transaction: bool
    is_async: bool


def handler_of(function: Callable[..., Any], *, in_transaction: bool, others: list[Handler]) -> Handler:
    """Return a function as a handler, under a name by which the inbox notes that it is done.

    Raises:
        ConfigurationError: it is no function, there is one of that name, or it is async and wants the
            transaction.
    """
    if not callable(function) or not isinstance(in_transaction, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("on_processed: give it a function, or in_transaction=True.")
    name = _name_of(function)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    if is_async and in_transaction:
        raise ConfigurationError(f"{name}: a handler in the inbox's transaction cannot be async. Use def.")
    if any(other.name == name for other in others):
        raise ConfigurationError(f"{name}: there is a handler of this name already. Give it another one.")
    return Handler(name, function, in_transaction, is_async)


def _name_of(function: Any) -> str:
    """What a function is called, or what is under a partial one, or the class of an object that can be called."""
    while isinstance(function, partial):
        function = function.func
    if not hasattr(function, "__qualname__"):
        function = cast(Any, type(function))
    return f"{function.__module__}.{function.__qualname__}".replace(" ", "")


def place_of(error: BaseException) -> str:
    """Return the kind of an error and where it was raised; its message may tell something about a person."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{where}"
