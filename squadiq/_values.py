"""Values as spreadsheets, data frames and people give them: missing, broken, or nothing that JSON can say. Pure."""

from __future__ import annotations

import math
import numbers
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from squadiq_generated.constants import LARGEST_NUMBER

DEEPEST = 64
"""Levels of lists and objects within a custom value; see decision 0014."""

_MISSING_TYPES = {("pandas", "NAType"), ("pandas", "NaTType"), ("numpy", "MaskedConstant")}
_SPREADSHEET_ERRORS = frozenset(
    f"#{name}"
    for name in (
        *("N/A", "N/A!", "NA", "REF!", "VALUE!", "DIV/0!", "NAME?", "NULL!", "NUM!", "ERROR!", "SPILL!", "CALC!"),
        *("FIELD!", "BLOCKED!", "CONNECT!", "BUSY!", "UNKNOWN!", "EXTERNAL!", "PYTHON!", "GETTING_DATA"),
    )
)
_WRITTEN_MISSING = frozenset({"nan", "NaN", "NaT", "<NA>"})
_NOBODY = _WRITTEN_MISSING | {"None", "NULL", "null", "N/A", "n/a", "\\N", "inf", "-inf", "Infinity", "-Infinity"}
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Blanks that Unicode takes for letters or signs: Hangul fillers, and Braille without a dot."""

_SPREADSHEET_ERROR = "is an error value of a spreadsheet"
_MISSING_AS_TEXT = "is how a program writes a missing value"
_MISSING = "is missing"
_NO_NUMBER = "is not a number"
_SCALARS = frozenset({str, int, bool, float})
_TEXT_OR_TRUTH = frozenset({str, bool})
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = frozenset({str, int, bool, float, dict, list, type(None)})


def surely_sendable(values: Collection[object]) -> bool:
    """Tell whether `why_unsendable` has nothing to say of any of these values, which looks at them all at once.

    False only asks for a closer look. None is not let through: it may mean a missing value.
    """
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return False
    texts = cast(Collection[str], values if kinds == {str} else [value for value in values if type(value) is str])
    if not kinds <= _TEXT_OR_TRUTH and any(
        map(_why_no_number, [value for value in values if type(value) is int or type(value) is float])
    ):
        return False
    together = "\n".join(texts)
    if "\0" in together or not _WRITTEN_MISSING.isdisjoint(texts):
        return False
    if not together.isascii() and any(map(_SURROGATE.search, texts)):
        return False
    return "#" not in together or not any(why_no_value(text) for text in texts if "#" in text)


def surely_somebody(texts: Collection[str]) -> bool:
    """Tell whether none of these texts is blank or written for nobody."""
    return _NOBODY.isdisjoint(map(str.strip, texts)) and not any(map(is_blank, texts))


def plain(value: Any) -> Any:
    """Return a number of numpy as Python's own, and a UUID as text; anything else as it is."""
    kind = cast(type[object], type(value))
    if kind in _PLAIN:
        return value
    if kind is UUID:
        return str(value)
    if kind.__name__ == "timedelta64":
        return value  # a number, but of which unit
    if isinstance(value, numbers.Integral):
        return value if isinstance(value, int) else int(value)
    if kind.__module__ == "numpy" and isinstance(value, numbers.Real):
        return float(value)
    return bool(value) if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_") else value


def is_missing(value: object) -> bool:
    """Tell whether a value stands for none: None, NaN of any kind, and what pandas and numpy have for it."""
    if value is None:
        return True
    kind = type(value)
    if kind in _PLAIN and kind is not float:
        return False
    if (kind.__module__.partition(".")[0], kind.__name__) in _MISSING_TYPES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    try:
        return bool(value != value)  # as only NaN does
    except Exception:  # what cannot be compared is there
        return False


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen."""
    return not (text[:1].isascii() and text[:1].isalnum()) and all(
        character.isspace() or character in _INVISIBLE or unicodedata.category(character) in ("Cc", "Cf")
        for character in text
    )


def why_nobody(text: str) -> str | None:
    """Why a text cannot be meant as a name or an identifier, or None; see decision 0023."""
    return _MISSING_AS_TEXT if text.strip() in _NOBODY else why_no_value(text)


def why_no_value(text: str) -> str | None:
    """Why a text cannot be meant as a value of whatever kind, or None."""
    if "#" in text and text.strip().upper() in _SPREADSHEET_ERRORS:
        return _SPREADSHEET_ERROR
    return _MISSING_AS_TEXT if text in _WRITTEN_MISSING else None


def why_unsendable(value: object, depth: int = 0) -> str | None:
    """Why a custom value cannot be sent (the schemas CustomText and CustomNumber), or None.

    What is neither text, number, list nor object is let through: whether JSON can say it shows later.
    """
    if value is None or value is True or value is False:
        return None
    if isinstance(value, str):
        return _why_no_text(value)
    if isinstance(value, int | float | Decimal):
        return _why_no_number(value)
    if isinstance(value, Mapping | BaseModel | list | tuple | set | frozenset):
        return (
            f"is nested more than {DEEPEST} times"
            if depth == DEEPEST
            else _why_wrong_within(cast(object, value), depth)
        )
    return _MISSING if is_missing(value) else None


def _why_wrong_within(value: object, depth: int) -> str | None:
    items = cast(Iterable[object], value)
    if isinstance(value, BaseModel):
        items = [part for _, part in value]
    elif isinstance(value, Mapping):
        pairs = list(cast(Mapping[object, object], value).items())
        if not all(isinstance(name, str) for name, _ in pairs):
            return "holds a name that is not text"
        items = [part for pair in pairs for part in pair]
    reason = next((reason for item in items if (reason := why_unsendable(item, depth + 1)) is not None), None)
    return "holds a value that is missing" if reason == _MISSING else reason


def _why_no_text(text: str) -> str | None:
    if "\0" in text:
        return "holds the character U+0000"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate)"
    return why_no_value(text)


def _why_no_number(number: float | Decimal) -> str | None:
    if isinstance(number, Decimal):
        return None if number.is_finite() else _NO_NUMBER
    if isinstance(number, float) and not math.isfinite(number):
        return _NO_NUMBER
    return None if abs(number) <= LARGEST_NUMBER else "is a number too large to be sent exactly: send it as text"
