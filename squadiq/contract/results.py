"""The outcome of a case, of a live service or of an endpoint alike: the one thing that reports are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from squadiq.contract.conformance import Hit
from squadiq.contract.rules import Finding, Rule


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Hold the outcome of a case: a finding with its hit, or why nothing can be said, or neither.

    Args:
        case: its name.
        hits: requests that it took.
        inconclusive: why nothing can be said, "" if something can.
        rule: the one that it looks at, if that is a single one.
    """

    case: str
    hits: int
    finding: Finding | None = None
    hit: Hit | None = field(default=None, repr=False)
    inconclusive: str = ""
    rule: Rule | None = None
