"""Outcomes as rows of a table: which columns there are, and what stands in them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from squadiq_generated._base import Timestamp

from squadiq.errors import InvalidInputError, Problem
from squadiq.inbox.store import Arrival

Responses = Literal["columns", "json"]
OutcomeValue = str | int | float | bool | datetime | None

COLUMNS = (
    "campaign_id",
    "lead_id",
    "phone_number",
    "contact_name",
    "lead_outcome",
    "processed_at",
    "created_at",
    "latest_called_at",
    "latest_recording_url",
)
"""The columns that every table of outcomes begins with, in this order."""
TIMES = frozenset({"processed_at", "created_at", "latest_called_at"})
RESPONSES = "lead_responses"
MOST_COLUMNS = 2000

_timestamp: TypeAdapter[datetime] = TypeAdapter(Timestamp)


@dataclass(slots=True)
class Headings:
    """The headings of a table, as they are found out from its outcomes.

    Attributes:
        responses: whether each key of `lead_responses` has a column, or all of it stands in one as JSON.
    """

    responses: Responses
    _fields: set[str] = field(default_factory=set[str], repr=False)
    _keys: set[str] = field(default_factory=set[str], repr=False)

    def note(self, outcome: Mapping[str, Any]) -> None:
        """Take the fields and keys of an outcome into account.

        Raises:
            InvalidInputError: there are too many for a table.
        """
        self._fields.update(outcome.keys() - _KNOWN)
        if self.responses == "columns":
            self._keys.update(_responses(outcome))
        if len(self._fields) + len(self._keys) > MOST_COLUMNS:
            reason = f"have more than {MOST_COLUMNS} different keys; give --responses json"
            raise InvalidInputError([Problem(None, None, RESPONSES, reason)])

    def names(self) -> list[str]:
        """Return the headings in their order: the fixed ones, further fields, and responses."""
        further = [f"field.{name}" for name in sorted(self._fields)]
        if self.responses == "json":
            return [*COLUMNS, *further, RESPONSES]
        return [*COLUMNS, *further, *(f"response.{key}" for key in sorted(self._keys))]

    def values(self, outcome: Mapping[str, Any]) -> list[Any]:
        """Return what stands in the columns; `lead_responses` and lists as they came, see `cell_value`."""
        fixed = [outcome.get(name) for name in COLUMNS]
        further = [outcome.get(name) for name in sorted(self._fields)]
        if self.responses == "json":
            return [*fixed, *further, outcome.get(RESPONSES)]
        said = _responses(outcome)
        return [*fixed, *further, *(said.get(key) for key in sorted(self._keys))]


def outcome_of(arrival: Arrival) -> dict[str, Any]:
    """Return an outcome's fields, its times aware; what is odd in it stays as it came."""
    came: dict[str, Any] = from_json(arrival.payload)
    outcome = {**came, "campaign_id": arrival.campaign_id, "lead_id": arrival.lead_id}
    for name in TIMES & outcome.keys():
        outcome[name] = _moment(outcome[name])
    return outcome | {"processed_at": arrival.processed_at}


def cell_value(value: Any) -> OutcomeValue:
    """Return a value that fits into a cell: what holds several becomes JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return cast(OutcomeValue, value)


def text_value(value: Any) -> str | None:
    """Return a value as text; one that is text already as it is."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _responses(outcome: Mapping[str, Any]) -> Mapping[str, Any]:
    said = outcome.get(RESPONSES)
    if said is None:
        return {}
    return cast(Mapping[str, Any], said) if isinstance(said, dict) else {"": said}


def _moment(value: Any) -> Any:
    try:
        return value if value is None else _timestamp.validate_python(value)
    except ValidationError:
        return value


def headings_of(outcomes: Iterable[Mapping[str, Any]], responses: Responses) -> Headings:
    """Return the headings that some outcomes need."""
    headings = Headings(responses)
    for outcome in outcomes:
        headings.note(outcome)
    return headings


_KNOWN: Sequence[str] | frozenset[str] = frozenset({*COLUMNS, RESPONSES})
