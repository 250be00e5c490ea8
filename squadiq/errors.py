"""Everything that squadiq raises, and how an error response becomes an exception.

    SquadIQError
    ├── ConfigurationError              a setting is missing or wrong
    ├── MissingExtraError               a part of squadiq needs a package that is not installed; an ImportError
    ├── InvalidInputError               leads or arguments refused before anything was sent
    ├── QuotaError                      no hit may be spent
    │   ├── QuotaWaitError              not within the time that the caller gives
    │   └── QuotaStoreError             the store that shares the quota cannot be reached
    ├── NoResponseError                 no response came
    │   ├── ConnectionFailedError       no connection, or it was lost
    │   └── DeadlineExceededError       not within the timeout or the deadline
    ├── AccessTokenError                the function that gives the access token gave none
    ├── OutcomeUnknownError             leads may or may not have been created, and repeating is off
    ├── UnexpectedResponseError         a success that is not what the document says, and cannot be read
    │   └── IncompleteLeadsError        the pages of leads end before all of them were read
    ├── squadiq.webhooks.DeliveryError  what came to your endpoint is no processed lead
    ├── squadiq.inbox.InboxError        the inbox cannot be opened, read or written
    ├── squadiq.outbox.OutboxError      the outbox cannot be opened, read or written
    └── StatusError                     SquadIQ answered with an error
        ├── BadRequestError             400
        ├── AccessDeniedError           the API documentation uses both codes for failed authentication
        │   ├── UnauthorizedError       401
        │   └── ForbiddenError          403
        ├── NotFoundError               404
        ├── MethodNotAllowedError       405
        ├── TooManyRequestsError        429
        ├── InternalServerError         500
        ├── ServiceUnavailableError     503
        └── UnexpectedStatusError       a code that the API documentation does not have

No message holds the access token, a phone number or a name, nor anything else that was sent. Every error can be
pickled and copied: it keeps its words, attributes and notes, and a cause that is one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from squadiq_generated.constants import CREATE_LEADS, GET_LEADS

from squadiq.attempts import Attempt

if TYPE_CHECKING:
    from squadiq.error_body import ErrorBody

LeadState = Literal["refused", "unknown"]


class SquadIQError(Exception):
    """Anything that went wrong; every other exception of squadiq is one of these.

    Attributes:
        operation: the operation's name in the document, such as `createLeads`; None outside of a call.
        campaign_id: of the campaign; None outside of a call.
        lead_id: of the lead, masked if it may tell who that is; None if the call is about several, or none.
        attempts: each time that the request was sent.
        previous_attempt_unknown: whether an attempt before the last one may have been carried out.
    """

    operation: str | None = None
    campaign_id: str | None = None
    lead_id: str | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def previous_attempt_unknown(self) -> bool:
        """Whether an attempt before the last one may have been carried out."""
        return any(attempt.unknown for attempt in self.attempts[:-1])

    @property
    def outcome_unknown(self) -> bool:
        """Whether the request may have been carried out although this error came."""
        return any(attempt.unknown for attempt in self.attempts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled without a call of `__init__`, whose arguments are not what was kept."""
        reduced: Any = super().__reduce__()  # of ImportError and OSError too, which keep more than `__dict__`
        args = reduced[1]
        kept: dict[str, Any] = {**(reduced[2] or {})} if len(reduced) > 2 else {}
        if isinstance(self.__cause__, SquadIQError):
            kept["__cause__"] = self.__cause__
        return _bare, (type(self), args), kept


def _bare(kind: type[SquadIQError], args: tuple[object, ...]) -> SquadIQError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class ConfigurationError(SquadIQError, ValueError):
    """A setting is missing or wrong."""


