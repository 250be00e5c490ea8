"""The only way to a disposable server: within its scope, at its pace, and patient where it answers 429."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from squadiq._deadline import deadline
from squadiq.contract.budget import TIMEOUT_SECONDS, HitBudget, RunStoppedError
from squadiq.contract.disposable import DisposableScope
from squadiq.contract.guard import NotAllowedError, plain_response
from squadiq.contract.rules import BrokenError, Finding, InconclusiveError, Rule

ATTEMPTS = 6
"""How often a request is sent that is answered with 429."""
LONGEST_WAIT_SECONDS = 600.0
UNANSWERED_AT_MOST = 5
"""Requests without a response after which a run ends: each is waited for as long as one may take."""


@dataclass(kw_only=True)
class DisposableTransport(httpx.BaseTransport):
    """Send what is within the scope, refuse the rest; may be used by several threads.

    Args:
        pace: takes a hit before each request; None if no limit is known.
        on_wait: hears for how long a 429 asks to wait.
    """

    inner: httpx.BaseTransport
    scope: DisposableScope
    pace: HitBudget | None = None
    on_wait: Callable[[float], None] = lambda seconds: None
    sleep: Callable[[float], None] = time.sleep
    hits: int = 0
    unanswered: int = 0
    _patient: bool = field(default=True, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, which is 429 only in `as_they_come`.

        Raises:
            NotAllowedError: it is out of the scope, and was not sent.
            BrokenError: there is no response.
            RunStoppedError: nothing answers there, or nothing but 429 comes.
        """
        if why := self.scope.refusal(request.url, request.headers, request.read()):
            raise NotAllowedError(f"{request.method} was not sent: {why}.")
        for _ in range(ATTEMPTS):
            response = self._sent(request)
            if response.status_code != 429 or not self._patient:
                return response
            seconds = retry_after_seconds(response.headers.get("retry-after", ""), time.time())
            self.on_wait(seconds)
            self.sleep(seconds)
        raise RunStoppedError("the server answers 429 again and again: give --hits-per-minute")

    @contextmanager
    def reserved(self, number: int) -> Generator[None]:
        """Hold hits ready for requests that are to overlap.

        Raises:
            InconclusiveError: the limit is smaller.
            RunStoppedError: they cannot be had in time.
        """
        if self.pace is None:
            yield
            return
        if number > self.pace.at_most():
            raise InconclusiveError(f"{number} requests at once take as many hits, more than the limit has")
        self.pace.spare += self.pace.take(number)
        try:
            yield
        finally:
            self.pace.give_back()

    @contextmanager
    def as_they_come(self) -> Generator[None]:
        """Send without a pace, and return each 429, until the block ends."""
        self._patient = False
        try:
            yield
        finally:
            self._patient = True

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            slot = self.pace.take_spare() if self.pace and self._patient else None
            self.hits += 1
        try:
            with deadline(TIMEOUT_SECONDS):
                response = self.inner.handle_request(request)
                try:
                    plain = plain_response(response)
                finally:
                    response.close()
        except httpx.RequestError as error:
            raise self._unanswered(error) from None
        if self.pace and slot is not None:
            with self._lock:
                self.pace.complete(slot, throttled=False)
        return plain

    def _unanswered(self, error: httpx.RequestError) -> Exception:
        why = f"there is no response ({type(error).__name__})"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return RunStoppedError(f"{why}: check --target")
        with self._lock:
            self.unanswered += 1
            is_over = self.unanswered == self.hits or self.unanswered >= UNANSWERED_AT_MOST
        return RunStoppedError(why) if is_over else BrokenError(Finding(Rule.NO_SERVER_ERROR, why))


def retry_after_seconds(text: str, now: float) -> float:
    """Return how long a Retry-After asks to wait: a second if it is not readable, ten minutes at most."""
    try:
        asked = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        asked = 1.0
    return min(max(asked, 1.0), LONGEST_WAIT_SECONDS)
