"""The forms that one text takes on its way: escaped, encoded, in another case or script of digits. In linear time."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

BREAK, TAKEN_OUT = "\ue000", "\ue001"
"""Stand where texts were put together, and where something was taken out: nothing reaches across them."""

_NO_WORD = {code: None for code in range(128) if not chr(code).isalnum()}
_ESCAPES = frozenset("&%\\")
_APART, _SEPARATES = 99, frozenset(':;,?!="')
_BREAKS = frozenset((BREAK, TAKEN_OUT))
_BETWEEN_BREAKS = re.compile(f"([{BREAK}{TAKEN_OUT}])")
_LONG_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_ESCAPED_BYTES = re.compile(r"(?:\\{1,8}x[0-9a-fA-F]{2})+")
_ESCAPED_CHARACTERS = re.compile(r"(?:\\{1,8}(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|u\{[0-9a-fA-F]{1,8}\}))+")
_HEX = re.compile(r"[0-9a-fA-F]{1,8}")
_CONTROL = re.compile(r"\\{1,8}[nrtbf](?![A-Za-z])")
_READ_AS_LATIN_1 = re.compile(r"[\x80-\xff]{2,}")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


@dataclass(frozen=True, slots=True, repr=False)
class Folded:
    """The letters and digits of a text, without case, accents and scripts of digits.

    Attributes:
        text: the letters and digits; a break of the text is one character in it.
        at: for each of them, where in the text it came from.
        gaps: for each, how many other characters stand before it; marks and format characters do not count,
            and what separates clauses or hours counts for many.
        runs: where a run of letters, or of digits, begins, and the end.
    """

    text: str
    at: list[int]
    gaps: list[int]
    runs: list[int]


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    """The letters and digits that a character stands for; "" for all others."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character.casefold()).casefold())
    plain = "".join(
        str(digit) if (digit := unicodedata.digit(each, None)) is not None else each
        for each in decomposed.replace("ı", "i")
        if each.isalnum()
    )
    return plain if plain or not character.isalnum() else character


@lru_cache(maxsize=8192)
def is_silent(character: str) -> bool:
    """Whether a character stands within a word: accents, vowel signs, joiners, soft hyphens."""
    return unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}


def folded(text: str) -> Folded:
    """Return the letters and digits of a text in the form in which texts are compared."""
    letters: list[str] = []
    at: list[int] = []
    gaps: list[int] = []
    runs: list[int] = []
    gap, last = 0, ""
    for place, character in enumerate(text):
        plain = BREAK if character in _BREAKS else _plain(character)
        if not plain:
            gap += 0 if is_silent(character) else _APART if character in _SEPARATES else 1
        for each in plain:
            kind = "" if each == BREAK else "digit" if each.isdecimal() else "letter"
            if gap or kind != last or not kind:
                runs.append(len(letters))
            letters.append(each)
            at.append(place)
            gaps.append(gap)
            gap, last = 0, kind
    runs.append(len(letters))
    return Folded("".join(letters), at, gaps, runs)


def condensed(text: str) -> str:
    """Return the letters and digits of a text, for looking it up in a folded one."""
    if text.isascii():
        return text.lower().translate(_NO_WORD)
    return "".join(map(_plain, text))


def without_breaks(text: str) -> str:
    """Return the text without the characters that stand for breaks here."""
    return _BETWEEN_BREAKS.sub(" ", text)


def decoded(text: str) -> str:
    """Undo one layer of escapes: of HTML, of addresses, of JSON and Python, and UTF-8 that was read as Latin-1."""
    if text.isascii() and not _ESCAPES.intersection(text):
        return text
    parts = _BETWEEN_BREAKS.split(text)
    parts[::2] = [without_breaks(_decoded(part)) for part in parts[::2]]
    return "".join(parts)


def _decoded(text: str) -> str:
    text = unescape(_LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text))
    text = _PERCENT.sub(lambda found: _from_bytes(bytes.fromhex(found[0].replace("%", ""))), text)
    text = _ESCAPED_BYTES.sub(_from_hex, text)
    text = _ESCAPED_CHARACTERS.sub(_from_code_points, text)
    text = _CONTROL.sub(" ", text)
    return _READ_AS_LATIN_1.sub(lambda found: _from_bytes(found[0].encode("latin-1")), text)


def encoded_parts(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of what may be base64 or hexadecimal, and what it then says, for each way to read it."""
    for found in _ENCODED.finditer(text):
        run = found[0].rstrip("=")
        if len(run) % 2 == 0 and all(each in "0123456789abcdefABCDEF" for each in run):
            yield found.start(), found.end(), _from_bytes(bytes.fromhex(run))
        standard = run.replace("-", "+").replace("_", "/")
        for shift in range(4):
            part = standard[shift : shift + (len(run) - shift) // 4 * 4]
            rest = standard[shift + len(part) :]
            part += rest.ljust(4, "=") if len(rest) > 1 else ""
            yield found.start(), found.end(), base64.b64decode(part).decode("utf-8", "replace")


def _from_bytes(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _from_hex(found: re.Match[str]) -> str:
    return _from_bytes(bytes.fromhex("".join(_HEX.findall(found[0].replace("\\", "").replace("x", " ")))))


def _from_code_points(found: re.Match[str]) -> str:
    points = [int(each, 16) for each in _HEX.findall(found[0])]
    text = "".join(chr(point) if point < 0x110000 else "\N{REPLACEMENT CHARACTER}" for point in points)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
