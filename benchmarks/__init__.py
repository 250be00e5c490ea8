"""Measurements, each a ratio of two things measured in one run on one machine."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        what: what was measured.
        compared_with: what it was measured against, in the same run.
        ratio: of the first over the second.
        goal: such as `<= 1.15`; empty if there is none.
        figures: the two measurements themselves, in words.
    """

    what: str
    compared_with: str
    ratio: float
    goal: str = ""
    figures: str = ""

    def meets_goal(self) -> bool | None:
        """Tell whether the ratio is within the goal; None without one."""
        sign, _, bound = self.goal.partition(" ")
        if not sign:
            return None
        return self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound)
