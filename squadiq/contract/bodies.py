"""What a body that is about to be written to a live service names: leads and phone numbers, at any depth; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, cast

Lead = dict[str, Any]

_LETTERS = re.compile(r"[^a-z]+")


def leads_of(body: bytes) -> list[Lead] | None:
    """Return the leads of a body, of a list or alone; None if any reader may take it for something else.

    That is JSON in UTF-8 without a key that comes twice, as RFC 8259 asks for it.
    """
    try:
        read: Any = json.loads(body.decode(), object_pairs_hook=unique_keys, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    items: list[Any] = read if isinstance(read, list) else [read]  # pyright: ignore[reportUnknownVariableType]
    return items if items and all(isinstance(item, dict) for item in items) else None


def refusal_of_leads(leads: list[Lead], prefix: str, phone_numbers: Collection[str], *, creates: bool) -> str:
    """Return why leads must not be written, "" if they may be.

    Args:
        prefix: begins each lead_id of the run.
        phone_numbers: the only ones that may be sent.
        creates: whether the leads are new, and so must each have a phone number.
    """
    if not prefix:
        return "the lead_ids of this run have no prefix that tells them from others"
    for lead in leads:
        if "lead_id" not in lead or not all(
            isinstance(each, str) and each.startswith(prefix) for each in _named("leadid", lead)
        ):
            return "it names a lead that this run has not made"
        if creates and "phone_number" not in lead:
            return "a lead has no phone number, so who is called is not known"
        if not all(isinstance(each, str) and each in phone_numbers for each in _named("phonenumber", lead)):
            return "it has a phone number that was not given for this run"
    return ""


def unique_keys(pairs: list[tuple[str, Any]]) -> Lead:
    """Return the object of these keys and values, for a reader of JSON.

    Raises:
        ValueError: a key comes twice.
    """
    lead = dict(pairs)
    if len(lead) < len(pairs):
        raise ValueError("a key comes twice")
    return lead


def _named(name: str, value: Any) -> Iterator[Any]:
    """Every value whose key is read as this name by a reader that is not strict, at any depth."""
    if isinstance(value, dict):
        for key, inner in cast(Lead, value).items():
            if _LETTERS.sub("", key.casefold()) == name:
                yield inner
            yield from _named(name, inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _named(name, inner)


def _no_number(name: str) -> Any:
    raise ValueError(name)
