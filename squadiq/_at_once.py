"""Leads checked many at a time, where nothing about any of them asks for a closer look. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python
from squadiq_generated._base import Model
from squadiq_generated.models import Lead

from squadiq import phone
from squadiq._fields import declared, list_type
from squadiq._misspellings import fixed_field_meant
from squadiq._values import surely_sendable, surely_somebody, why_unsendable

LeadT = TypeVar("LeadT", bound=Lead)

REQUIRED = ("lead_id", "phone_number", "contact_name")
_FIELD_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
"""The schema FieldName of the document."""

_NO_DIGIT = re.compile(r"\D")
_SCALARS = frozenset({str, int, float, bool, type(None)})


def leads_at_once(
    items: Sequence[Any], lead_type: type[LeadT], normalise_phone_numbers: bool, unique_numbers: bool
) -> list[LeadT] | None:
    """Return the leads, if all are as most are: surely good. None says nothing but that each is to be looked at."""
    if set(map(type, items)) != {dict}:
        return None
    names = set[Any]().union(*items)
    if not all(map(is_field_name, names)):
        return None
    try:
        ids, numbers, people = ([item[name] for item in items] for name in REQUIRED)
        custom = names.difference(REQUIRED)
        if any(fixed_field_meant(name, REQUIRED) for name in custom - declared(lead_type)):
            return None
        values = [*ids, *numbers, *people, *(item[name] for item in items for name in custom if name in item)]
        kinds = set(map(type, numbers)) | set(map(type, people))
        if kinds != {str} or not set(map(type, ids)) <= {str, int} or not surely_sendable(values):
            return None
        if not surely_somebody(list(map(str, ids))) or not surely_somebody(people):
            return None
        if normalise_phone_numbers:
            numbers = list(map(phone.normalise, numbers))
        made: list[LeadT] = list_type(lead_type).validate_python(
            [{**item, "phone_number": number} for item, number in zip(items, numbers, strict=True)]
        )
        # Only validators of a type of its own can have made something else of the values.
        if lead_type is not Lead and any(True for lead in made for _ in unsendable(lead)):
            return None
    except Exception:  # what is wrong, and with which of them, shows when each is looked at
        return None
    if len({lead.lead_id for lead in made}) < len(made):
        return None
    if unique_numbers and len({national(lead.phone_number) for lead in made}) < len(made):
        return None
    return made if lead_type is Lead else list(map(with_defaults, made))


def with_defaults(lead: LeadT) -> LeadT:
    """Return the lead, which will be sent with what its type has for fields that were not given."""
    lead.model_fields_set.update(name for name, value in lead if value is not None)
    return lead


@lru_cache(maxsize=1024)
def is_field_name(name: object) -> bool:
    """Tell whether a custom field may have this name."""
    return isinstance(name, str) and _FIELD_NAME.fullmatch(name) is not None


def national(phone_number: str) -> str:
    """Return the ten digits that two ways to write a number have in common."""
    last = phone_number[-10:]
    return last if len(last) == 10 and last.isdecimal() else _NO_DIGIT.sub("", phone_number)[-10:]


def unsendable(model: Model) -> Iterator[tuple[str, str]]:
    """Give the fields of a checked model that JSON cannot say, or that SquadIQ would misread, and why."""
    fields = type(model).model_fields
    for name, value in dict(model).items():
        if name in REQUIRED:
            continue
        shown = fields[name].alias or name if name in fields else name
        reason = why_unsendable(value)
        if reason is None and type(value) not in _SCALARS:
            try:
                reason = why_unsendable(to_jsonable_python(value, by_alias=True))
            except ValueError:
                reason = f"holds something that JSON cannot say ({type(value).__name__})"
        if reason is not None:
            yield shown, reason
        if not is_field_name(shown):
            yield shown, "has a name that is empty, too long or not plain text"
