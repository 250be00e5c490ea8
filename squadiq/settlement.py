"""What became of the leads of a request, by what was answered. Pure: no I/O, no clock.

A batch is created whole or not at all. What is refused is settled by what SquadIQ says of single leads; where it
says nothing, halves are sent until the bad ones are found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from squadiq_generated.constants import CREATE_LEADS, DELETE_LEAD

from squadiq.errors import InvalidInputError, OutcomeUnknownError, QuotaWaitError, SquadIQError, StatusError


class SentLead(Protocol):
    """One lead of a request."""

    @property
    def sent_before(self) -> bool:
        """Whether it may have been carried out by an attempt before this request."""
        ...


SentT = TypeVar("SentT", bound=SentLead)
Words = Mapping[str, Sequence[str]]
"""What SquadIQ says against a lead, by field."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a lead is refused.

    Attributes:
        code: stable, such as `refused_phone_number`, for programs.
        field: what it is about; `lead` for all of it.
        reason: the same for people, in SquadIQ's words without anything that was sent.
    """

    code: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


@dataclass(frozen=True, slots=True)
class Settlement(Generic[SentT]):
    """What became of the leads of a request.

    Attributes:
        done: it was carried out.
        existing: they were there before, from somebody else.
        refused: they are refused as they stand.
        unknown: they may have been created, and nobody will know.
        again: they are to be sent again, in these parts.
        wait_seconds: until that is worth it.
        was_sent: whether those to be sent again may have been carried out by this request.
        too_large: whether the request was refused for its size alone.
        failed: why nothing was done, for a reason that is none of the leads'.
    """

    done: Sequence[SentT] = field(default=(), repr=False)
    existing: Sequence[SentT] = field(default=(), repr=False)
    refused: Sequence[tuple[SentT, Refusal]] = field(default=(), repr=False)
    unknown: Sequence[SentT] = field(default=(), repr=False)
    again: Sequence[Sequence[SentT]] = field(default=(), repr=False)
    wait_seconds: float = 0.0
    was_sent: bool = False
    too_large: bool = False
    failed: SquadIQError | None = None


def settle(operation: str, part: Sequence[SentT], error: SquadIQError | None) -> Settlement[SentT]:
    """Return what became of the leads of a request.

    Args:
        operation: its name.
        part: the leads, in their order.
        error: what was raised, or None if it was carried out.
    """
    if error is None:
        return Settlement(done=part)
    if isinstance(error, QuotaWaitError):
        return Settlement(again=[part], wait_seconds=error.wait_seconds)
    if isinstance(error, OutcomeUnknownError):
        return Settlement(unknown=part)
    if operation == DELETE_LEAD and _is_not_there(error) and (part[0].sent_before or error.previous_attempt_unknown):
        return Settlement(done=part)  # by the attempt before
    told = _told(operation, part, error)
    if told is None:
        return Settlement(again=[part], was_sent=error.outcome_unknown, failed=error)
    if not told:
        return Settlement(
            again=_halves(part), was_sent=error.previous_attempt_unknown, too_large=_status(error) == _TOO_LARGE
        )
    return _by_words(operation, part, told, error)


def _by_words(
    operation: str, part: Sequence[SentT], told: Mapping[int, Words], error: SquadIQError
) -> Settlement[SentT]:
    done: list[SentT] = []
    existing: list[SentT] = []
    refused: list[tuple[SentT, Refusal]] = []
    unknown: list[SentT] = []
    for index, words in told.items():
        entry = part[index]
        sent_before = entry.sent_before or error.previous_attempt_unknown
        if operation == CREATE_LEADS and _says_it_is_there(words):
            # From an attempt whose response was lost, or from before.
            (done if sent_before else existing).append(entry)
        elif operation == CREATE_LEADS and sent_before and set(words) == {_NO_FIELD}:
            unknown.append(entry)  # refused because it is there, or for what was wrong before: nobody says
        else:
            refused.append((entry, _refusal(operation, words, error)))
    left = [entry for index, entry in enumerate(part) if index not in told]
    again = [left] if left else []
    return Settlement(done, existing, refused, unknown, again, was_sent=error.previous_attempt_unknown)


def _told(operation: str, part: Sequence[SentT], error: SquadIQError) -> Mapping[int, Words] | None:
    """What is said against leads, by their place; None if the error is about no lead."""
    if isinstance(error, InvalidInputError):
        return {each.index or 0: {each.field: [each.reason]} for each in reversed(error.problems)}
    if not isinstance(error, StatusError):
        return None
    is_gone = operation != CREATE_LEADS and _is_not_there(error)
    if error.status not in (_BAD_REQUEST, _TOO_LARGE) and not is_gone:
        return None
    told = {each.index: each.errors for each in error.lead_errors if each.index < len(part)}
    if not told and len(part) == 1:
        told = {0: error.field_errors or {_NO_FIELD: [error.detail]}}
    return {index: words or {_NO_FIELD: [error.detail]} for index, words in told.items()}


def _refusal(operation: str, words: Words, error: SquadIQError) -> Refusal:
    only = next(iter(words)) if len(words) == 1 else ""
    if isinstance(error, InvalidInputError):
        return Refusal(f"{only if only in _FIXED else 'field'}_invalid", only, words[only][0])
    if operation != CREATE_LEADS and _is_not_there(error):
        return Refusal("not_found", _NO_FIELD, "is not in this campaign")
    prefixes = {name: "" if name == _NO_FIELD else f"{name}: " for name in words}
    said = "; ".join(f"{prefixes[name]}{' '.join(each)}" for name, each in words.items() if any(each))
    code = f"refused_{only}" if only in _FIXED else "refused"
    return Refusal(code, _NO_FIELD, f"is refused: {said}" if said else "is refused; SquadIQ does not say why")


def _says_it_is_there(words: Words) -> bool:
    return set(words) == {"lead_id"} and not _ABOUT_FORM.search(" ".join(words["lead_id"]))


def _is_not_there(error: SquadIQError) -> bool:
    """Whether SquadIQ itself says so, and not the page of a proxy."""
    return (
        _status(error) == _NOT_FOUND
        and isinstance(error, StatusError)
        and (error.is_api_error or bool(error.lead_errors))
    )


def _status(error: SquadIQError) -> int:
    return error.status if isinstance(error, StatusError) else 0


def _halves(part: Sequence[SentT]) -> list[Sequence[SentT]]:
    middle = (len(part) + 1) // 2
    return [part[:middle], part[middle:]]


_BAD_REQUEST, _NOT_FOUND, _TOO_LARGE = 400, 404, 413
_NO_FIELD = "lead"
"""Stands where a field would, for what is said of the lead as a whole."""
_FIXED = frozenset({"phone_number", "contact_name", "lead_id", "detail"})
_ABOUT_FORM = re.compile(r"\b(blank|null|required|characters?|valid|match|pattern|long|length)\b", re.IGNORECASE)
"""In what is said of a lead_id: it is wrong as it stands, rather than there already."""
