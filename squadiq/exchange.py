"""The way of one call through quota, sending and retries, without I/O of its own.

`exchange()` is a generator: it yields what is to be done next and is sent what came of it. Two
drivers in `transport.py` do it, one blocking and one not; every decision is here, written once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import random
from typing import Any, NoReturn, Protocol

from squadiq._redaction import Envelope
from squadiq._words import ServerWords, read_words
from squadiq.answers import is_api_error
from squadiq.errors import (
    Attempt,
    ConnectionFailedError,
    DeadlineExceededError,
    NoAnswerError,
    OutcomeUnknownError,
    QuotaError,
    QuotaWaitError,
    SquadIQError,
    StatusError,
    UnexpectedAnswerError,
    error_of,
)
from squadiq.quota import Reservation, Store
from squadiq.retry import (
    CREATE,
    Outcome,
    RetryPolicy,
    RetryRules,
    SendAgain,
    Situation,
    decide,
    may_repeat,
    outcome_of_status,
    retry_after_seconds,
)

log = logging.getLogger("squadiq")

_BEGINS_JSON = (b"", *(bytes([byte]) for byte in b'{["-0123456789tfn'))

LEASE_MARGIN_SECONDS = 1.0
"""How much longer than its timeout a request may be on its way, by the reckoning of the quota."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a request goes by on its way; see `SquadIQ` for the settings."""

    operation: str
    timeout_seconds: float
    deadline_seconds: float
    success: int = 200
    retries: RetryRules = field(default_factory=RetryRules)
    retry_policy: RetryPolicy | None = None
    before_attempt: Callable[[str, int], None] | None = None
    after_attempt: Callable[[str, int, Attempt], None] | None = None
    max_wait_seconds: float | None = None


class Answer(Protocol):
    """What is needed of an answer: an httpx response that has been read."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def content(self) -> bytes: ...
    @property
    def extensions(self) -> Any: ...


class Failure(Exception):
    """No answer: thrown into the exchange by a driver in place of the HTTP library's own exception."""

    def __init__(self, outcome: Outcome, cause: BaseException, *, timed_out: bool = False) -> None:
        self.outcome = outcome
        self.cause = cause
        self.timed_out = timed_out
        self.kind = type(cause).__name__
        super().__init__(self.kind)


@dataclass(frozen=True, slots=True)
class Ask:
    """To do: call the store of the quota."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """To do: wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """To do: send the request and read its answer, all within a time."""

    within_seconds: float


Steps = Generator[Ask | Wait | Send, Any, Any]


