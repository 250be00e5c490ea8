"""A result that is being handled, a call of a handler, and what may come of it."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from squadiq.inbox.handlers import Handler, place_of
from squadiq.inbox.leases import ResultClaim


class HandlerFailedError(Exception):
    """A handler raised, or did not return in time; the message says what and where, without its message.

    Attributes:
        by_database: whether the database refused for a reason that may be gone, such as a deadlock.
    """

    def __init__(self, what: str, *, by_database: bool = False) -> None:
        super().__init__(what)
        self.by_database = by_database


class ClaimLostError(Exception):
    """The lease ended, and another worker may have the result."""


@dataclass(eq=False, slots=True)
class RunningHandler:
    """A result that is being handled.

    Attributes:
        claim: of the result.
        begun: whether a handler was called with it.
        succeeded: whether the last handler that was called has returned, which may not be noted yet.
        handler: which of its handlers runs now, or ran last.
        until: when that should have ended, by `time.monotonic`.
        left: whether it still runs, though nobody waits for it any more.
    """

    claim: ResultClaim
    begun: bool = False
    succeeded: bool = False
    handler: str = ""
    until: float = math.inf
    left: bool = False


def call_handler(handler: Handler, *arguments: object) -> None:
    """Call a handler that is not async.

    Raises:
        HandlerFailedError: it raised, whatever it was.
    """
    try:
        response = handler.function(*arguments)
    except BaseException as error:
        raise HandlerFailedError(place_of(error), by_database=isinstance(error, OperationalError)) from None
    if inspect.iscoroutine(response):
        response.close()
        raise HandlerFailedError(f"TypeError: {handler.name} returned a coroutine: register the async function itself")
