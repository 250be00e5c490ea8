"""Whether the name of a custom field is that of a fixed one, misspelt (decision 0031). Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache

_OWN_WORDS = frozenset({"contractname"})
"""A slip away from a fixed field, and words all the same."""
_LEAST = 4
"""Letters that a part of a field's name has, if it may stand for all of it, as `phone` does."""
_ALIKE = 0.8
_LONG = 10
"""Letters from which on a name with another letter in it is no other word."""


@lru_cache(maxsize=1024)
def fixed_field_meant(name: str, fixed: tuple[str, ...]) -> str | None:
    """Return the fixed field that a name, which is none of them, is a slip away from; None if it is of its own."""
    written = _letters(name)
    return next((field for field in fixed if _is_slip(written, _letters(field))), None)


def likely_meant(field: str, names: Collection[str]) -> str | None:
    """Return which of the names may be meant for a field that is missing; never one that may be a person's."""
    written, wanted = {_letters(name): name for name in names}, _letters(field)
    parts = [each for each in written if len(each) >= _LEAST and each in wanted]
    near = parts or get_close_matches(wanted, written, n=1, cutoff=_ALIKE)
    return written[near[0]] if near else None


def _letters(name: str) -> str:
    """The letters and digits of a name, whatever their case and what stands between them."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in plain if character.isalnum())


def _is_slip(written: str, field: str) -> bool:
    """Whether a name is written with one slip of the finger at most."""
    if written == field:
        return True
    if written in _OWN_WORDS or abs(len(written) - len(field)) > 1:
        return False
    place = next((at for at, pair in enumerate(zip(written, field, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(written), len(field)) if place is None else place
    if len(written) < len(field):
        return written[at:] == field[at + 1 :]  # left out
    if len(written) > len(field):
        return written[at + 1 :] == field[at:] and _may_be_added(written, at, field)
    swapped = written[at : at + 2] == field[at : at + 2][::-1] and written[at + 2 :] == field[at + 2 :]
    replaced = written[at + 1 :] == field[at + 1 :] and len(field) >= _LONG and written[at].isalpha()
    return swapped or replaced


def _may_be_added(written: str, at: int, field: str) -> bool:
    """Whether a letter too many is a slip: a second one, or any within a long name. A digit counts fields."""
    is_second = at > 0 and written[at] == written[at - 1]
    return written[at].isalpha() and (is_second or (len(field) >= _LONG and at > 0))
