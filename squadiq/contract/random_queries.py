"""Reads with random queries that the document allows, made by schemathesis and sent by us."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, cast

from squadiq.contract.isolation import HealthCheck, Phase, Verbosity, given, isolated, schemathesis, seed, settings
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import BrokenError
from squadiq.contract.target import Target
from squadiq.spec import Spec

Query = dict[str, str | int]
PAGES, SIZES = 3, 5
"""A page and a page_size that are drawn near are of the first so many."""


def random_queries(spec: Spec, number: int, *, seed_number: int) -> list[Query]:
    """Return as many different queries of getLeads; nothing is sent.

    Schemathesis only makes them here: it would send unexpected methods and wrong tokens too.
    """
    with isolated():
        return _drawn(spec, number, seed_number)


def _drawn(spec: Spec, number: int, seed_number: int) -> list[Query]:
    queries: list[Query] = []
    # A configuration of its own: else it would read a schemathesis.toml that happens to be near, hooks included.
    schema = schemathesis.openapi.from_dict(dict(spec.contents), config=schemathesis.Config())
    operation = cast(Any, schema)[spec.operations["getLeads"].path]["GET"]

    @seed(seed_number)
    @settings(
        max_examples=number * 3,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def collect(case: Any) -> None:
        query: Query = dict(case.query or {})
        if query and query not in queries:
            queries.append(query)

    collect()
    return queries[:number]


def random_read(target: Target, query: Query) -> CaseResult:
    """Send a random query, brought near to the leads that the target has listed so far."""
    query = brought_near(query, target.met)
    target.people |= target.met.keys() & {str(query.get("lead_id"))}
    name = "a_random_read_with_" + ("_and_".join(sorted(query)))
    try:
        target.page(**query)
    except BrokenError as broken:
        return CaseResult(name, 1, broken.finding, target.last)
    return CaseResult(name, 1)


def brought_near(query: Query, met: Mapping[str, int]) -> Query:
    """Return a query of the same parameters, at the leads that there are: one at random finds nothing.

    Args:
        met: the second in which a lead was processed, by lead_id; if there is none, the query stays as it is.
    """
    moments = sorted(set(met.values()))
    return {name: _near(name, value, sorted(met), moments) for name, value in query.items()} if met else query


def _near(name: str, value: str | int, lead_ids: list[str], moments: list[int]) -> str | int:
    drawn = zlib.crc32(str(value).encode())
    if name == "lead_id":
        return lead_ids[drawn % len(lead_ids)] if drawn % 4 else value
    if name.startswith("processed_"):
        return max(0, moments[drawn % len(moments)] + drawn % 3 - 1)
    return 1 + drawn % (PAGES if name == "page" else SIZES)
