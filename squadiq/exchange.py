"""The way of one call through quota, sending and retries, without I/O of its own.

`exchange()` is a generator: it yields what is to be done next and is sent what came of it. Two
drivers in `transport.py` do it, one blocking and one not; every decision is here, written once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Protocol

from squadiq_generated.constants import CREATE_LEADS, DELETE_LEAD

from squadiq._decoding import BodyDamagedError, BodyError, BodyTooLargeError
from squadiq._redaction import SentMetadata
from squadiq.attempts import Attempt, AttemptOutcome, outcome_of_status, parse_retry_after
from squadiq.auth import AccessToken, AsyncTokenFunction
from squadiq.error_body import ErrorBody, read_error_body
from squadiq.errors import (
    AccessTokenError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    OutcomeUnknownError,
    QuotaError,
    SquadIQError,
    StatusError,
    UnexpectedResponseError,
    about,
    error_of,
)
from squadiq.policy import CallPolicy
from squadiq.quota import QuotaStore
from squadiq.quota.client import HeldSlot, QuotaClient, SlotSteps
from squadiq.quota.client import UseStore as UseStore
from squadiq.quota.client import Wait as Wait
from squadiq.responses import is_api_error
from squadiq.retry import GiveUp, Retry, RetryPolicy, RetryState, decide, may_be_waited, may_repeat

log = logging.getLogger("squadiq")

_BEGINS_JSON = (b"", *(bytes([byte]) for byte in b'{["-0123456789tfn'))

UNREADABLE = "squadiq.unreadable"
"""Where a response's extensions say why its body could not be read: a `BodyError`."""

TOLD_WAIT_SECONDS = 1.0
"""A longer wait for a hit of the quota is logged: somebody may wonder why nothing happens."""

LEASE_MARGIN_SECONDS = 1.0
"""How much longer than its timeout a request may be on its way, by the reckoning of the quota."""


@dataclass(frozen=True, slots=True)
class Call:
    """Which operation is called, and what it goes by.

    Attributes:
        operation: its name in the document.
        policy: the settings of the call.
        success: the status of its success.
        keep_free: how many hits it leaves free.
        campaign_id, lead_id: what it is about, as messages show it: without what tells who somebody is.
        token_function: gives the access token for each attempt; None if the request has it.
    """

    operation: str
    policy: CallPolicy
    success: int = 200
    keep_free: int = 0
    campaign_id: str | None = None
    lead_id: str | None = field(default=None, repr=False)
    token_function: AsyncTokenFunction | None = field(default=None, repr=False)

    @property
    def about(self) -> str:
        """Which lead and campaign it is about, as a message goes on."""
        return about(self.campaign_id, self.lead_id)


class ReceivedResponse(Protocol):
    """What is needed of a response: an httpx response that has been read."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def content(self) -> bytes: ...
    @property
    def extensions(self) -> Any: ...


class Failure(Exception):
    """No response: thrown into the exchange by a driver in place of the HTTP library's own exception."""

    def __init__(
        self, outcome: AttemptOutcome, cause: BaseException, *, timed_out: bool = False, reason: str = ""
    ) -> None:
        self.outcome = outcome
        self.cause = cause
        self.reason = reason
        self.timed_out = timed_out
        self.kind = type(cause).__name__
        super().__init__(self.kind)


@dataclass(frozen=True, slots=True)
class AskToken:
    """To do: call a function of the user for the access token, within a time."""

    function: AsyncTokenFunction = field(repr=False)
    within_seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """To do: send the request, with this access token if there is one, and read its response, all within a time."""

    within_seconds: float
    token: AccessToken | None = None


Step = UseStore | Wait | AskToken | Send
Steps = Generator[Step, Any, Any]


