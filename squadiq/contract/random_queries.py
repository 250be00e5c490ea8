"""Reads with random queries that the document allows, made by schemathesis and sent by us."""

from __future__ import annotations

from typing import Any, cast

from squadiq.contract.isolation import HealthCheck, Phase, Verbosity, given, isolated, schemathesis, seed, settings
from squadiq.spec import Spec

Query = dict[str, str | int]


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
