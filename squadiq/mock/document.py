"""The document as the mock reads it: paths to operations, and what each takes and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import unquote_to_bytes

from squadiq.mock.messages import MockResponse, json_response
from squadiq.mock.validation import CompiledSchema, FieldErrors

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NAME_IN_BRACES = re.compile(r"\\{([^{}]+)\\}")


@dataclass(frozen=True, slots=True)
class MockParameter:
    """Hold one parameter of a path or a query."""

    name: str
    place: str
    required: bool
    is_integer: bool
    default: Any
    rules: CompiledSchema

    def read(self, text: str) -> tuple[Any, list[str]]:
        """Return the value that a text stands for, and what is wrong with it."""
        if self.is_integer and not _INTEGER.fullmatch(text):
            return None, ["A valid integer is required."]
        value = int(text) if self.is_integer else text
        return value, [words for told in self.rules.errors(value).values() for words in told]


@dataclass(frozen=True, slots=True)
class Body:
    """Hold the rules of a body: of the whole, of an object alone, of a list and of its items."""

    whole: CompiledSchema
    alone: CompiledSchema | None
    listed: CompiledSchema | None
    item: CompiledSchema | None

    def errors(self, value: Any) -> FieldErrors | list[FieldErrors]:
        """Return what is wrong with a body, for a list item by item; nothing if it is valid."""
        if self.whole.accept(value):
            return {}
        if isinstance(value, list) and self.listed and self.item:
            items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
            by_item = [self.item.errors(item) for item in items]
            return by_item if any(by_item) else self.listed.errors(value)
        return (self.alone or self.listed or self.whole).errors(value)


@dataclass(frozen=True, slots=True)
class MockOperation:
    """Hold one operation; `example` is the document's own response to it."""

    operation_id: str
    needs_token: bool
    query: tuple[MockParameter, ...]
    body: Body | None
    example: MockResponse


@dataclass(frozen=True, slots=True)
class MockRoute:
    """Hold one path of the document with its operations by method."""

    pattern: re.Pattern[str]
    parameters: tuple[MockParameter, ...]
    operations: Mapping[str, MockOperation]
    needs_token: bool

    @property
    def allow(self) -> str:
        """The value of an Allow header."""
        return ", ".join(self.operations)


class MockSpec:
    """Read an OpenAPI document once, so that every request is answered from compiled parts."""

    def __init__(self, contents: Mapping[str, Any]) -> None:
        self._contents = contents
        self._components: Mapping[str, Any] = contents.get("components", {})
        limit = contents.get("x-rate-limit", {})
        self.hits: int = limit.get("hits", 0)
        self.window_seconds: float = limit.get("window_seconds", 60)
        self.routes = [self._route(path, item) for path, item in contents.get("paths", {}).items()]

    @classmethod
    def installed(cls) -> MockSpec:
        """Read the document that is installed beside the generated models."""
        return cls(json.loads((resources.files("squadiq_generated") / "openapi.json").read_bytes()))

    def find(self, raw_path: str) -> tuple[MockRoute, dict[str, str]] | None:
        """Return the route of a raw path and the values of its parameters; None if there is none.

        The path is split before it is unquoted, so that `%2F` stays within its segment.
        """
        for route in self.routes:
            if match := route.pattern.fullmatch(raw_path):
                break
        else:
            return None
        values: dict[str, str] = {}
        for parameter, raw in zip(route.parameters, match.groups(), strict=True):
            text = unquoted(raw)
            if text is None or parameter.read(text)[1]:
                return None
            values[parameter.name] = text
        return route, values

    def _route(self, path: str, item: Mapping[str, Any]) -> MockRoute:
        shared = list(self._parameters(item))
        names = _NAME_IN_BRACES.findall(re.escape(path))
        operations = {method.upper(): self._operation(item[method], shared) for method in METHODS if method in item}
        declared = {
            parameter.name: parameter
            for source in (item, *(item[method] for method in METHODS if method in item))
            for parameter in self._parameters(source)
            if parameter.place == "path"
        }
        return MockRoute(
            pattern=re.compile(_NAME_IN_BRACES.sub("([^/]*)", re.escape(path))),
            parameters=tuple(declared[name] for name in names),
            operations=operations,
            needs_token=any(operation.needs_token for operation in operations.values()),
        )

    def _operation(self, operation: Mapping[str, Any], shared: list[MockParameter]) -> MockOperation:
        own = list(self._parameters(operation))
        query = {parameter.name: parameter for parameter in (*shared, *own) if parameter.place == "query"}
        return MockOperation(
            operation_id=operation["operationId"],
            needs_token=bool(operation.get("security", self._contents.get("security"))),
            query=tuple(query.values()),
            body=self._body(operation),
            example=self._example(operation),
        )

    def _parameters(self, source: Mapping[str, Any]) -> Iterator[MockParameter]:
        for reference in source.get("parameters", []):
            parameter = self._resolved(reference)
            schema = self._resolved(parameter["schema"])
            yield MockParameter(
                name=parameter["name"],
                place=parameter["in"],
                required=parameter.get("required", False),
                is_integer=schema.get("type") == "integer",
                default=schema.get("default"),
                rules=self._rules(parameter["schema"]),
            )

    def _body(self, operation: Mapping[str, Any]) -> Body | None:
        if "requestBody" not in operation:
            return None
        schema = self._resolved(operation["requestBody"])["content"]["application/json"]["schema"]
        choices = self._resolved(schema).get("oneOf") or self._resolved(schema).get("anyOf") or [schema]
        lists = [choice for choice in choices if self._resolved(choice).get("type") == "array"]
        others = [choice for choice in choices if choice not in lists]
        items = self._resolved(lists[0]).get("items", {}) if lists else None
        return Body(
            whole=self._rules(schema),
            alone=self._rules(others[0]) if others else None,
            listed=self._rules(lists[0]) if lists else None,
            item=None if items is None else self._rules(items),
        )

    def _example(self, operation: Mapping[str, Any]) -> MockResponse:
        status, response = min((int(code), each) for code, each in operation["responses"].items() if code[0] == "2")
        content = self._resolved(response).get("content", {}).get("application/json")
        if content is None:
            return MockResponse(status)
        examples = [self._resolved(example).get("value") for example in content.get("examples", {}).values()]
        return json_response(status, [*examples, content.get("example")][0])

    def _rules(self, schema: Mapping[str, Any]) -> CompiledSchema:
        return CompiledSchema(schema, self._components)

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            found: Any = self._contents
            for name in part["$ref"].removeprefix("#/").split("/"):
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