@dataclass(slots=True)
class Exchange:
    """One call: its request, its quota, and the attempts so far; time and chance are handed in."""

    call: Call
    address: str
    sent: bytes = field(repr=False)
    store: QuotaStore = field(repr=False)
    now: Callable[[], float]
    utcnow: Callable[[], datetime]
    jitter: Callable[[], float]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    envelope: SentMetadata = field(default_factory=SentMetadata, repr=False)
    started: float = 0.0
    deadline: float = 0.0
    waited: bool = False
    long_wait_told: bool = False

    def steps(self) -> Steps:
        """Yield what is to be done until there is a good response, which is returned.

        Raises:
            SquadIQError: with all attempts, when there is none.
        """
        self.started = self.now()
        self.deadline = self.started + self.call.policy.deadline_seconds
        error: SquadIQError | None = None
        while True:
            slot = yield from self._slot(error)
            result, attempt = yield from self._attempt(slot)
            if not isinstance(result, Failure) and self._is_done(attempt):
                result.extensions["squadiq.attempts"] = tuple(self.attempts)
                return result
            error = self._error(result, attempt)
            decision = self._decide(attempt, error)
            if isinstance(decision, GiveUp) or self.now() + decision.after_seconds >= self.deadline:
                self._give_up(error)
            yield Wait(decision.after_seconds)

    def _slot(self, error: SquadIQError | None) -> SlotSteps[HeldSlot]:
        """Take a slot of the quota and wait for it; the error is that of the attempt before, if there was one."""
        longest = self.deadline - self.now()
        if self.call.policy.max_wait_seconds is not None:
            longest = min(longest, self.call.policy.max_wait_seconds)
        try:
            (slot,) = yield from self._quota.take([self.store], longest, keep_free=self.call.keep_free)
        except QuotaError as no_slot:
            self._give_up(error if error is not None else no_slot)
        return slot

    @property
    def _quota(self) -> QuotaClient:
        # Made anew each time: kept, it would be a cycle that holds the body until the collector comes.
        return QuotaClient(self.now, self._left, self._lease, self._tell_of_waiting)

    def _tell_of_waiting(self, seconds: float) -> None:
        """Tell once that the call waits for a hit, and once that it is long."""
        if seconds > TOLD_WAIT_SECONDS and not self.long_wait_told:
            self.long_wait_told = True
            what = "%s%s: waiting for a hit of the quota, %.1f s at least"
            log.info(what, self.call.operation, self.call.about, seconds)
        if not self.waited:
            self.waited = True
            self._call_hook("on_quota_wait", self.call.policy.on_quota_wait, seconds)

    def _left(self) -> float:
        return max(0.0, self.deadline - self.now())

    def _lease(self) -> float:
        """The longest that a request which is sent now may be on its way."""
        return min(self.call.policy.timeout_seconds, self._left()) + LEASE_MARGIN_SECONDS

    def _attempt(self, slot: HeldSlot) -> Generator[Step, Any, tuple[ReceivedResponse | Failure, Attempt]]:
        number = len(self.attempts) + 1
        self._call_hook("before_attempt", self.call.policy.before_attempt, number)
        began = self.now()
        within = min(self.call.policy.timeout_seconds, self.deadline - began)
        token: AccessToken | None = None
        result: ReceivedResponse | Failure
        try:
            if self.call.token_function is not None:
                token = yield from self._token(self.call.token_function, _some(within))
                within -= self.now() - began
            result = yield Send(_some(within), token)
        except Failure as failure:
            result = failure
        attempt = self._judge(result, began - self.started, self.now() - began)
        self.attempts.append(attempt)
        log.debug("%s: attempt %d: %s", self.call.operation, number, attempt)
        if attempt.status is not None:
            yield from self._quota.complete([slot], pause_seconds=_pause_after(attempt))
        elif attempt.outcome in (AttemptOutcome.NEVER_SENT, AttemptOutcome.FINAL):
            yield from self._quota.give_back([slot])
        self._call_hook("after_attempt", self.call.policy.after_attempt, number, attempt)
        return result, attempt

    def _token(self, function: AsyncTokenFunction, within_seconds: float) -> Generator[Step, Any, AccessToken]:
        """Ask the user's function when a hit is free and not before: the wait may be longer than a token is good for.

        Raises:
            Failure: there is no token, so that nothing was sent.
        """
        ask = AskToken(function, within_seconds)
        try:
            given = yield ask
        except Exception as error:
            no_token = AccessTokenError(f"The function given as access_token failed ({type(error).__name__})")
            no_token.__cause__ = error
            raise Failure(AttemptOutcome.NEVER_SENT, no_token) from None
        try:
            return AccessToken(given)
        except ConfigurationError as wrong:
            no_token = AccessTokenError(f"The function given as access_token has not returned one. {wrong}")
            raise Failure(AttemptOutcome.FINAL, no_token) from None

    def _judge(self, result: ReceivedResponse | Failure, started_after: float, took: float) -> Attempt:
        """What is known of the request now; nothing else looks at a status or at Retry-After."""
        if isinstance(result, Failure):
            return Attempt(started_after, took, None, result.kind, result.outcome)
        status, headers, retry_after = result.status_code, result.headers, None
        if self._is_success(result):
            outcome = AttemptOutcome.DONE
        elif status < 300:
            outcome = _outcome_of_odd_success(result)
        else:
            outcome = outcome_of_status(status)
            retry_after = parse_retry_after(headers.get("Retry-After"), headers.get("Date"), self.utcnow())
        return Attempt(started_after, took, status, None, outcome, retry_after)

    def _is_done(self, attempt: Attempt) -> bool:
        """Whether it was carried out: a repeated delete that finds no lead was, by an earlier attempt."""
        unknown = any(earlier.unknown for earlier in self.attempts[:-1])
        deleted_before = attempt.status == 404 and self.call.operation == DELETE_LEAD and unknown
        return attempt.outcome is AttemptOutcome.DONE or deleted_before

    def _call_hook(self, name: str, hook: Callable[..., None] | None, *about: Any) -> None:
        """Call a hook of the user, which must not cost the call that it looks at."""
        try:
            if hook is not None:
                hook(self.call.operation, *about)
        except Exception as error:
            log.warning("%s: %s raised %s; the call goes on", self.call.operation, name, type(error).__name__)

    def _error(self, result: ReceivedResponse | Failure, attempt: Attempt) -> SquadIQError:
        if isinstance(result, Failure):
            return self._no_response(result)
        return self._odd_success(result) if result.status_code < 300 else self._status_error(result, attempt)

    def _decide(self, attempt: Attempt, error: SquadIQError) -> Retry | GiveUp:
        state = RetryState(
            operation=self.call.operation,
            attempt=len(self.attempts),
            outcome=attempt.outcome,
            status=attempt.status,
            retry_after_seconds=attempt.retry_after_seconds,
            now=self.now(),
            deadline=self.deadline,
        )
        if self.call.policy.retry_policy is not None:
            return self._own_decision(self.call.policy.retry_policy, state, error)
        return decide(state, self.call.policy.retries, self.jitter())

    def _own_decision(self, policy: RetryPolicy, state: RetryState, error: SquadIQError) -> Retry | GiveUp:
        """What the user's own policy says, if that makes sense; else the call ends, for nobody knows what was meant."""
        cause: Exception = error
        what = "returned neither GiveUp(reason) nor Retry(seconds, not below zero)"
        try:
            decision: object = policy(state)
        except Exception as raised:
            decision, cause, what = None, raised, f"raised {type(raised).__name__}"
        if isinstance(decision, GiveUp) or (isinstance(decision, Retry) and may_be_waited(decision.after_seconds)):
            return decision
        wrong = ConfigurationError(f"retry_policy {what}, so the call was not sent again. It had ended so: {error}")
        wrong.__cause__ = cause
        return self._give_up(wrong)

    def _is_success(self, response: ReceivedResponse) -> bool:
        """The documented code, or another success, that is not the page of some proxy in between."""
        if not 200 <= response.status_code < 300 or response.extensions.get(UNREADABLE) is not None:
            return False
        first = response.content.lstrip()[:1]
        if response.status_code == self.call.success:
            return first != b"<"
        return first in _BEGINS_JSON

    def _odd_success(self, response: ReceivedResponse) -> UnexpectedResponseError:
        said = f"{self.call.operation} was answered with {response.status_code}{self.call.about} and"
        why: BodyError | None = response.extensions.get(UNREADABLE)
        if isinstance(why, BodyTooLargeError):
            most = self.call.policy.max_response_bytes
            said += (
                f" more than max_response_bytes={most}, so the response was not read whole. "
                "If that is as it should be, raise max_response_bytes"
            )
        elif why is not None:
            said += f" a body that cannot be read, for {why}. Check what is between here and SquadIQ ({self.address})"
        else:
            said += (
                " something that is not JSON: "
                f"it may not come from SquadIQ. Check the network and the base URL ({self.address})"
            )
        error = UnexpectedResponseError(said)
        error.status = response.status_code
        return error

    def _status_error(self, response: ReceivedResponse, attempt: Attempt) -> StatusError:
        if response.status_code < 400:
            words = ErrorBody(f"it redirects, which is not followed: check the base URL ({self.address})")
        else:
            words = read_error_body(
                response.content, response.headers.get("Content-Type", ""), self.sent, self.envelope
            )
        retry_after = attempt.retry_after_seconds
        error = error_of(self.call.operation, response.status_code, words, retry_after_seconds=retry_after)
        error.is_api_error = is_api_error(response.content, response.headers.get("Content-Type", ""))
        return error

    def _no_response(self, failure: Failure) -> SquadIQError:
        if isinstance(failure.cause, SquadIQError):
            return failure.cause
        what = f"{self.call.operation}: no response from {self.address}{self.call.about}"
        kind = DeadlineExceededError if failure.timed_out else ConnectionFailedError
        error = kind(f"{what} ({failure.kind}{': ' if failure.reason else ''}{failure.reason})")
        error.__cause__ = failure.cause
        return error

    def _give_up(self, error: SquadIQError) -> NoReturn:
        """Raise the error of the call, with all its attempts."""
        attempts = tuple(self.attempts)
        unknown = bool(attempts) and attempts[-1].unknown
        if unknown and self.call.operation == CREATE_LEADS and not may_repeat(CREATE_LEADS, self.call.policy.retries):
            cause = error
            error = OutcomeUnknownError(
                f"{CREATE_LEADS}{self.call.about}: the leads may have been created or not ({attempts[-1]}), "
                "and repeat_creates is off"
            )
            error.__cause__ = cause
        error.operation, error.attempts = self.call.operation, attempts
        error.campaign_id, error.lead_id = self.call.campaign_id, self.call.lead_id
        if isinstance(error, StatusError):
            error.resolve_repeated_create()
        if len(attempts) > 1:
            error.add_note(f"{len(attempts)} attempts: " + "; ".join(str(attempt) for attempt in attempts))
        raise error


def _some(within_seconds: float) -> float:
    """Return a time in which something can be done.

    Raises:
        Failure: none is left.
    """
    if within_seconds <= 0:
        raise Failure(AttemptOutcome.NEVER_SENT, TimeoutError(), timed_out=True)
    return within_seconds


def _pause_after(attempt: Attempt) -> float | None:
    """For how long nobody may send after a 429; a second if it does not say."""
    if attempt.status != 429:
        return None
    return 1.0 if attempt.retry_after_seconds is None else attempt.retry_after_seconds


def _outcome_of_odd_success(response: ReceivedResponse) -> AttemptOutcome:
    """Nobody knows whether it was carried out; but a response that is too large would be so again."""
    why = response.extensions.get(UNREADABLE)
    return AttemptOutcome.UNKNOWN if why is None or isinstance(why, BodyDamagedError) else AttemptOutcome.UNREADABLE
