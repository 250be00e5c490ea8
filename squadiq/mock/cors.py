"""What lets a page of another origin call the API's own paths (Fetch Standard, CORS protocol). Pure.

So "try it" consoles work against the mock. A page that has no access token gets no further for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from squadiq.mock.messages import MockRequest, MockResponse

_ORIGIN = re.compile(r"[!-~]+", re.ASCII)


def preflight_response(request: MockRequest, methods: Iterable[str]) -> MockResponse | None:
    """Return the response to a preflight, None if the request is none.

    Args:
        request: as it came.
        methods: those of the path in the document.
    """
    headers = request.headers
    if request.method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
        return None
    allowed = (
        ("Access-Control-Allow-Methods", ", ".join(methods)),
        ("Access-Control-Allow-Headers", "authorization, content-type"),
        ("Access-Control-Max-Age", "600"),
    )
    return MockResponse(204, headers=allowed)


def readable_from_origin(response: MockResponse, headers: Mapping[str, str]) -> MockResponse:
    """Return a response that the page may read which asked for it; as it is if no page did."""
    origin = headers.get("origin")
    if origin is None or not _ORIGIN.fullmatch(origin):
        return response
    added = (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, Allow"),
        ("Vary", "Origin"),
    )
    return replace(response, headers=(*response.headers, *added))
