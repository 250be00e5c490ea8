"""The document as traffic is held against it: which operation a request is, and what may be answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast
from urllib.parse import unquote

from squadiq._extras import needs_extra

with needs_extra("contract"):
    import jsonschema_rs

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NAME_IN_BRACES = re.compile(r"\\{([a-z_]+)\\}")


class Schema:
    """Check values against one schema of the document."""

    def __init__(self, schema: Mapping[str, Any], components: Mapping[str, Any]) -> None:
        schemas = components.get("schemas", {})
        self._names = schemas.keys()
        self._fields = {name for each in schemas.values() for name in each.get("properties", ())}
        self._validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": components}, validate_formats=True
        )

    def differences(self, value: Any) -> list[str]:
        """Return where a value differs and from which schema, without the value itself."""
        try:
            return sorted({self._told(error) for error in self._validator.iter_errors(value)})
        except UnicodeError:
            return ["the body holds half of a surrogate pair, which is no character"]
        except ValueError:
            return ["the body is nested too deep to be read"]

    def _told(self, error: jsonschema_rs.ValidationError) -> str:
        # Names that the document does not know may be anything, a phone number too.
        place = "".join(
            "[]" if isinstance(part, int) else f".{part if part in self._fields else '…'}"
            for part in error.instance_path
        ).removeprefix(".")
        named = [part for part in error.schema_path if part in self._names]
        wanted = f"{named[-1]} of the document" if named else "the document"
        missing = f" ({error.kind.value} is missing)" if error.kind.name == "required" else ""
        return f"{place or 'the body'} differs from {wanted} at {error.kind.name}{missing}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Hold one parameter of a query."""

    name: str
    is_integer: bool
    schema: Schema

    def is_valid(self, text: str) -> bool:
        """Tell whether a text of a query stands for a value that the document allows."""
        if self.is_integer and not _INTEGER.fullmatch(text):
            return False
        return not self.schema.differences(int(text) if self.is_integer else text)


@dataclass(frozen=True, slots=True)
class Expected:
    """Hold what the document says of the answers with one status."""

    media_types: Mapping[str, Schema]
    required_headers: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Operation:
    """Hold one operation of the document."""

    operation_id: str
    method: str
    path: str
    query: Mapping[str, Parameter]
    body: Schema | None
    responses: Mapping[int, Expected]


@dataclass(frozen=True, slots=True)
class Route:
    """Hold one path of the document; operations by method."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]


class Spec:
    """Read an OpenAPI document into what traffic is held against."""

    def __init__(self, contents: Mapping[str, Any]) -> None:
        self.contents = contents
        self._components: Mapping[str, Any] = contents["components"]
        self.campaign_id = self._schema({"$ref": "#/components/schemas/CampaignId"})
        self.phone_number = self._schema({"$ref": "#/components/schemas/PhoneNumberInput"})
        limit = contents["x-rate-limit"]
        self.hits: int = limit["hits"]
        self.window_seconds: float = limit["window_seconds"]
        self.routes = [self._route(path, item) for path, item in contents["paths"].items()]
        self.operations = {each.operation_id: each for route in self.routes for each in route.operations.values()}

    @classmethod
    def installed(cls) -> Spec:
        """Read the document that is installed beside the generated models."""
        return cls(json.loads((resources.files("squadiq_generated") / "openapi.json").read_bytes()))

    def route(self, raw_path: str) -> tuple[Route, str] | None:
        """Return the route of a path as it stood on the wire, and its campaign_id; None if there is none.

        The campaign_id of a path that has none is "".
        """
        for route in self.routes:
            if match := route.pattern.fullmatch(raw_path):
                raw = match.groupdict().get("campaign_id")
                campaign_id = "" if raw is None else unquote(raw)
                known = raw is None or not self.campaign_id.differences(campaign_id)
                return (route, campaign_id) if known else None
        return None

    def _route(self, path: str, item: Mapping[str, Any]) -> Route:
        return Route(
            pattern=re.compile(_NAME_IN_BRACES.sub(r"(?P<\1>[^/]+)", re.escape(path))),
            operations={
                method.upper(): self._operation(method.upper(), path, item[method])
                for method in _METHODS
                if method in item
            },
        )

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> Operation:
        body = self._resolved(operation.get("requestBody", {})).get("content", {}).get("application/json")
        return Operation(
            operation_id=operation["operationId"],
            method=method,
            path=path,
            query={each.name: each for each in self._query(operation)},
            body=None if body is None else self._schema(body["schema"]),
            responses={int(status): self._expected(response) for status, response in operation["responses"].items()},
        )

    def _query(self, operation: Mapping[str, Any]) -> Iterator[Parameter]:
        for reference in operation.get("parameters", []):
            parameter = self._resolved(reference)
            is_integer = self._resolved(parameter["schema"]).get("type") == "integer"
            yield Parameter(parameter["name"], is_integer, self._schema(parameter["schema"]))

    def _expected(self, reference: Mapping[str, Any]) -> Expected:
        response = self._resolved(reference)
        headers = {name: self._resolved(header) for name, header in response.get("headers", {}).items()}
        return Expected(
            media_types={name: self._schema(each["schema"]) for name, each in response.get("content", {}).items()},
            required_headers={
                name: self._schema(header["schema"]) for name, header in headers.items() if header.get("required")
            },
        )

    def _schema(self, schema: Mapping[str, Any]) -> Schema:
        return Schema(schema, self._components)

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            found: Any = self.contents
            for name in cast(str, part["$ref"]).removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part
