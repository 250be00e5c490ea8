"""Phone numbers that are never to be sent, as do-not-call lists have them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from squadiq.errors import InvalidInputError, Problem
from squadiq.push.phones import restored
from squadiq.push.rows import RowError
from squadiq.push.sources import open_source


def suppressed_numbers(given: str | Path | Collection[str] | None) -> frozenset[str]:
    """Return the phone numbers of a list in E.164 form.

    Args:
        given: a file in any form that leads come in, or with a number a line; or the numbers; None for no list.

    Raises:
        InvalidInputError: there is no phone number in it, which cannot be meant.
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
    except RowError:
        return None
