"""Whether to send a request again, and when. Pure: no I/O, no clock, no chance of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from squadiq_generated.constants import CREATE_LEADS, IDEMPOTENT

from squadiq.attempts import AttemptOutcome

__all__ = [
    "AttemptOutcome",
    "GiveUp",
    "Retry",
    "RetryPolicy",
    "RetryRules",
    "RetryState",
    "decide",
    "may_be_waited",
    "may_repeat",
]


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how long to send again.

    Attributes:
        max_attempts: times that a request is sent, the first one included.
        first_backoff_seconds: longest wait before the second attempt; it doubles with each further one.
        longest_backoff_seconds: where the doubling ends.
        repeat_creates: whether leads may be sent again when it is unknown if they were created.
    """

    max_attempts: int = 4
    first_backoff_seconds: float = 0.5
    longest_backoff_seconds: float = 30.0
    repeat_creates: bool = True


@dataclass(frozen=True, slots=True)
class RetryState:
    """What a decision is made of.

    Attributes:
        operation: name in the document, such as `createLeads`.
        attempt: number of the attempt that just ended, from 1.
        outcome: what is known of it.
        status: its HTTP status; None if no response came.
        retry_after_seconds: what SquadIQ asks for; None if it does not.
        now, deadline: seconds on one clock; nothing is sent again after the deadline.
    """

    operation: str
    attempt: int
    outcome: AttemptOutcome
    status: int | None
    retry_after_seconds: float | None
    now: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the request again after a time in seconds."""

    after_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not send the request again; the reason is for people."""

    reason: str


RetryPolicy = Callable[[RetryState], Retry | GiveUp]
"""A user's own decision; the deadline holds all the same."""


def decide(state: RetryState, rules: RetryRules, jitter: float) -> Retry | GiveUp:
    """Decide whether a request is sent again; `jitter` is a random number from 0 to 1, for the jitter."""
    if state.outcome in (AttemptOutcome.FINAL, AttemptOutcome.UNREADABLE):
        return GiveUp("sending it again would change nothing")
    if state.outcome is AttemptOutcome.UNKNOWN and not may_repeat(state.operation, rules):
        return GiveUp("it may have been carried out, and repeating it is not safe")
    if state.attempt >= rules.max_attempts:
        return GiveUp(f"it was sent {state.attempt} times")
    wait = state.retry_after_seconds
    if wait is None:
        longest = min(rules.longest_backoff_seconds, rules.first_backoff_seconds * 2.0 ** min(state.attempt - 1, 64))
        wait = longest * (0.5 + 0.5 * jitter)
    if state.now + wait >= state.deadline:
        return GiveUp(f"waiting {wait:.1f} s would overrun the deadline")
    return Retry(wait)


def may_be_waited(seconds: object) -> bool:
    """Tell whether something, such as what an own policy says, is a number of seconds to wait."""
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0


def may_repeat(operation: str, rules: RetryRules) -> bool:
    """Tell whether an operation may be carried out twice; leads may, since a lead_id is unique in its campaign."""
    return operation in IDEMPOTENT or (operation == CREATE_LEADS and rules.repeat_creates)
