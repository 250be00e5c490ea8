"""What is known of a request after it was sent once. Pure: no I/O, no clock."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum


class AttemptOutcome(Enum):
    """What is known of a request after an attempt.

    DONE: it was carried out. NEVER_SENT: it surely did not reach SquadIQ. REJECTED: SquadIQ said that it did
    nothing, for now. UNKNOWN: it may have been carried out. UNREADABLE: so it may, and sending it again would
    bring a response that is no better. FINAL: it was not, and sending it again would change nothing.
    """

    DONE = "done"
    NEVER_SENT = "never sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a request was sent, or was tried to be sent.

    Attributes:
        started_after_seconds: from the start of the call.
        took_seconds: until its response or its failure.
        status: the HTTP status, if a response came.
        failure: the kind of failure, if none came: the name of an exception.
        outcome: what is known of it.
        retry_after_seconds: what SquadIQ asked for; None if it did not.
    """

    started_after_seconds: float
    took_seconds: float
    status: int | None = None
    failure: str | None = None
    outcome: AttemptOutcome = AttemptOutcome.FINAL
    retry_after_seconds: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether SquadIQ may have carried the request out without saying so."""
        return self.outcome in (AttemptOutcome.UNKNOWN, AttemptOutcome.UNREADABLE)

    def __str__(self) -> str:
        result = str(self.status) if self.status is not None else self.failure
        return f"{result} after {self.took_seconds * 1000:.0f} ms"


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
    from email.utils import parsedate_to_datetime  # takes long to import, and is seldom needed

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
