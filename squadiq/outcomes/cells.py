"""Cells of a spreadsheet: what it would take for a formula, or could not hold, is made harmless. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any

from squadiq.outcomes.rows import OutcomeValue, cell_value

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?\Z")
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

LONGEST_TEXT = 32_767
"""Characters that a cell of Excel holds."""
LARGEST_EXACT = 10**15
"""Excel keeps fifteen digits of a number."""
FIRST_YEAR = 1900


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may take a text for a formula; a number, or a phone number, is none.

    Source: OWASP, CSV Injection.
    """
    return bool(_FORMULA.match(text)) and not _NUMBER.match(text)


def csv_cell(given: Any, zone: tzinfo) -> str:
    """Return a value as it stands in CSV; in front of what may be a formula stands an apostrophe."""
    value = cell_value(given)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(sep=" ")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    return f"'{value}" if is_formula(value) else value


def excel_cell(given: Any, zone: tzinfo) -> OutcomeValue:
    """Return a value as Excel holds it: times without their offset, numbers of too many digits as text.

    Raises:
        ValueError: it is a text that is too long.
    """
    value = cell_value(given)
    if isinstance(value, datetime):
        local = value.astimezone(zone)
        return local.replace(tzinfo=None) if local.year >= FIRST_YEAR else local.isoformat(sep=" ")
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= LARGEST_EXACT:
        return str(value)
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError("too long")
        return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    return value
