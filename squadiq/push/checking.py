"""Rows as checked leads, or why they are none. Pure, and apart from what is known of other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from pydantic_core import to_json
from squadiq_generated.models import Lead

from squadiq.errors import InvalidInputError, Problem
from squadiq.push.columns import FIXED, Columns
from squadiq.push.rows import Row, RowError
from squadiq.validation import prepare_leads


class GoodRow(NamedTuple):
    """A row that is a good lead; `content` is what it says, however its columns are ordered."""

    row: Row
    lead: Lead
    content: bytes

    def __repr__(self) -> str:
        return f"GoodRow({self.row!r})"  # the content is a person's data


class BadRow(NamedTuple):
    """A row that is none."""

    row: Row
    why: RowError


Checked = GoodRow | BadRow


def check(rows: Sequence[Row], columns: Columns, lead_type: type[Lead]) -> list[Checked]:
    """Return what each row is, in their order."""
    outcomes: list[dict[str, Any] | Lead | RowError] = []
    for row in rows:
        try:
            outcomes.append(columns.lead_of(row))
        except RowError as wrong:
            outcomes.append(wrong)
    checked = iter(_outcomes([each for each in outcomes if type(each) is dict], lead_type))
    final = [next(checked) if type(each) is dict else each for each in outcomes]
    return [
        BadRow(row, each) if isinstance(each, RowError) else GoodRow(row, cast(Lead, each), _content(cast(Lead, each)))
        for row, each in zip(rows, final, strict=True)
    ]


def _outcomes(given: Sequence[dict[str, Any]], lead_type: type[Lead]) -> list[Lead | RowError]:
    """Check leads as a list; where that fails, those that it names one by one, and the others as a list again."""
    try:
        return list(_prepared(given, lead_type))
    except InvalidInputError as wrong:
        named = {problem.index for problem in wrong.problems}
    left = [place for place in range(len(given)) if place not in named]
    try:
        good = iter(_prepared([given[place] for place in left], lead_type))
    except InvalidInputError:
        return [_outcome(each, lead_type) for each in given]
    return [_outcome(each, lead_type) if place in named else next(good) for place, each in enumerate(given)]


def _outcome(given: dict[str, Any], lead_type: type[Lead]) -> Lead | RowError:
    try:
        return _prepared([given], lead_type)[0]
    except InvalidInputError as wrong:
        return _row_error(wrong.problems[0])


def _prepared(given: Sequence[dict[str, Any]], lead_type: type[Lead]) -> Sequence[Lead]:
    # Phone numbers are in E.164 form already, and who stands twice is looked for over all of the source.
    return prepare_leads(given, lead_type, normalise_phone_numbers=False, duplicate_phone_numbers="allow")


def _row_error(problem: Problem) -> RowError:
    name = problem.field if problem.field in FIXED else "field"
    return RowError(f"{name}_invalid", problem.field, problem.reason)


def _content(lead: Lead) -> bytes:
    fields = {**lead.__dict__, **(lead.__pydantic_extra__ or {})}
    return to_json(sorted(fields.items()))
