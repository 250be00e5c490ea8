"""What a server says in an error answer, whatever its shape, without anything about a person.

Shapes: those of a stock Django REST framework service (one `detail`; lists of messages by field;
for a batch a list as long as it, or an object by index), plain text, and the HTML of a proxy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from squadiq_generated._base import masked

Errors = dict[str, tuple[str, ...]]

_LONGEST = 300
_DIGITS = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){5,}")
_PERSONAL = ("phone_number", "contact_name")


@dataclass(frozen=True, slots=True)
class ServerWords:
    """The words of a server: about the whole request, by field, and by lead of a batch (by index)."""

    detail: str = ""
    fields: Errors = field(default_factory=dict[str, tuple[str, ...]])
    leads: dict[int, Errors] = field(default_factory=dict[int, Errors])
    lead_ids: dict[int, str] = field(default_factory=dict[int, str])


def read_words(body: bytes, content_type: str, sent: bytes) -> ServerWords:
    """Read the words of an error answer to a request whose body was `sent`."""
    leads = _sent_leads(sent)
    personal = {
        str(lead[name]) for lead in leads for name in _PERSONAL if isinstance(lead.get(name), str | int) and lead[name]
    }
    lead_ids = {index: masked(str(lead["lead_id"])) for index, lead in enumerate(leads) if "lead_id" in lead}
    text = body.decode("utf-8", "replace").strip()
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        said = _text_of_html(text) if "html" in content_type or text.startswith("<") else text
    detail, fields, by_lead = _sorted_out(said, len(leads), personal)
    if fields and len(leads) == 1 and sent.startswith(b"["):
        by_lead = {0: fields}
    return ServerWords(detail, fields, by_lead, lead_ids)


def without_personal_data(text: str, personal: set[str] | frozenset[str] = frozenset()) -> str:
    """Return the text without runs of digits as long as a phone number and without the given values."""
    for value in sorted(personal, key=len, reverse=True):
        text = text.replace(value, "…")
    return _DIGITS.sub("…", text)


def _sent_leads(sent: bytes) -> list[dict[str, Any]]:
    try:
        leads: Any = json.loads(sent) if sent else []
    except ValueError:
        return []
    together = _items(leads) if isinstance(leads, list) else [leads]
    return [cast(dict[str, Any], lead) for lead in together if isinstance(lead, dict)]


def _sorted_out(said: Any, leads: int, personal: set[str]) -> tuple[str, Errors, dict[int, Errors]]:
    items = _items(said)
    if any(isinstance(item, dict) for item in items):
        return "", {}, {index: _by_field(item, personal) for index, item in enumerate(items)}
    if isinstance(said, dict):
        said = cast(dict[str, Any], said)
        indexes = [key for key in said if key.isdecimal() and int(key) < leads]
        if indexes and len(indexes) == len(said):
            return "", {}, {int(key): _by_field(said[key], personal) for key in indexes}
        if set(said) == {"detail"}:
            return " ".join(_messages(said["detail"], personal)), {}, {}
        fields = _by_field(said, personal)
        return "; ".join(f"{name}: {' '.join(words)}" for name, words in fields.items()), fields, {}
    return " ".join(_messages(said, personal))[:_LONGEST], {}, {}


def _by_field(said: Any, personal: set[str]) -> Errors:
    if isinstance(said, dict):
        said = cast(dict[str, Any], said)
        return {without_personal_data(name, personal): _messages(words, personal) for name, words in said.items()}
    words = _messages(said, personal)
    return {"lead": words} if words else {}


def _messages(said: Any, personal: set[str]) -> tuple[str, ...]:
    """Every text within, in order: messages may stand in lists within objects within lists."""
    if isinstance(said, Mapping):
        inner = [(_key(key), value) for key, value in cast(Mapping[str, Any], said).items()]
        return tuple(f"{key}{word}" for key, value in inner for word in _messages(value, personal))
    items = _items(said)
    if items:
        return tuple(word for item in items for word in _messages(item, personal))
    if said is None or said == "" or isinstance(said, list):
        return ()
    return (without_personal_data(str(said), personal)[:_LONGEST],)


def _items(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []  # pyright: ignore[reportUnknownVariableType]


def _key(key: str) -> str:
    return "" if key.isdecimal() or key == "detail" else f"{key}: "


def _text_of_html(html: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", html, re.IGNORECASE | re.DOTALL)
    text = title[1] if title else re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(text.split())