def _today() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Exchange:
    """One call: its request, its quota, its clock, and the attempts so far."""

    call: Call
    host: str
    sent: bytes = field(repr=False)
    store: Store = field(repr=False)
    now: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = _today
    chance: Callable[[], float] = random
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    envelope: Envelope = field(default_factory=Envelope, repr=False)
    started: float = 0.0
    deadline: float = 0.0

    def steps(self) -> Steps:
        """Yield what is to be done until there is a good answer, which is returned.

        Raises:
            SquadIQError: with all attempts, when there is none.
        """
        self.started = self.now()
        self.deadline = self.started + self.call.deadline_seconds
        error: SquadIQError | None = None
        while True:
            reservation = yield from self._slot(error)
            result = yield from self._attempt(reservation)
            answer, error, decision = self._judge(result)
            if error is None:
                return answer
            if not isinstance(decision, SendAgain) or self.now() + decision.after_seconds >= self.deadline:
                self._give_up(error)
            yield Wait(decision.after_seconds)

    def _slot(self, error: SquadIQError | None) -> Generator[Ask | Wait | Send, Any, Reservation]:
        """Take a slot of the quota and wait for it; given back if the waiting is broken off."""
        now = self.now()
        longest = self.deadline - now
        if self.call.max_wait_seconds is not None:
            longest = min(longest, self.call.max_wait_seconds)
        until = now + longest
        lease = self.call.timeout_seconds + LEASE_MARGIN_SECONDS
        try:
            reservation: Reservation = yield Ask(lambda: self.store.reserve(lease, longest))
        except QuotaError as refused:
            self._give_up(error if error is not None else refused)
        wait = reservation.wait_seconds
        try:
            while wait > 0:
                if self.now() + wait > until:
                    self._give_up(error if error is not None else QuotaWaitError(wait))
                yield Wait(wait)
                wait = yield Ask(lambda: self.store.confirm(reservation, lease))
        except BaseException:
            yield Ask(lambda: self.store.give_back(reservation))
            raise
        return reservation

    def _attempt(self, reservation: Reservation) -> Generator[Ask | Wait | Send, Any, Answer | Failure]:
        number = len(self.attempts) + 1
        if self.call.before_attempt is not None:
            self.call.before_attempt(self.call.operation, number)
        began = self.now()
        result: Answer | Failure
        try:
            result = yield Send(max(0.0, min(self.call.timeout_seconds, self.deadline - began)))
        except Failure as failure:
            result = failure
        attempt = self._as_attempt(result, began - self.started, self.now() - began)
        self.attempts.append(attempt)
        log.debug("%s: attempt %d: %s", self.call.operation, number, attempt)
        if not isinstance(result, Failure):
            yield Ask(lambda: self.store.answered(reservation))
            if result.status_code == 429:
                pause = self._retry_after(result)
                yield Ask(lambda: self.store.throttled(reservation, pause if pause is not None else 1.0))
        elif result.outcome is Outcome.NEVER_SENT or result.outcome is Outcome.FINAL:
            yield Ask(lambda: self.store.give_back(reservation))
        if self.call.after_attempt is not None:
            self.call.after_attempt(self.call.operation, number, attempt)
        return result

    def _judge(self, result: Answer | Failure) -> tuple[Answer | None, SquadIQError | None, object]:
        """The answer if it is good; else an error and whether to send again."""
        retry_after = None
        if isinstance(result, Failure):
            outcome, status = result.outcome, None
            error: SquadIQError = self._no_answer(result)
        else:
            status = result.status_code
            if self._is_success(result) or self._deleted_before(status):
                result.extensions["squadiq.attempts"] = tuple(self.attempts)
                return result, None, None
            if status < 300:
                outcome, error = Outcome.UNKNOWN, self._not_from_squadiq(result)
            else:
                outcome, retry_after = outcome_of_status(status), self._retry_after(result)
                error = self._status_error(result, retry_after)
        situation = Situation(
            self.call.operation, len(self.attempts), outcome, status, retry_after, self.now(), self.deadline
        )
        if self.call.retry_policy is not None:
            return None, error, self.call.retry_policy(situation)
        return None, error, decide(situation, self.call.retries, self.chance())

    def _is_success(self, answer: Answer) -> bool:
        """The documented code, or another success, that is not the page of some proxy in between."""
        if answer.status_code >= 300:
            return False
        first = answer.content.lstrip()[:1]
        if answer.status_code == self.call.success:
            return first != b"<"
        return first in _BEGINS_JSON

    def _not_from_squadiq(self, answer: Answer) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"{self.call.operation} was answered with {answer.status_code} and something that is not JSON: "
            f"it may not come from SquadIQ. Check the network and the base URL ({self.host})"
        )

    def _deleted_before(self, status: int) -> bool:
        """A repeated delete that finds no lead was carried out by an earlier attempt."""
        unknown = any(attempt.unknown for attempt in self.attempts[:-1])
        return status == 404 and self.call.operation == "deleteLead" and unknown

    def _retry_after(self, answer: Answer) -> float | None:
        return retry_after_seconds(answer.headers.get("Retry-After"), answer.headers.get("Date"), self.today())

    def _status_error(self, answer: Answer, retry_after: float | None) -> StatusError:
        if answer.status_code < 400:
            words = ServerWords(f"it redirects, which is not followed: check the base URL ({self.host})")
        else:
            words = read_words(answer.content, answer.headers.get("Content-Type", ""), self.sent, self.envelope)
        error = error_of(self.call.operation, answer.status_code, words, retry_after_seconds=retry_after)
        error.is_api_error = is_api_error(answer.content, answer.headers.get("Content-Type", ""))
        return error

    def _no_answer(self, failure: Failure) -> NoAnswerError:
        what = f"{self.call.operation}: no answer from {self.host}"
        kind = DeadlineExceededError if failure.timed_out else ConnectionFailedError
        error = kind(f"{what} ({failure.kind})")
        error.__cause__ = failure.cause
        return error

    def _give_up(self, error: SquadIQError) -> NoReturn:
        """Raise the error of the call, with all its attempts."""
        attempts = tuple(self.attempts)
        unknown = bool(attempts) and attempts[-1].unknown
        if unknown and self.call.operation == CREATE and not may_repeat(CREATE, self.call.retries):
            cause = error
            error = OutcomeUnknownError(
                f"{CREATE}: the leads may have been created or not ({attempts[-1]}), and repeat_creates is off"
            )
            error.__cause__ = cause
        error.operation, error.attempts = self.call.operation, attempts
        if isinstance(error, StatusError):
            error.resolve_repeated_create()
        if len(attempts) > 1:
            error.add_note(f"{len(attempts)} attempts: " + "; ".join(str(attempt) for attempt in attempts))
        raise error

    def _as_attempt(self, result: Answer | Failure, started_after: float, took: float) -> Attempt:
        if isinstance(result, Failure):
            return Attempt(started_after, took, None, result.kind, result.outcome is Outcome.UNKNOWN)
        status = result.status_code
        unknown = not self._is_success(result) if status < 300 else outcome_of_status(status) is Outcome.UNKNOWN
        return Attempt(started_after, took, status, None, unknown)
