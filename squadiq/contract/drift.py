"""Traffic that already happened, held against the document without one hit."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from squadiq.contract.conformance import Hit, operation_of, request_findings, response_findings
from squadiq.contract.rules import Finding
from squadiq.errors import ConfigurationError
from squadiq.spec import Spec


@dataclass(frozen=True, slots=True)
class Drift:
    """Hold one difference, and how many calls of an operation had it."""

    operation: str
    finding: Finding
    calls: int


@dataclass(frozen=True, slots=True)
class Drifts:
    """Hold how many calls were held against the document, how many were other traffic, and what differed."""

    calls: int
    others: int
    drifts: list[Drift]


def findings_of(spec: Spec, hit: Hit) -> list[tuple[str, Finding]]:
    """Return what differs of one call, by operation."""
    operation = operation_of(spec, hit)
    return [(operation, each) for each in [*response_findings(spec, hit), *request_findings(spec, hit)]]


def drift_of(spec: Spec, hits: Iterable[Hit]) -> Drifts:
    """Hold calls against the document; what goes to paths that it does not have is other traffic."""
    calls, others = 0, 0
    found: Counter[tuple[str, Finding]] = Counter()
    for hit in hits:
        if spec.find(_path(hit.url)) is None:
            others += 1
            continue
        calls += 1
        found.update(set(findings_of(spec, hit)))
    return Drifts(calls, others, [Drift(operation, finding, number) for (operation, finding), number in found.items()])


def read_har(path: Path) -> list[Hit]:
    """Return the calls of a HAR 1.2 file, as browsers and proxies write them.

    Raises:
        ConfigurationError: it is no HAR file; the message has nothing of what is in it.
    """
    try:
        entries: list[Any] = json.loads(path.read_bytes())["log"]["entries"]
        # A response that never came has status 0.
        return [_hit(entry) for entry in entries if entry["response"]["status"] > 0]
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigurationError(f"{path} is no HAR 1.2 file: export it from a browser or a proxy anew.") from None


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _hit(entry: dict[str, Any]) -> Hit:
    request, response = entry["request"], entry["response"]
    content = response.get("content", {})
    text = content.get("text", "")
    return Hit(
        method=request["method"].upper(),
        url=request["url"],
        sent=request.get("postData", {}).get("text", "").encode(),
        status=response["status"],
        headers=dict(_headers(response)),
        body=base64.b64decode(text) if content.get("encoding") == "base64" else text.encode(),
    )


def _headers(response: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for header in response.get("headers", []):
        yield header["name"].lower(), header["value"]
