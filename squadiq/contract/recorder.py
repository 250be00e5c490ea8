"""A log of the facade's own calls: what differs from the document, and nothing about a person."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from squadiq.contract.conformance import Hit, operation_of
from squadiq.contract.drift import Drift, Drifts, findings_of
from squadiq.contract.rules import Finding, Rule
from squadiq.errors import ConfigurationError
from squadiq.spec import Spec


class RecordingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hold each call against the document as it happens, and write what differs to a file.

    A line is JSON with the operation, the status and the differences; no address, body or token is
    in it. Use it as `SquadIQ(transport=RecordingTransport(path))`, with `AsyncSquadIQ` the same.

    Args:
        path: is written to at its end.
        inner: sends; a stock transport if none is given, a blocking one for `SquadIQ`.
    """

    def __init__(self, path: Path | str, inner: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None) -> None:
        self._path = Path(path)
        self._blocking = inner if isinstance(inner, httpx.BaseTransport) else httpx.HTTPTransport()
        self._other = inner if isinstance(inner, httpx.AsyncBaseTransport) else httpx.AsyncHTTPTransport()
        self._spec = Spec.installed()
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, read to its end."""
        response = self._blocking.handle_request(request)
        try:
            response.read()
        finally:
            response.close()
        self._write(request, response)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, read to its end."""
        response = await self._other.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        self._write(request, response)
        return response

    def _write(self, request: httpx.Request, response: httpx.Response) -> None:
        hit = Hit(
            request.method,
            str(request.url),
            request.content,
            response.status_code,
            dict(response.headers),
            response.content,
        )
        line = {
            "operation": operation_of(self._spec, hit),
            "status": hit.status,
            "differences": [[each.rule.name, each.observed] for _, each in findings_of(self._spec, hit)],
        }
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the connections."""
        self._blocking.close()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._other.aclose()


def read_log(path: Path) -> Drifts:
    """Return what the lines of a log say together.

    Raises:
        ConfigurationError: it is no such log.
    """
    found: Counter[tuple[str, Finding]] = Counter()
    calls = 0
    try:
        for text in path.read_text("utf-8").splitlines():
            line: dict[str, Any] = json.loads(text)
            calls += 1
            found.update({(line["operation"], Finding(Rule[rule], observed)) for rule, observed in line["differences"]})
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigurationError(f"{path} is no log of RecordingTransport.") from None
    return Drifts(calls, 0, [Drift(operation, finding, number) for (operation, finding), number in found.items()])
