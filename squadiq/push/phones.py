"""Phone numbers as spreadsheets leave them: what can be restored without guessing is, the rest is refused. Pure."""

from __future__ import annotations

import re
import unicodedata

from squadiq import phone
from squadiq._extras import needs_extra
from squadiq.push.rows import RowError

_BETWEEN = re.compile(r"[/,;|&\n]|\bor\b|\band\b", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:(?:\+|00)?\s*91[\s.-]*|\+\s*)(?=(?:(?:\+|00)?\s*91|0)?[\s.-]*[1-9](?:[\s.-]*[0-9]){9}\b)")
_TRUNK = re.compile(r"^(\+?91)[\s.-]*0(?=[1-9](?:[\s.-]*[0-9]){9}$)")
_POSSIBLE = re.compile(r"[1-9][0-9]{9}")


def restored(value: object, *, accept_possible: bool = False) -> str:
    """Return a phone number in E.164 form.

    Args:
        value: of a cell: text, or a number as a spreadsheet keeps it.
        accept_possible: let a number of ten digits through that is of no series known to exist.

    Raises:
        RowError: it is none, or what it was cannot be known.
    """
    text = _text(value)
    parts = [part for part in (piece.strip(" '\"") for piece in _BETWEEN.split(text)) if _digits(part)]
    if len(parts) < 2:
        return _one(parts[0] if parts else text, accept_possible)
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
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise RowError("phone_number_missing", "phone_number", "is missing")
        return f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)


def _digits(text: str) -> int:
    return sum(character.isdecimal() for character in text)


def _one(text: str, accept_possible: bool) -> str:
    plain = unicodedata.normalize("NFKC", text).strip().strip("'\"").strip()
    while (shorter := _PREFIX.sub("", plain)) != plain:
        plain = shorter
    plain = _TRUNK.sub(r"\1", plain)
    try:
        return phone.normalise(plain)
    except ValueError as refused:
        reason = str(refused)
    if "does not exist" in reason or "not a number that exists" in reason:
        return _unknown_series(plain, reason, accept_possible)
    raise RowError(_CODES.get(reason.split(",")[0].split(";")[0], "phone_number_invalid"), "phone_number", reason)


_CODES = {
    "is empty": "phone_number_missing",
    "was turned into scientific notation by a spreadsheet": "phone_number_lost_digits",
    "holds more than one number": "phone_number_several",
}


def _unknown_series(plain: str, reason: str, accept_possible: bool) -> str:
    with needs_extra("phone"):
        import phonenumbers
    number = phonenumbers.parse(plain, "IN")
    national = phonenumbers.national_significant_number(number)
    if not _POSSIBLE.fullmatch(national):
        raise RowError("phone_number_invalid", "phone_number", reason)
    if not accept_possible:
        reason = "is possible, but of no series known to exist; --accept-possible-numbers lets it through"
        raise RowError("phone_number_unknown_series", "phone_number", reason)
    return f"+91{national}"
