"""All cases, from every module of them: those that a live service can be asked, and those for data of no worth."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from squadiq.contract import (
    cases,
    cases_of_access,
    cases_of_disposable,
    cases_of_leads,
    cases_of_overlap,
    cases_of_wear,
)
from squadiq.contract.cases import Case
from squadiq.contract.target import Capability


def cases_in(*modules: ModuleType) -> tuple[Case, ...]:
    """Return the cases that modules have added as they were imported, module by module."""
    return tuple(each for module in modules for each in cases.CASES if each.run.__module__ == module.__name__)


SUITE = cases_in(cases, cases_of_leads)
"""What a live service can be asked."""
FULL_SUITE = (*SUITE, *cases_in(cases_of_disposable, cases_of_wear, cases_of_overlap, cases_of_access))
"""What a server can be asked whose data may be thrown away."""


def fitting(offers: Iterable[Capability], suite: Iterable[Case] = SUITE) -> list[Case]:
    """Return the cases of a suite that a target with these offers can run, those that only read first."""
    offered = frozenset(offers)
    return [each for each in suite if each.needs <= offered]
