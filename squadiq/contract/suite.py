"""The cases that a live service can be asked, from every module of them."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from squadiq.contract import cases, cases_of_leads
from squadiq.contract.cases import Case
from squadiq.contract.target import Capability


def cases_in(*modules: ModuleType) -> tuple[Case, ...]:
    """Return the cases that modules have added as they were imported, module by module."""
    return tuple(each for module in modules for each in cases.CASES if each.run.__module__ == module.__name__)


SUITE = cases_in(cases, cases_of_leads)


def fitting(offers: Iterable[Capability], suite: Iterable[Case] = SUITE) -> list[Case]:
    """Return the cases of a suite that a target with these offers can run, those that only read first."""
    offered = frozenset(offers)
    return [each for each in suite if each.needs <= offered]
