"""The OpenAPI document as code reads it: paths to operations, and schemas compiled when they are first used.

The one reader of the document, for the mock, the contract tests and the commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from squadiq._extras import needs_extra

if TYPE_CHECKING:
    import jsonschema_rs

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FOUND_AT_MOST = 1000
"""Paths whose route is kept, so that it is not looked for again."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NAME_IN_BRACES = re.compile(r"\\{([^{}]+)\\}")


class Schema:
    """Check values against one schema of the document."""

    def __init__(self, definition: Mapping[str, Any], components: Mapping[str, Any]) -> None:
        self._definition = definition
        self._components = components

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the document's schemas."""
        return frozenset(self._components.get("schemas", ()))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of fields that the document knows."""
        schemas: Mapping[str, Any] = self._components.get("schemas", {})
        return frozenset(name for each in schemas.values() for name in each.get("properties", ()))

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft202012Validator:
        with needs_extra("contract"):
            import jsonschema_rs
        return jsonschema_rs.Draft202012Validator(
            {**self._definition, "components": self._components}, validate_formats=True
        )

    def is_valid(self, value: Any) -> bool:
        """Tell whether a value is as the schema has it."""
        return self._validator.is_valid(value)

    def errors(self, value: Any) -> Iterable[jsonschema_rs.ValidationError]:
        """Return where a value differs; what the errors say quotes it, which may be somebody's phone number."""
        return self._validator.iter_errors(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Hold one parameter of a path or a query."""

    name: str
    place: str
    required: bool
    is_integer: bool
    default: Any
    schema: Schema

    def value_of(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            ValueError: it is no integer, and should be one.
        """
        if self.is_integer and not _INTEGER.fullmatch(text):
            raise ValueError
        return int(text) if self.is_integer else text

    def is_valid(self, text: str) -> bool:
        """Tell whether a text stands for a value that the document allows."""
        try:
            return self.schema.is_valid(self.value_of(text))
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Body:
    """Hold the schemas of a body: of the whole, of an object alone, of a list and of its items."""

    whole: Schema
    alone: Schema | None
    listed: Schema | None
    item: Schema | None


@dataclass(frozen=True, slots=True)
class Expected:
    """Hold what the document says of the responses with one status; `example` is its own, None if it has none."""

    media_types: Mapping[str, Schema]
    required_headers: Mapping[str, Schema]
    example: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """Hold one operation."""

    operation_id: str
    method: str
    path: str
    needs_token: bool
    query: Mapping[str, Parameter]
    body: Body | None
    responses: Mapping[int, Expected]


@dataclass(frozen=True, slots=True)
class Route:
    """Hold one path of the document: its parameters in order, its operations by method, and if one needs a token."""

    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]
    operations: Mapping[str, Operation]
    needs_token: bool


