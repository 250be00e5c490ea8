"""Whether to send a request again, and when. Pure: no I/O, no clock, no chance of its own."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

CREATE = "createLeads"
IDEMPOTENT = frozenset({"getLeads", "disableLeads", "deleteLead", "updateLead", "convertLead"})
"""Operations that may be carried out twice with the effect of once, by what the API documentation says."""


class AttemptOutcome(Enum):
    """What is known of a request after an attempt.

    NEVER_SENT: it surely did not reach SquadIQ. REJECTED: SquadIQ said that it did nothing, for now.
    UNKNOWN: it may have been carried out. FINAL: sending it again would change nothing.
    """

    NEVER_SENT = "never sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    FINAL = "final"


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


def decide(situation: RetryState, rules: RetryRules, jitter: float) -> Retry | GiveUp:
    """Decide whether a request is sent again; `jitter` is a random number from 0 to 1, for the jitter."""
    if situation.outcome is AttemptOutcome.FINAL:
        return GiveUp("sending it again would change nothing")
    if situation.outcome is AttemptOutcome.UNKNOWN and not may_repeat(situation.operation, rules):
        return GiveUp("it may have been carried out, and repeating it is not safe")
    if situation.attempt >= rules.max_attempts:
        return GiveUp(f"it was sent {situation.attempt} times")
    wait = situation.retry_after_seconds
    if wait is None:
        longest = min(
            rules.longest_backoff_seconds, rules.first_backoff_seconds * 2.0 ** min(situation.attempt - 1, 64)
        )
        wait = longest * (0.5 + 0.5 * jitter)
    if situation.now + wait >= situation.deadline:
        return GiveUp(f"waiting {wait:.1f} s would overrun the deadline")
    return Retry(wait)


def may_be_waited(seconds: object) -> bool:
    """Tell whether something, such as what an own policy says, is a number of seconds to wait."""
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0


def may_repeat(operation: str, rules: RetryRules) -> bool:
    """Tell whether an operation may be carried out twice; leads may, since a lead_id is unique in its campaign."""
    return operation in IDEMPOTENT or (operation == CREATE and rules.repeat_creates)


def outcome_of_status(status: int) -> AttemptOutcome:
    """Return what an error status says of the request.

    429 and 503 say that nothing was done; any other 5xx, and 408, leave it open.
    """
    if status in (429, 503):
        return AttemptOutcome.REJECTED
    return AttemptOutcome.UNKNOWN if status >= 500 or status == 408 else AttemptOutcome.FINAL


def parse_retry_after(header: str | None, date_header: str | None, now: datetime) -> float | None:
    """Read `Retry-After` in either of its forms (RFC 9110, 10.2.3); None if there is none or it makes no sense.

    A date is counted from the server's own `Date`, so that a wrong clock on this machine does no harm.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
        if math.isinf(seconds) and header.strip().isdecimal():
            return sys.float_info.max  # too many digits for a float, but a number that makes sense
    except ValueError:
        moment = _http_date(header)
        if moment is None:
            return None
        seconds = (moment - (_http_date(date_header or "") or now)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
