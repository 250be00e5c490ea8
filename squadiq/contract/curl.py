"""A request as a line for a shell, without what is somebody's: credentials, phone numbers, names. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from squadiq_generated._base import looks_like_a_phone_number

from squadiq.contract.bodies import unique_keys
from squadiq.contract.conformance import Hit

BODY_CHARACTERS_AT_MOST = 2_000
"""A longer body is not shown."""
_HIDDEN = {"lead_id": "LEAD_ID", "phone_number": "PHONE_NUMBER", "contact_name": "NAME"}
_SHORTEST_PHONE_NUMBER = 10**6


def curl_of(hit: Hit, people: Iterable[str] = ()) -> str:
    """Return a line for a shell that sends the request of a hit again.

    The token is taken from `SQUADIQ_ACCESS_TOKEN`, other credentials are left out; phone numbers, names
    and the lead_ids of real people are replaced by words in capitals, and a body that JSON would not
    show as it is by BODY.
    """
    hidden = frozenset(people)
    parts = urlsplit(hit.url)
    pairs = [(name, _shown(name, text, hidden)) for name, text in parse_qsl(parts.query, keep_blank_values=True)]
    url = urlunsplit(parts._replace(query=urlencode(pairs)))
    arguments = [
        "curl",
        "-i",
        *([] if hit.method == "GET" else ["-X", hit.method]),
        shlex.quote(url),
        *_credentials(hit),
    ]
    if hit.sent:
        arguments += [
            "-H 'Content-Type: application/json'",
            "--data-binary",
            shlex.quote(_shown_body(hit.sent, hidden)),
        ]
    return " ".join(arguments)


def without_secrets(url: str) -> str:
    """Return the server of a URL, and `…` in place of a path or a query, which may be a secret."""
    parts = urlsplit(url)
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
    return server if parts.path in ("", "/") and not parts.query else f"{server}…"


def _credentials(hit: Hit) -> list[str]:
    if hit.credentials is None:
        return ['-H "Authorization: Bearer $SQUADIQ_ACCESS_TOKEN"']
    return [f"-H {shlex.quote(f'{name}: …')}" for name in hit.credentials]


def _shown(name: str, text: str, people: frozenset[str]) -> str:
    if name != "lead_id":
        return text
    return _HIDDEN[name] if text in people or looks_like_a_phone_number(text) else text


def _shown_body(body: bytes, people: frozenset[str]) -> str:
    try:
        read: Any = json.loads(body, object_pairs_hook=unique_keys)
        items: list[Any] = read if isinstance(read, list) else [read]  # pyright: ignore[reportUnknownVariableType]
        for item in items:
            if isinstance(item, dict):
                for name in _HIDDEN.keys() & item.keys():
                    item[name] = _shown_value(name, item[name], people)
        text = json.dumps(read, allow_nan=False)
    except (ValueError, RecursionError):
        return "BODY"
    return text if len(text) <= BODY_CHARACTERS_AT_MOST else "BODY"


def _shown_value(name: str, value: Any, people: frozenset[str]) -> Any:
    # What is empty or short is nobody's, and often what is wrong with a body.
    if not value or (isinstance(value, int | float) and abs(value) < _SHORTEST_PHONE_NUMBER):
        return value
    return _shown(name, str(value), people) if name == "lead_id" else _HIDDEN[name]
