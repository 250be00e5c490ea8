"""What keeps `openapi/squadiq.yaml` readable by tools that this project does not use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from squadiq_generated.constants import CREATE_LEADS, IDEMPOTENT

Node = dict[str, Any]

DOCUMENT: Node = yaml.safe_load((Path(__file__).resolve().parents[2] / "openapi" / "squadiq.yaml").read_text("utf-8"))
COMPONENTS: Node = DOCUMENT["components"]
OPERATIONS: dict[str, Node] = {
    each["operationId"]: each for path in DOCUMENT["paths"].values() for each in path.values() if "responses" in each
}


def nodes(node: object) -> Iterator[Node]:
    if isinstance(node, dict):
        yield cast(Node, node)
        for child in cast(Node, node).values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in cast(list[object], node):
            yield from nodes(child)


SCHEMAS = [*nodes(COMPONENTS["schemas"])]


def test_every_number_says_its_width() -> None:
    """Go, Java and Rust read an integer without a format as 32 bits, and Go a number as a float32."""
    for schema in SCHEMAS:
        if schema.get("type") in ("integer", "number"):
            assert schema.get("format") in ("int32", "int64", "double"), schema
        if schema.get("format") == "int32":
            assert 0 <= schema["minimum"] < schema["maximum"] < 2**31, schema


def test_a_ten_digit_lead_id_fits_its_width() -> None:
    number = COMPONENTS["schemas"]["LeadIdNumber"]
    assert (number["format"], number["maximum"]) == ("int64", 2**53 - 1)


def test_no_schema_leads_back_to_itself() -> None:
    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join([*way, name])
        for node in nodes(COMPONENTS["schemas"][name]):
            if "$ref" in node:
                walk(node["$ref"].rpartition("/")[2], (*way, name))

    for name in COMPONENTS["schemas"]:
        walk(name, ())


def test_other_fields_of_an_object_are_constrained_where_no_generator_looks() -> None:
    """hey-api loses the named fields beside `propertyNames`; Elements shows them not beside a schema of others."""
    for schema in SCHEMAS:
        if "properties" in schema:
            assert "propertyNames" not in schema
            assert isinstance(schema.get("additionalProperties", True), bool)


def test_alternatives_are_any_of_and_flat() -> None:
    """kubb overflows its stack on a list of types, and Go fails on a reference or null."""
    for schema in SCHEMAS:
        kinds = schema.get("type", "")
        assert isinstance(kinds, str) or (len(kinds) == 2 and kinds[1] == "null"), schema
        alternatives: list[Node] = schema.get("anyOf", [])
        assert {"type": "null"} not in alternatives or len(alternatives) > 2, schema


def test_no_two_components_that_become_types_share_a_name() -> None:
    names = [name for kind in ("schemas", "parameters", "headers", "responses") for name in COMPONENTS[kind]]
    assert len(names) == len(set(names))


def test_what_is_played_in_order_deletes_last() -> None:
    assert list(OPERATIONS)[-1] == "deleteLead"


@pytest.mark.parametrize("name", COMPONENTS["headers"])
def test_a_header_has_an_example(name: str) -> None:
    assert COMPONENTS["headers"][name]["example"]


def test_no_example_fills_in_a_filter() -> None:
    for parameter in COMPONENTS["parameters"].values():
        assert parameter["in"] == "path" or "example" not in parameter


def test_the_webhook_responses_with_examples_of_its_own() -> None:
    webhook: Node = DOCUMENT["webhooks"]["leadProcessed"]["post"]["responses"]
    for operation in OPERATIONS.values():
        assert operation["responses"]["403"] != webhook["403"]
        assert operation["responses"]["405"] != webhook["405"]


def test_a_server_is_the_mock_as_the_command_starts_it() -> None:
    live, mock = (server["url"] for server in DOCUMENT["servers"])
    assert (live, mock) == ("https://api.squadiq.in", "http://127.0.0.1:8765")


def test_the_document_says_which_operations_may_be_repeated() -> None:
    assert {name for name, operation in OPERATIONS.items() if operation["x-idempotent"]} == IDEMPOTENT
    assert OPERATIONS[CREATE_LEADS]["x-idempotent"] is False
