"""Reading the body of an error response: JSON, plain text or HTML, whole or cut, in linear time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

MAX_BYTES = 64 * 1024
"""How much of an error response is read."""

MAX_BYTES_OF_A_LEAD = 1024
"""How much more, for each lead of a batch, of a response in JSON."""

_LONGEST_TEXT = 4096
"""Characters of what is no JSON; more than an error shows, so that a name that is cut stays out of sight."""

_CHARSETS = ("utf-8", "utf-16", "utf-32", "iso-8859-", "windows-125", "us-ascii")
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def parse_body(body: bytes, content_type: str, leads: int) -> Any:
    """Return what a body says: as JSON values, numbers as text; else its text.

    Args:
        body: as it came; only its beginning is looked at, and more of it if a batch was sent.
        content_type: as the response says it.
        leads: how many were sent.
    """
    most = MAX_BYTES + MAX_BYTES_OF_A_LEAD * leads
    text = _text(body[:most], content_type.lower()).strip()
    said = parse_json(text, cut=len(body) > most)
    if said is not None:
        return said
    if text == "null":
        return None
    is_page = "html" in content_type.lower() or text.startswith("<")
    return " ".join(_text_of_html(text[:MAX_BYTES]) if is_page else text.split())[:_LONGEST_TEXT]


def parse_json(text: str, *, cut: bool = False) -> Any:
    """Return the values that a text in JSON holds, numbers as text; of a cut one what there is; None if it is none."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        pass
    try:
        said: Any = from_json(text, allow_partial="trailing-strings") if cut else None
    except ValueError:
        return None
    return said if isinstance(said, dict | list) else None  # pyright: ignore[reportUnknownVariableType]


def _text(content: bytes, content_type: str) -> str:
    """The text of bytes that may be cut, by their byte order mark, their charset, or as UTF-8; else as Latin-1."""
    charset = content_type.partition("charset=")[2].partition(";")[0].strip(" \"'")
    mark = next((mark for mark in _BOMS if content.startswith(mark)), None)
    if mark is not None:
        charset = _BOMS[mark]
    elif not charset.startswith(_CHARSETS) or len(charset) > len("windows-1252"):
        charset = json.detect_encoding(content)
    errors = "strict" if charset.startswith(("utf-8", "us-ascii")) else "replace"
    try:
        return codecs.getincrementaldecoder(charset)(errors).decode(content)
    except (LookupError, ValueError):
        return content.decode("latin-1")


def _text_of_html(html: str) -> Iterator[str]:
    """The words of a page's title if it has one, else of what it shows."""
    shown: list[str] = []
    lower = html.translate(_LOWER)
    place = 0
    while place < len(html):
        start = html.find("<", place)
        shown += html[place : start if start >= 0 else len(html)].split()
        if start < 0:
            break
        end = html.find(">", start)
        if end < 0:
            shown += html[start:].split() if not shown else ()
            break
        place = end + 1
        if lower.startswith("<!--", start):
            place = _end_of(html, "-->", start) + len("-->")
        elif lower.startswith(("<script", "<style"), start):
            place = _end_of(lower, "</script" if lower[start + 2] == "c" else "</style", start)
        elif lower.startswith("<title", start):
            title = html[place : _end_of(lower, "</title", place)].split()
            if title:
                return iter(title)
    return iter(shown)


def _end_of(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return found if found >= 0 else len(text)
