"""What about one hit differs from the document: a pure function of the request and its response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from squadiq.contract.differences import differences
from squadiq.contract.rules import Finding, Rule
from squadiq.spec import Expected, Operation, Schema, Spec

DIGITS_AT_MOST = 18
"""Digits of a number in a text that are read; Python refuses to read 4,301 and more."""
_KNOWN_TYPES = {
    "application/json",
    "application/octet-stream",
    "application/problem+json",
    "application/xml",
    "text/html",
    "text/json",
    "text/plain",
    "text/xml",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """Hold a request and its response; header names in lower case.

    Args:
        status: 0 if there was no response.
        credentials: names of the headers that carried credentials of the user; None if it was the access token.
        redirects_to: scheme, host and port of a Location, "" if there is none.
    """

    method: str
    url: str = field(repr=False)
    sent: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    credentials: tuple[str, ...] | None = None
    redirects_to: str = ""


def operation_of(spec: Spec, hit: Hit) -> str:
    """Return the operation that a hit is, or its method where a path has no such operation."""
    found = spec.find(urlsplit(hit.url).path)
    if found is None:
        return "an unknown path"
    operation = found[0].operations.get(hit.method)
    return operation.operation_id if operation else f"{hit.method} of a path without it"


def response_findings(spec: Spec, hit: Hit) -> list[Finding]:
    """Return the rules that a response broke, none if it is as the document says."""
    if hit.status >= 500 and hit.status != 503:
        return [Finding(Rule.NO_SERVER_ERROR, f"status {hit.status}")]
    found = spec.find(urlsplit(hit.url).path)
    if found is None:
        return [] if hit.status == 404 else [Finding(Rule.STATUS, f"status {hit.status} for a path without operation")]
    route, _ = found
    operation = route.operations.get(hit.method)
    if operation is None:
        # What the document says of a wrong method stands with the methods that there are.
        expected = next(iter(route.operations.values())).responses[405]
        if hit.status not in (401, 405):
            return [Finding(Rule.METHOD, f"status {hit.status} for {hit.method}")]
        return _as_expected(expected, hit) if hit.status == 405 else []
    if hit.status not in operation.responses:
        return [Finding(Rule.STATUS, f"status {hit.status} for {operation.operation_id}")]
    return _as_expected(operation.responses[hit.status], hit)


def request_findings(spec: Spec, hit: Hit) -> list[Finding]:
    """Return what about a request the document does not describe, if it was taken all the same."""
    found = spec.find(urlsplit(hit.url).path)
    operation = found[0].operations.get(hit.method) if found else None
    if operation is None or hit.status >= 300:
        return []
    return [
        Finding(Rule.REQUEST, f"{difference}, and the response was {hit.status}")
        for difference in _undocumented(operation, hit)
    ]


def _undocumented(operation: Operation, hit: Hit) -> list[str]:
    found: list[str] = []
    for name, text in parse_qsl(urlsplit(hit.url).query, keep_blank_values=True):
        parameter = operation.query.get(name)
        if parameter is None:
            found.append("a parameter of the query that the document does not have")
        elif not parameter.is_valid(text):
            found.append(f"a value of {name} that the document does not allow")
    if operation.body is not None:
        value, readable = read_json(hit.sent)
        found += differences(operation.body.whole, value) if readable else ["a body that is not JSON"]
    return found


def _as_expected(expected: Expected, hit: Hit) -> list[Finding]:
    findings = [
        Finding(Rule.HEADERS, f"no usable {name} with status {hit.status}")
        for name, schema in expected.required_headers.items()
        if name.lower() not in hit.headers or _header_differs(schema, hit.headers[name.lower()])
    ]
    media_type = hit.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in expected.media_types:
        known = _short(media_type) or "no media type"
        return [*findings, Finding(Rule.MEDIA_TYPE, f"{known} with status {hit.status}")]
    value, readable = read_json(hit.body)
    if not readable:
        return [*findings, Finding(Rule.SCHEMA, f"a body that is not JSON with status {hit.status}")]
    differing = differences(expected.media_types[media_type], value)
    return [*findings, *(Finding(Rule.SCHEMA, f"{each}, with status {hit.status}") for each in differing)]


def read_json(body: bytes) -> tuple[Any, bool]:
    """Return what a body of JSON holds, and whether it is JSON in UTF-8, as RFC 8259 asks for it."""
    try:
        return json.loads(body.decode(), parse_constant=_no_number), True
    except (ValueError, RecursionError):
        return None, False


def _header_differs(schema: Schema, text: str) -> bool:
    as_number = [int(text)] if text.isascii() and text.isdecimal() and len(text) <= DIGITS_AT_MOST else []
    return all(differences(schema, value) for value in [text, *as_number])


def _short(media_type: str) -> str:
    # Others may be anything, a name too.
    return media_type if not media_type or media_type in _KNOWN_TYPES else "another type"


def _no_number(name: str) -> Any:
    raise ValueError(name)
