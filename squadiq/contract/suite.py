"""The whole suite of examples, from every module of them."""

from __future__ import annotations

from collections.abc import Iterable

from squadiq.contract import examples, examples_of_access, examples_of_leads
from squadiq.contract.examples import Example
from squadiq.contract.target import Need

# The modules add to the suite as they are imported; naming them keeps them imported.
SUITE: tuple[Example, ...] = tuple(
    each
    for module in (examples, examples_of_leads, examples_of_access)
    for each in examples.EXAMPLES
    if each.run.__module__ == module.__name__
)


def fitting(offers: Iterable[Need]) -> list[Example]:
    """Return the examples that a target with these offers can run, those that only read first."""
    offered = frozenset(offers)
    return [each for each in SUITE if each.needs <= offered]