class Spec:
    """Read an OpenAPI document once, into what requests and responses are held against."""

    def __init__(self, contents: Mapping[str, Any]) -> None:
        self.contents = contents
        self._components: Mapping[str, Any] = contents.get("components", {})
        limit = contents.get("x-rate-limit", {})
        self.hits: int = limit.get("hits", 0)
        self.window_seconds: float = limit.get("window_seconds", 60)
        self._found: dict[str, tuple[Route, Mapping[str, str]]] = {}
        self.routes = [self._route(path, item) for path, item in contents.get("paths", {}).items()]
        self.operations = {each.operation_id: each for route in self.routes for each in route.operations.values()}

    @classmethod
    def installed(cls) -> Spec:
        """Read the document that is installed beside the generated models."""
        return cls(json.loads((resources.files("squadiq_generated") / "openapi.json").read_bytes()))

    def find(self, raw_path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route of a path as it stood on the wire, and the values of its parameters; None if there is none.

        The path is split before it is unquoted, so that `%2F` stays within its segment.
        """
        found = self._found.get(raw_path) or self._look_for(raw_path)
        if found is not None and raw_path not in self._found:
            if len(self._found) >= _FOUND_AT_MOST:
                self._found.clear()
            self._found[raw_path] = found
        return found

    def _look_for(self, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        for route in self.routes:
            if match := route.pattern.fullmatch(raw_path):
                break
        else:
            return None
        values: dict[str, str] = {}
        for parameter, raw in zip(route.parameters, match.groups(), strict=True):
            text = unquoted(raw)
            if text is None or not parameter.is_valid(text):
                return None
            values[parameter.name] = text
        return route, values

    def component(self, name: str) -> Schema:
        """Return the schema of this name among the components."""
        return self.schema({"$ref": f"#/components/schemas/{name}"})

    def example(self, name: str) -> Any:
        """Return the example of this name among the components."""
        return self._components["examples"][name]["value"]

    def schema(self, definition: Mapping[str, Any]) -> Schema:
        """Return a schema of a part of the document."""
        return Schema(definition, self._components)

    def _route(self, path: str, item: Mapping[str, Any]) -> Route:
        shared = self._parameters(item)
        methods = [method for method in METHODS if method in item]
        own = [each for method in methods for each in self._parameters(item[method])]
        in_path = {each.name: each for each in (*shared, *own) if each.place == "path"}
        operations = {method.upper(): self._operation(method.upper(), path, item[method], shared) for method in methods}
        return Route(
            pattern=re.compile(_NAME_IN_BRACES.sub("([^/]*)", re.escape(path))),
            parameters=tuple(in_path[name] for name in _NAME_IN_BRACES.findall(re.escape(path))),
            operations=operations,
            needs_token=any(operation.needs_token for operation in operations.values()),
        )

    def _operation(
        self, method: str, path: str, operation: Mapping[str, Any], shared: Iterable[Parameter]
    ) -> Operation:
        parameters = (*shared, *self._parameters(operation))
        return Operation(
            operation_id=operation["operationId"],
            method=method,
            path=path,
            needs_token=bool(operation.get("security", self.contents.get("security"))),
            query={each.name: each for each in parameters if each.place == "query"},
            body=self._body(operation),
            responses={
                int(status): self._expected(response)
                for status, response in operation["responses"].items()
                if status.isdecimal()
            },
        )

    def _parameters(self, source: Mapping[str, Any]) -> list[Parameter]:
        found = map(self._resolved, source.get("parameters", []))
        return [
            Parameter(
                name=each["name"],
                place=each["in"],
                required=each.get("required", False),
                is_integer=self._resolved(each["schema"]).get("type") == "integer",
                default=self._resolved(each["schema"]).get("default"),
                schema=self.schema(each["schema"]),
            )
            for each in found
        ]

    def _body(self, operation: Mapping[str, Any]) -> Body | None:
        content = self._resolved(operation.get("requestBody", {})).get("content", {}).get("application/json")
        if content is None:
            return None
        schema = content["schema"]
        choices = self._resolved(schema).get("oneOf") or self._resolved(schema).get("anyOf") or [schema]
        lists = [choice for choice in choices if self._resolved(choice).get("type") == "array"]
        others = [choice for choice in choices if choice not in lists]
        return Body(
            whole=self.schema(schema),
            alone=self.schema(others[0]) if others else None,
            listed=self.schema(lists[0]) if lists else None,
            item=self.schema(self._resolved(lists[0]).get("items", {})) if lists else None,
        )

    def _expected(self, reference: Mapping[str, Any]) -> Expected:
        response = self._resolved(reference)
        content: Mapping[str, Any] = response.get("content", {})
        headers = {name: self._resolved(header) for name, header in response.get("headers", {}).items()}
        as_json = content.get("application/json", {})
        examples = [self._resolved(example).get("value") for example in as_json.get("examples", {}).values()]
        return Expected(
            media_types={name: self.schema(each.get("schema", {})) for name, each in content.items()},
            required_headers={
                name: self.schema(header["schema"]) for name, header in headers.items() if header.get("required")
            },
            example=[*examples, as_json.get("example")][0],
        )

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            found: Any = self.contents
            for name in cast(str, part["$ref"]).removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part


def unquoted(raw: str) -> str | None:
    """Return the text that a percent-encoded one stands for; None if it is not UTF-8."""
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return None
