"""What became of the leads of a request, by what was answered: pure decisions, as cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import pytest
from squadiq_generated.constants import CONVERT_LEAD, CREATE_LEADS, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq.attempts import Attempt, AttemptOutcome
from squadiq.errors import (
    BadRequestError,
    ConnectionFailedError,
    InvalidInputError,
    LeadError,
    NotFoundError,
    OutcomeUnknownError,
    Problem,
    QuotaWaitError,
    SquadIQError,
    StatusError,
    UnexpectedStatusError,
)
from squadiq.settlement import Refusal, Settlement, settle


@dataclass(frozen=True)
class Sent:
    name: str
    sent_before: bool = False


A, B, C = Sent("a"), Sent("b"), Sent("c")
A_AGAIN = Sent("a", sent_before=True)
TAKEN = {"lead_id": ["Already exists."]}
LOST = Attempt(0.0, 1.0, outcome=AttemptOutcome.UNKNOWN)
REFUSED = Attempt(1.0, 1.0, status=400)


def answered(kind: type[StatusError], status: int, of: dict[int, Any] | None = None, **more: Any) -> StatusError:
    error = kind("op", status, more.pop("detail", "No."))
    error.lead_errors = tuple(LeadError(index, None, words) for index, words in (of or {}).items())
    for name, value in more.items():
        setattr(error, name, value)
    return error


def refused(of: dict[int, Any] | None = None, **more: Any) -> StatusError:
    return answered(BadRequestError, 400, of, **more)


NOT_THERE = answered(NotFoundError, 404, is_api_error=True)
A_PROXYS_PAGE = answered(NotFoundError, 404)
TOO_LARGE = answered(UnexpectedStatusError, 413)
DOWN = ConnectionFailedError("no")
LOST_AND_DOWN = answered(UnexpectedStatusError, 502, attempts=(LOST, LOST))
LOST_AND_GONE = answered(NotFoundError, 404, is_api_error=True, attempts=(LOST, REFUSED))
WAIT = QuotaWaitError(3.0)
WORDS = Refusal("refused_contact_name", "lead", "is refused: contact_name: Bad.")


def plain(settlement: Settlement[Sent]) -> dict[str, Any]:
    """Without the difference between a list and a tuple, and with errors that are the same one."""
    told = {each.name: getattr(settlement, each.name) for each in fields(settlement)}
    return {
        name: value if name == "failed" else json.loads(json.dumps(value, default=asdict))
        for name, value in told.items()
    }


@pytest.mark.parametrize(
    ("operation", "part", "error", "settlement"),
    [
        (CREATE_LEADS, [A, B], None, Settlement(done=[A, B])),
        (CREATE_LEADS, [A, B], WAIT, Settlement(again=[[A, B]], wait_seconds=3.0)),
        (CREATE_LEADS, [A, B], OutcomeUnknownError("?"), Settlement(unknown=[A, B])),
        (CREATE_LEADS, [A, B], DOWN, Settlement(again=[[A, B]], failed=DOWN)),
        (CREATE_LEADS, [A, B], NOT_THERE, Settlement(again=[[A, B]], failed=NOT_THERE)),
        (CREATE_LEADS, [A, B, C], TOO_LARGE, Settlement(again=[[A, B], [C]], too_large=True)),
        (CREATE_LEADS, [A], TOO_LARGE, Settlement(refused=[(A, Refusal("refused", "lead", "is refused: No."))])),
        (CREATE_LEADS, [A, B, C], refused(), Settlement(again=[[A, B], [C]])),
        (CREATE_LEADS, [A], refused(), Settlement(refused=[(A, Refusal("refused", "lead", "is refused: No."))])),
        (CREATE_LEADS, [A_AGAIN], refused(), Settlement(unknown=[A_AGAIN])),
        (CREATE_LEADS, [A, B], refused({1: {"contact_name": ["Bad."]}}), Settlement(refused=[(B, WORDS)], again=[[A]])),
        (CREATE_LEADS, [A, B], refused({0: TAKEN}), Settlement(existing=[A], again=[[B]])),
        (CREATE_LEADS, [A_AGAIN, B], refused({0: TAKEN}), Settlement(done=[A_AGAIN], again=[[B]])),
        (
            CREATE_LEADS,
            [A],
            refused({0: {"lead_id": ["This field may not be blank."]}}),
            Settlement(
                refused=[(A, Refusal("refused_lead_id", "lead", "is refused: lead_id: This field may not be blank."))]
            ),
        ),
        (
            CREATE_LEADS,
            [A, B],
            refused({0: {"city": ["Bad."], "zip": [""]}, 7: {}}),
            Settlement(refused=[(A, Refusal("refused", "lead", "is refused: city: Bad."))], again=[[B]]),
        ),
        (
            CREATE_LEADS,
            [A],
            refused({0: {"city": [""]}}),
            Settlement(refused=[(A, Refusal("refused", "lead", "is refused; SquadIQ does not say why"))]),
        ),
        (
            CREATE_LEADS,
            [A, B],
            refused({0: TAKEN}, attempts=(LOST, REFUSED)),
            Settlement(done=[A], again=[[B]], was_sent=True),
        ),
        (CREATE_LEADS, [A, B], refused(attempts=(LOST, REFUSED)), Settlement(again=[[A], [B]], was_sent=True)),
        (CREATE_LEADS, [A], LOST_AND_DOWN, Settlement(again=[[A]], was_sent=True, failed=LOST_AND_DOWN)),
        (DELETE_LEAD, [A], LOST_AND_GONE, Settlement(done=[A])),
        (
            UPDATE_LEAD,
            [A],
            NOT_THERE,
            Settlement(refused=[(A, Refusal("not_found", "lead", "is not in this campaign"))]),
        ),
        (UPDATE_LEAD, [A], A_PROXYS_PAGE, Settlement(again=[[A]], failed=A_PROXYS_PAGE)),
        (
            UPDATE_LEAD,
            [A_AGAIN],
            refused(),
            Settlement(refused=[(A_AGAIN, Refusal("refused", "lead", "is refused: No."))]),
        ),
        (
            CONVERT_LEAD,
            [A],
            InvalidInputError([Problem(None, None, "detail", "is blank")]),
            Settlement(refused=[(A, Refusal("detail_invalid", "detail", "is blank"))]),
        ),
        (
            CREATE_LEADS,
            [A, B],
            InvalidInputError([Problem(1, None, "city", "is odd"), Problem(1, None, "zip", "is odd")]),
            Settlement(refused=[(B, Refusal("field_invalid", "city", "is odd"))], again=[[A]]),
        ),
        (DISABLE_LEADS, [A, B], NOT_THERE, Settlement(again=[[A], [B]])),
        (
            DISABLE_LEADS,
            [A, B],
            answered(NotFoundError, 404, {0: {"lead_id": ["Unknown."]}}),
            Settlement(refused=[(A, Refusal("not_found", "lead", "is not in this campaign"))], again=[[B]]),
        ),
        (
            DELETE_LEAD,
            [A],
            NOT_THERE,
            Settlement(refused=[(A, Refusal("not_found", "lead", "is not in this campaign"))]),
        ),
        (DELETE_LEAD, [A_AGAIN], NOT_THERE, Settlement(done=[A_AGAIN])),
        (DELETE_LEAD, [A_AGAIN], A_PROXYS_PAGE, Settlement(again=[[A_AGAIN]], failed=A_PROXYS_PAGE)),
    ],
)
def test_what_became_of_each_lead(
    operation: str, part: Sequence[Sent], error: SquadIQError | None, settlement: Settlement[Sent]
) -> None:
    assert plain(settle(operation, part, error)) == plain(settlement)
