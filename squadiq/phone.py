"""An Indian phone number as people write it in, E.164 out."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from squadiq._extras import needs_extra

_SCIENTIFIC = re.compile(r"^[0-9][.,]?[0-9]*[eE]\+?[0-9]+$")
_WHOLE_NUMBER = re.compile(r"^([0-9]{10,12})\.0+$")
_WRITTEN = re.compile(r"^[0-9+() .\-]+$")
_MOBILE = re.compile(r"^(?:\+91|91|0)?[ -]?([6-9][0-9]{4})[ -]?([0-9]{5})$")
"""How most numbers are written; `phonenumbers` reads them alike, in twenty times the time."""


def normalise(text: str) -> str:
    """Return a phone number of India in E.164 form, such as `+919876543210`.

    Raises:
        ValueError: it is none; the message says why, without the number.
        MissingExtraError: the package `phonenumbers` is not installed.

    Source: "A valid indian phone number of the Lead" (Create Leads, Request Body Parameters).
    """
    mobile = _MOBILE.match(text)
    if mobile and is_known_mobile(mobile[1] + mobile[2]):
        return f"+91{mobile[1]}{mobile[2]}"
    with needs_extra("phone"):
        import phonenumbers
    if mobile:
        number = phonenumbers.PhoneNumber(country_code=91, national_number=int(mobile[1] + mobile[2]))
    else:
        written = _cleaned(text)
        _refuse_what_is_no_number(written)
        try:
            number = phonenumbers.parse(written, "IN")
        except phonenumbers.NumberParseException:
            raise ValueError("is not a phone number") from None
        if number.country_code != 91:
            raise ValueError("is not an Indian number")
    if not phonenumbers.is_valid_number_for_region(number, "IN"):
        raise ValueError(_why_invalid(len(phonenumbers.national_significant_number(number))))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_known_mobile(digits: str) -> bool:
    """Tell whether ten digits are a mobile number of a series that exists, by the tables of `phonenumbers`.

    Raises:
        MissingExtraError: that package is not installed.
    """
    return _known_mobiles().fullmatch(digits) is not None


@lru_cache(maxsize=1)
def _known_mobiles() -> re.Pattern[str]:
    with needs_extra("phone"):
        import phonenumbers
    india = phonenumbers.PhoneMetadata.metadata_for_region("IN")
    assert india is not None
    # `phonenumbers` holds a number against what all have in common first, and then against each kind.
    patterns = [each.national_number_pattern if each else None for each in (india.general_desc, india.mobile)]
    return re.compile("(?=(?:{})$)(?:{})".format(*(pattern or "(?!)" for pattern in patterns)), re.ASCII)


def _refuse_what_is_no_number(written: str) -> None:
    if not written:
        raise ValueError("is empty")
    if _SCIENTIFIC.match(written):
        raise ValueError("was turned into scientific notation by a spreadsheet; its last digits are lost")
    if "/" in written or "," in written or ";" in written:
        raise ValueError("holds more than one number")
    if not _WRITTEN.match(written):
        raise ValueError("holds something other than digits")


def _cleaned(text: str) -> str:
    """Undo what spreadsheets and keyboards do: odd blanks and dashes, a leading apostrophe, `.0`."""
    plain = "".join(_plain(character) for character in text).strip().removeprefix("'").strip()
    whole = _WHOLE_NUMBER.match(plain)
    return whole[1] if whole else plain


def _plain(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if category == "Zs" or character == "\t":
        return " "
    if character == "\N{FULLWIDTH PLUS SIGN}":
        return "+"
    return "" if category == "Cf" else character


def _why_invalid(digits: int) -> str:
    if digits < 10:
        return f"has {digits} digits, too few for an Indian number"
    if digits > 10:
        return f"has {digits} digits, too many for an Indian number"
    return "is not a number that exists in India"
