"""What all generated models share: what they show of themselves, and how they read and write JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from types import GenericAlias
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter

SHOWN = frozenset({"lead_id", "campaign_id", "created_at", "latest_called_at", "processed_at", "count", "results"})
"""Fields whose values a `repr` may show. Every other one may hold something about a person."""


def _as_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Timestamp = Annotated[datetime, AfterValidator(_as_utc)]
"""An aware time, from ISO 8601 with or without an offset (then UTC) or from an epoch number."""


_DIGITS = re.compile("[0-9]+")
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
"""As they are drawn: one that is put together by hand may hold a phone number among its zeros."""


def looks_like_a_phone_number(text: str) -> bool:
    """Tell whether a text has as many digits as a phone number, as a lead_id sometimes does."""
    if _UUID.fullmatch(text):
        return any(len(digits) >= 10 for digits in _DIGITS.findall(text))
    return sum(character.isdecimal() for character in text) >= 10


def masked(text: str) -> str:
    """Return the text unless it may be a phone number or an e-mail address; of those, only the last two characters."""
    return f"…{text[-2:]}" if "@" in text or looks_like_a_phone_number(text) else text


class Model(BaseModel):
    """A model that keeps what it does not know and shows nothing about a person."""

    model_config = ConfigDict(
        extra="allow",
        coerce_numbers_to_str=True,
        defer_build=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        ser_json_inf_nan="constants",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if name == "lead_id":
                yield name, masked(str(value))
            else:
                yield name, value if name in SHOWN and _is_as_documented(name, value) else Hidden()

    def __str__(self) -> str:
        return repr(self)


def _is_as_documented(name: str, value: object) -> bool:
    """Whether a field holds what it should; what an odd response put there may be anything."""
    if name == "campaign_id":
        return isinstance(value, str) and not looks_like_a_phone_number(value)
    return value is None or isinstance(value, list if name == "results" else datetime | int)


class Hidden:
    """Stands in a `repr` for a value that may tell something about a person."""

    def __repr__(self) -> str:
        return "…"


def to_json(body: Model | Sequence[Model]) -> bytes:
    """Write a model, or a list of them, as JSON with only the fields that were set.

    Without warnings of pydantic's: they would show values.
    """
    if isinstance(body, Model):
        return body.model_dump_json(by_alias=True, exclude_unset=True, warnings=False).encode()
    if len(kinds := set(map(type, body))) == 1:
        return _list_type(kinds.pop()).dump_json(list(body), by_alias=True, exclude_unset=True, warnings=False)
    return b"[" + b",".join(to_json(item) for item in body) + b"]"


@cache
def _list_type(kind: type[Model]) -> TypeAdapter[list[Any]]:
    listed: Any = GenericAlias(list, (kind,))
    return TypeAdapter(listed, config=ConfigDict(ser_json_inf_nan="constants"))
