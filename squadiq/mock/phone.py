"""An Indian phone number, in any form that the document allows, in the form in which answers have it."""

from __future__ import annotations

_KEEP_DIGITS = {ord(character): None for character in " ().-+"}


def normalised(phone_number: str) -> str:
    """Return `+91` and the last ten digits of a number that the document allows."""
    return "+91" + phone_number.translate(_KEEP_DIGITS)[-10:]
