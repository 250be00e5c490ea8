"""The document as Python sees it: what the two code generators are given instead of the original.

Pure: a document in, a document out. Two generators name inline schemas differently, so every
object with properties stays a named component, and everything else (texts, numbers, lists,
alternatives) is written out where it is used.
"""

from __future__ import annotations

from typing import Any, cast

SCHEMAS = "#/components/schemas/"
TIME = "OffsetDateTime"
"""The component that both generators keep by name, because a type of our own stands for it."""

Node = dict[str, Any]


def python_view(document: Node) -> Node:
    """Return a copy of the document with fewer, plainer schemas and successful answers only.

    `x-read-as` says how Python reads a schema that has alternatives: as one other component, or
    as `any`. Error answers are left out: whoever sends a request turns them into exceptions.
    """
    schemas: dict[str, Node] = document["components"]["schemas"]
    view = {key: value for key, value in document.items() if key != "components"}
    view = cast(Node, _written_out(view, schemas))
    view["components"] = {
        section: _written_out(entries, schemas)
        for section, entries in document["components"].items()
        if section != "schemas"
    }
    view["components"]["schemas"] = {
        name: _written_out(schema, schemas) for name, schema in schemas.items() if _is_named(name, schema)
    }
    for path in view["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                _keep_successes(cast(Node, operation))
    return view


def _is_named(name: str, schema: Node) -> bool:
    return "properties" in schema or name == TIME


def _written_out(node: Any, schemas: dict[str, Node]) -> Any:
    if isinstance(node, list):
        return [_written_out(item, schemas) for item in node]
    if not isinstance(node, dict):
        return node
    node = cast(Node, node)
    name = _referred_component(node)
    if name is not None:
        if _is_named(name, schemas[name]):
            return node
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _written_out({**schemas[name], **beside}, schemas)
    read_as = node.get("x-read-as")
    if read_as is not None:
        read = {} if read_as == "any" else _written_out({"$ref": SCHEMAS + read_as}, schemas)
        return {**read, "description": node["description"]}
    return {
        key: _extra_fields(value, schemas) if key == "additionalProperties" else _written_out(value, schemas)
        for key, value in node.items()
        if key != "propertyNames"
    }


def _extra_fields(schema: Any, schemas: dict[str, Node]) -> Any:
    """Any value at all becomes plain `true`: the extra attributes of a model, untyped."""
    written = _written_out(schema, schemas)
    return True if isinstance(written, dict) and set(cast(Node, written)) == {"description"} else written


def _referred_component(node: Node) -> str | None:
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(SCHEMAS):
        return reference.removeprefix(SCHEMAS)
    return None


def _keep_successes(operation: Node) -> None:
    operation["responses"] = {
        status: {key: value for key, value in response.items() if key != "links"}
        for status, response in operation["responses"].items()
        if status.startswith("2")
    }