class MissingExtraError(SquadIQError, ImportError):
    """An optional part of squadiq is not installed; the message has the command that installs it.

    Attributes:
        name: the package that is missing.
    """


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of one lead, before anything was sent.

    Attributes:
        index: place of the lead among those given, from 0; None if it is not about a lead.
        lead_id: of the lead, masked if it looks like a phone number; None if it has none.
        field: the field or argument.
        reason: what is wrong with it, without its value.
    """

    index: int | None
    lead_id: str | None
    field: str
    reason: str

    def __str__(self) -> str:
        if self.index is None and self.lead_id is None:
            return f"{self.field} {self.reason}"
        name = f"lead {self.lead_id!r}" if self.lead_id is not None else f"lead number {(self.index or 0) + 1}"
        return f"{name}: {self.field} {self.reason}"


class InvalidInputError(SquadIQError, ValueError):
    """Leads or arguments were refused, and nothing was sent.

    Attributes:
        problems: everything that is wrong, for each lead and field.
    """

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        told = (
            problems if isinstance(problems, str) else sentences("; ".join(_first(self.problems)), "Nothing was sent.")
        )
        super().__init__(told)


class QuotaError(SquadIQError):
    """No hit of the quota may be spent."""


class QuotaWaitError(QuotaError):
    """A hit is not free within the time that the caller gives.

    Attributes:
        wait_seconds: until one is.
    """

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(wait_seconds)

    def __str__(self) -> str:
        return f"the quota is spent: the next hit is free in {self.wait_seconds:.1f} s"


class QuotaStoreError(QuotaError):
    """The store that shares the quota cannot be reached or read."""


class NoResponseError(SquadIQError):
    """No response came."""


class ConnectionFailedError(NoResponseError):
    """No connection could be made, or it was lost before the response was there."""


class DeadlineExceededError(NoResponseError, TimeoutError):
    """No response came within the timeout of an attempt or the deadline of the call."""


class AccessTokenError(SquadIQError):
    """The function that gives the access token raised, took too long, or gave none; nothing was sent then."""


class OutcomeUnknownError(SquadIQError):
    """Leads may or may not have been created, and the settings forbid to send them again."""


class UnexpectedResponseError(SquadIQError):
    """A success came, but its body is not what the document says and cannot be read.

    Attributes:
        status: the HTTP status, if that was it.
    """

    status: int | None = None


class IncompleteLeadsError(UnexpectedResponseError):
    """The pages of `getLeads` end before as many leads came as SquadIQ says there are.

    Attributes:
        read: leads that were read, each counted once.
        count: how many there are by the last page that was read; None if none said it.
    """

    operation = GET_LEADS

    def __init__(self, what: str, read: int = 0, count: int | None = None) -> None:
        self.read = read
        self.count = count
        super().__init__(what, read, count)

    def __str__(self) -> str:
        said = f"{self.read} leads were read, and `count` says {self.count}"
        return f"getLeads: {self.args[0]}: {said}. Read them again later"


@dataclass(frozen=True, slots=True)
class LeadError:
    """What SquadIQ says against one lead of a request.

    Attributes:
        index: place of the lead among those sent, from 0.
        lead_id: of the lead, masked if it looks like a phone number.
        errors: SquadIQ's words, by field.
        state: `refused`, or `unknown`: the lead is there, and whether an earlier attempt of this call
            created it, or somebody before, cannot be known.
    """

    index: int
    lead_id: str | None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    state: LeadState = "refused"

    def __str__(self) -> str:
        said = "; ".join(f"{name}: {' '.join(words)}" for name, words in self.errors.items())
        return f"lead {self.lead_id!r}: {said}"


class StatusError(SquadIQError):
    """SquadIQ answered with an error.

    Attributes:
        status: the HTTP status.
        detail: SquadIQ's own words, without anything that was sent.
        field_errors: the same by field, for a request about one lead.
        lead_errors: the same for each lead that something is said against, for a batch.
        retry_after_seconds: how long SquadIQ asks to wait; None if it does not.
        is_api_error: whether the body is JSON with a `detail`, as SquadIQ's own are, and not the page of a proxy.
    """

    hint = ""
    is_api_error = False

    def __init__(
        self, operation: str, status: int, words: ErrorBody | str = "", retry_after_seconds: float | None = None
    ) -> None:
        self.operation = operation
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.detail = words if isinstance(words, str) else words.detail
        self.field_errors: Mapping[str, Sequence[str]] = {}
        self.lead_errors: tuple[LeadError, ...] = ()
        self._sent_leads = 0
        if not isinstance(words, str):
            self.field_errors = words.fields
            self._sent_leads = len(words.lead_ids)
            self.lead_errors = tuple(
                LeadError(index, words.lead_ids.get(index), errors) for index, errors in words.leads.items() if errors
            )
        # What makes the like of it again: Celery keeps this and the class of an error as JSON.
        super().__init__(operation, status, self._said(), retry_after_seconds)

    def __str__(self) -> str:
        said = self._said()
        parts = [f"{self.operation} was answered with {self.status}{about(self.campaign_id, self.lead_id)}"]
        if said:
            parts[0] += f": {said}"
        if self.hint:
            parts.append(self.hint)
        if self.retry_after_seconds is not None:
            parts.append(f"It asks to wait {self.retry_after_seconds:.0f} s")
        if self.previous_attempt_unknown:
            parts.append("An earlier attempt of this call may have been carried out")
        return sentences(*parts)

    def _said(self) -> str:
        return "; ".join(_first(self.lead_errors)) or self.detail

    def resolve_repeated_create(self) -> None:
        """Say of each lead what can be known when a repeated create is refused.

        A batch is created whole or not at all. If SquadIQ has every lead of it, then an earlier
        attempt of this call may have created them. If it lacks one, none did, and whatever is said
        against the others was true before.
        """
        there = [error for error in self.lead_errors if set(error.errors) == {"lead_id"}]
        if self.operation == CREATE_LEADS and self.previous_attempt_unknown and len(there) == self._sent_leads:
            self.lead_errors = tuple(replace(error, state="unknown") for error in there)


class BadRequestError(StatusError):
    """The request is invalid (400); nothing of it was done."""


class AccessDeniedError(StatusError):
    """SquadIQ does not accept the access token, or not for this (401 or 403)."""


class UnauthorizedError(AccessDeniedError):
    """The access token is missing or incorrect (401)."""

    hint = "Check the access token"


class ForbiddenError(AccessDeniedError):
    """The access token is not accepted, or has no permission for this campaign (403)."""

    hint = "Check the access token and the campaign"


class NotFoundError(StatusError):
    """The lead, the page or the campaign does not exist (404)."""


class MethodNotAllowedError(StatusError):
    """The address does not take this method (405)."""

    hint = "Check the base URL"


class TooManyRequestsError(StatusError):
    """The rate limit of the business is exceeded (429)."""

    hint = "Somebody else spends the same quota, or its settings are too high"


class InternalServerError(StatusError):
    """SquadIQ has a problem (500); whether the request was carried out is not known."""


class ServiceUnavailableError(StatusError):
    """SquadIQ is offline for maintenance (503)."""

    hint = "Try again later"


class UnexpectedStatusError(StatusError):
    """The status is not one of those that the API documentation has."""


BY_STATUS: Mapping[int, type[StatusError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    429: TooManyRequestsError,
    500: InternalServerError,
    503: ServiceUnavailableError,
}
"""One class for each code of "Status and Errors"."""

_SHOWN = 5


def about(campaign_id: str | None, lead_id: str | None) -> str:
    """Return which lead and campaign a call is about, as a message goes on; nothing if that is not known."""
    lead = f" for lead {lead_id!r}" if lead_id is not None else ""
    campaign = f" in campaign {campaign_id!r}" if campaign_id else ""
    return lead + campaign


def sentences(*texts: str) -> str:
    """Return texts as sentences one after the other, with one full stop between them, whoever wrote it."""
    ended = [text if text.endswith((".", "!", "?")) else f"{text}." for text in texts[:-1]]
    return " ".join([*ended, texts[-1]])


def _first(items: Sequence[object]) -> list[str]:
    more = [f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    return [*(str(item) for item in items[:_SHOWN]), *more]


def error_of(operation: str, status: int, words: ErrorBody, *, retry_after_seconds: float | None = None) -> StatusError:
    """Return the exception that stands for an error response."""
    kind = BY_STATUS.get(status, UnexpectedStatusError)
    return kind(operation, status, words, retry_after_seconds=retry_after_seconds)
