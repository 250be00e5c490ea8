"""The whole suite of cases, from every module of them."""

from __future__ import annotations

from collections.abc import Iterable

from squadiq.contract import cases, cases_of_access, cases_of_leads
from squadiq.contract.cases import Case
from squadiq.contract.target import Capability

# The modules add to the suite as they are imported; naming them keeps them imported.
SUITE: tuple[Case, ...] = tuple(
    each
    for module in (cases, cases_of_leads, cases_of_access)
    for each in cases.CASES
    if each.run.__module__ == module.__name__
)


def fitting(offers: Iterable[Capability]) -> list[Case]:
    """Return the cases that a target with these offers can run, those that only read first."""
    offered = frozenset(offers)
    return [each for each in SUITE if each.needs <= offered]
