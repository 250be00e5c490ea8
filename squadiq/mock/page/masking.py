"""What of a person is shown before somebody asks for it. Pure.

Known to be harmless are few fields, so all others are masked: those of a campaign can be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MASK = "•••"
_SHOWN = frozenset(
    (
        "campaign_id",
        "count",
        "created_at",
        "latest_called_at",
        "lead_id",
        "lead_outcome",
        "next",
        "previous",
        "processed_at",
    )
)
# As many digits as a phone number has, with what stands between them in one: a time has fewer in a row.
_NUMBER = re.compile(r"\d(?:[ ().-]{0,2}\d){9,}")


def without_numbers(text: str) -> str:
    """Return a text in which what may be a phone number is masked but for its last two digits."""
    return _NUMBER.sub(lambda found: MASK + found[0][-2:], text)


def masked_phone_number(text: str) -> str:
    """Return a phone number of which the last two digits can be read."""
    return f"{MASK}{MASK}{text[-2:]}"


def masked_name(text: str) -> str:
    """Return a name of which the first letter can be read."""
    return f"{text[:1]}{MASK}"


def masked_content(value: Any, *, shown: bool = False) -> Any:
    """Return a JSON value in which every text and number is masked, but those of fields that are harmless.

    Args:
        value: as `json.loads` returns it.
        shown: the value belongs to a harmless field.
    """
    match value:
        case {**fields}:
            return {
                without_numbers(str(name)): masked_content(each, shown=name in _SHOWN) for name, each in fields.items()
            }
        case [*items]:
            return [masked_content(each, shown=shown) for each in items]
        case None | "":
            return value
        case _ if shown:
            told = without_numbers(str(value))
            return value if told == str(value) else told
        case _:
            return MASK


def without_tokens(text: str, tokens: Iterable[str]) -> str:
    """Return a text in which no access token can be read."""
    for token in sorted(tokens, key=len, reverse=True):
        text = text.replace(token, MASK)
    return text
