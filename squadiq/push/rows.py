"""Rows of a source on their way to become leads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source.

    Attributes:
        number: as a person counts it: the line of a spreadsheet, headings included; of an iterable, from 1.
        values: by heading.
        problem: why the row cannot be read, if so.
    """

    number: int
    values: Mapping[str, Any] = field(repr=False)
    problem: RowError | None = None


class RowError(Exception):
    """A row that cannot become a lead.

    Attributes:
        code: stable, for programs.
        field: which field is wrong.
        reason: for people, without anything of the row.
    """

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(code, field, reason)
        self.code = code
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"
