"""Phone numbers as spreadsheets leave them: what can be restored without guessing is, the rest is refused. Pure."""

from __future__ import annotations

import re
import unicodedata

from squadiq import phone
from squadiq._values import is_missing
from squadiq.push.rows import RowError

_PLAIN = re.compile(r"(?:\+91)?([6-9][0-9]{9})", re.ASCII)
"""How most numbers stand in a file."""

_SCIENTIFIC = re.compile(r"\+?[0-9]+(?:[.,][0-9]*)?[eE]\+?[0-9]+", re.ASCII)
_BETWEEN = re.compile(r"[/,;|&\n]|\bor\b|\band\b", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:(?:\+|00)?\s*91[\s.-]*|\+\s*)(?=(?:(?:\+|00)?\s*91|0)?[\s.-]*[1-9](?:[\s.-]*[0-9]){9}\b)")
_TRUNK = re.compile(r"^(\+?91)[\s.-]*0(?=[1-9](?:[\s.-]*[0-9]){9}$)")
_QUOTES = " '\"="
"""What keeps a spreadsheet from taking text for a number: '98…, and ="98…"."""

_FULL_WIDTH = {number: number - 0xFEE0 for number in range(0xFF01, 0xFF5F)}
"""Only these: to take a raised digit, such as that of a footnote, for one of the number would be a guess."""


def restored(value: object, *, accept_possible: bool = False) -> str:
    """Return a phone number in E.164 form.

    Args:
        value: of a cell: text, or a number as a spreadsheet keeps it.
        accept_possible: let a number of ten digits through that is of no series known to exist.

    Raises:
        RowError: it is none, or what it was cannot be known.
    """
    if type(value) is str and (plain := _PLAIN.fullmatch(value)) and phone.is_known_mobile(plain[1]):
        return f"+91{plain[1]}"
    text = _text(value).translate(_FULL_WIDTH)
    parts = [part for part in (piece.strip(_QUOTES) for piece in _BETWEEN.split(text)) if _has_digit(part)]
    if len(parts) < 2 or _SCIENTIFIC.fullmatch(text.strip(_QUOTES)):
        return _one(parts[0] if len(parts) == 1 else text, accept_possible)
    numbers = set[str]()
    for part in parts:
        try:
            numbers.add(_one(part, accept_possible))
        except RowError:
            raise RowError("phone_number_several", "phone_number", "holds more than one number") from None
    if len(numbers) > 1:
        raise RowError("phone_number_several", "phone_number", "holds more than one number")
    return numbers.pop()


def _text(value: object) -> str:
    if is_missing(value):
        raise RowError("phone_number_missing", "phone_number", "is missing")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)


def _has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)


def _one(text: str, accept_possible: bool) -> str:
    plain = text.strip().strip(_QUOTES).strip()
    if _SCIENTIFIC.fullmatch(plain):
        reason = "was turned into scientific notation by a spreadsheet; its last digits are lost"
        raise RowError("phone_number_lost_digits", "phone_number", reason)
    while (shorter := _PREFIX.sub("", plain)) != plain:
        plain = shorter
    plain = _TRUNK.sub(r"\1", plain)
    try:
        return phone.normalise(plain)
    except ValueError as refused:
        reason = str(refused)
    if reason == "is not a number that exists in India":
        return _of_unknown_series(plain, accept_possible)
    raise RowError("phone_number_missing" if reason == "is empty" else "phone_number_invalid", "phone_number", reason)


def _of_unknown_series(text: str, accept_possible: bool) -> str:
    """A number of ten digits, as is certain by now, with or without what stands before them."""
    digits = "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())
    if not accept_possible:
        reason = "is possible, but of no series known to exist; --accept-possible-numbers lets it through"
        raise RowError("phone_number_unknown_series", "phone_number", reason)
    return f"+91{digits[-10:]}"
