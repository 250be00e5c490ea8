"""Phone numbers that are never to be sent, as do-not-call lists have them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from squadiq.errors import InvalidInputError, Problem
from squadiq.push.phones import restored
from squadiq.push.rows import RowError
from squadiq.push.sources import open_source

_RUINED = frozenset({"phone_number_lost_digits", "phone_number_several"})
"""What was a phone number for certain; other cells of a list may be anything."""


def suppressed_numbers(given: str | Path | Collection[str] | None) -> frozenset[str]:
    """Return the phone numbers of a list in E.164 form.

    Args:
        given: a file in any form that leads come in, or with a number a line; or the numbers; None for no list.

    Raises:
        InvalidInputError: there is no phone number in it, which cannot be meant; or one that a spreadsheet ruined,
            whose owner would be called.
    """
    if given is None:
        return frozenset()
    cells: list[Any] = _cells(Path(given)) if isinstance(given, str | Path) else list(given)
    found = frozenset(number for cell in cells if (number := _number(cell)) is not None)
    if not found:
        reason = "holds no phone number: nobody would be left out. Check the file"
        raise InvalidInputError([Problem(None, None, "suppress", reason)])
    return found


def _cells(path: Path) -> list[Any]:
    source = open_source(path)
    return [*(source.headings or ()), *(value for row in source.read() for value in row.values.values())]


def _number(cell: Any) -> str | None:
    try:
        return restored(cell, accept_possible=True)
    except RowError as wrong:
        if wrong.code in _RUINED:
            reason = f"has a phone number that {wrong.reason}: mend it, or its owner would be called"
            raise InvalidInputError([Problem(None, None, "suppress", reason)]) from None
        return None
