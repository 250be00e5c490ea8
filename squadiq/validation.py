"""What is checked of leads before they are sent. Pure: leads in, leads or an error out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, cast

from pydantic import ValidationError
from squadiq_generated._base import Model, masked
from squadiq_generated.constants import LAST_SECOND
from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadUpdate

from squadiq import phone
from squadiq._at_once import REQUIRED, is_field_name, leads_at_once, national, unsendable, with_defaults
from squadiq._fields import declared, field_type
from squadiq._inputs import FrameError, LeadKey, Leads, fields_of, is_one, rows_of_frame
from squadiq._misspellings import fixed_field_meant, likely_meant
from squadiq._redaction import Redactor
from squadiq._values import (
    is_blank,
    is_missing,
    plain,
    why_no_value,
    why_nobody,
    why_unsendable,
)
from squadiq.error_body import without_personal_data
from squadiq.errors import InvalidInputError, Problem, SquadIQError

LeadT = TypeVar("LeadT", bound=Lead)
ModelT = TypeVar("ModelT", bound=Model)
DuplicatePhoneNumbers = Literal["refuse", "allow"]

_SHOWN = 64
"""Characters of a lead_id or a field's name that a message shows."""

LARGEST_ID = 10**255

_PATTERN_REASONS = {
    "lead_id": "is blank, has blanks at its ends or holds control characters",
    "phone_number": "is not an Indian phone number",
    "contact_name": "has no visible character or holds control characters",
    "detail": "holds control characters",
}


def prepare_leads(
    leads: Leads,
    lead_type: type[LeadT],
    *,
    normalise_phone_numbers: bool,
    duplicate_phone_numbers: DuplicatePhoneNumbers = "refuse",
) -> list[LeadT]:
    """Return the leads as they are sent: checked, and with phone numbers in E.164 form.

    Raises:
        InvalidInputError: with every problem of every lead.
    """
    if duplicate_phone_numbers not in ("refuse", "allow"):
        raise InvalidInputError([Problem(None, None, "duplicate_phone_numbers", 'is neither "refuse" nor "allow"')])
    items = list(_each_lead(leads))
    normalise, unique = normalise_phone_numbers, duplicate_phone_numbers != "allow"
    if (at_once := leads_at_once(items, lead_type, normalise, unique)) is not None:
        return at_once
    prepared: list[LeadT] = []
    problems: list[Problem] = []
    first_places: dict[str, int] = {}
    first_called: dict[str, tuple[int, str]] = {}
    for index, given in enumerate(items):
        values, wrong = _values_of(given, index, lead_type, normalise_phone_numbers=normalise)
        lead = None if wrong else _validated(lead_type, values, index, wrong)
        if lead is not None:
            earlier = first_places.setdefault(lead.lead_id, index)
            place, called = first_called.setdefault(national(lead.phone_number), (index, lead.lead_id))
            if earlier != index:
                reason = f"is the same as that of lead number {earlier + 1}"
                wrong.append(Problem(index, _shown(lead.lead_id), "lead_id", reason))
            elif called != lead.lead_id and unique:
                reason = f"is the same as that of lead {_shown(called)!r} (number {place + 1}); {_TWICE}"
                wrong.append(Problem(index, _shown(lead.lead_id), "phone_number", reason))
            prepared.append(with_defaults(lead))
        problems += wrong
    if problems:
        raise InvalidInputError(problems)
    return prepared


_TWICE = 'both would be called. Leave one out, or give duplicate_phone_numbers="allow"'


def prepare_update(
    lead_id: LeadKey,
    changes: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
    lead_type: type[Lead],
    *,
    normalise_phone_numbers: bool,
) -> LeadUpdate:
    """Return an update as it is sent: checked, custom fields by their types in `lead_type`.

    Raises:
        InvalidInputError: with every problem.
    """
    if isinstance(changes, Model) or not isinstance(cast(object, {} if changes is None else changes), Mapping):
        raise InvalidInputError([Problem(None, _shown(lead_id), "changes", "are not a mapping of names to values")])
    fields = {**({} if changes is None else _read(changes, None)), **fields}
    if "lead_id" in fields:
        raise InvalidInputError([Problem(None, _shown(lead_id), "lead_id", "cannot be changed")])
    if not fields:
        raise InvalidInputError([Problem(None, _shown(lead_id), "fields", "are missing: there is nothing to change")])
    problems = [
        Problem(None, _shown(lead_id), _field(name), "is missing, as NaN is: leave it out, or give None to clear it")
        for name, value in fields.items()
        if value is not None and is_missing(value)
    ]
    given = {"lead_id": lead_id, **fields}
    values, wrong = _values_of(given, None, lead_type, normalise_phone_numbers=normalise_phone_numbers)
    problems += wrong
    problems += [
        Problem(None, _shown(lead_id), name, "is null")
        for name in ("phone_number", "contact_name")
        if name in fields and fields[name] is None
    ]
    if not problems:
        _validated(lead_type, values, None, problems, partial=True)
    update = None if problems else _validated(LeadUpdate, _converted(lead_type, values), None, problems)
    if update is None:
        raise InvalidInputError(problems)
    return update


def prepare_references(lead_ids: Iterable[LeadKey]) -> list[LeadReference]:
    """Return references to leads as they are sent.

    Raises:
        InvalidInputError: with every problem.
    """
    return list(
        {
            reference.lead_id: reference
            for index, lead_id in enumerate(_each(lead_ids, "lead_ids"))
            for reference in [_prepared(LeadReference, {"lead_id": lead_id}, index)]
        }.values()
    )


def prepare_reference(lead_id: LeadKey) -> LeadReference:
    """Return a reference to a lead as it is sent.

    Raises:
        InvalidInputError: with every problem.
    """
    return _prepared(LeadReference, {"lead_id": lead_id}, None)


def prepare_conversion(lead_id: LeadKey, detail: str) -> LeadConversion:
    """Return a conversion as it is sent; the detail has at most 32 characters.

    Raises:
        InvalidInputError: with every problem.
    """
    conversion = _prepared(LeadConversion, {"lead_id": lead_id, "detail": detail}, None)
    reason = "is blank" if is_blank(conversion.detail) else why_no_value(conversion.detail)
    if reason is not None:
        raise InvalidInputError([Problem(None, _shown(conversion.lead_id), "detail", reason)])
    return conversion


def epoch_seconds(moment: datetime | float | None, argument: str, *, round_up: bool = False) -> int | None:
    """Return a time as whole seconds since 1970, rounded so that no lead is left out.

    Raises:
        InvalidInputError: a datetime without a time zone, or a time before 1970 or after 9999.
    """
    if moment is None:
        return None
    number: Any = plain(moment)
    if isinstance(number, datetime) and not is_missing(number):
        number = _timestamp(number, argument)
    if isinstance(number, bool) or not isinstance(number, int | float) or is_missing(number):
        raise InvalidInputError([Problem(None, None, argument, "is neither a datetime nor an epoch number")])
    if not 0 <= number <= LAST_SECOND:
        raise InvalidInputError([Problem(None, None, argument, "is not between the years 1970 and 9999, in seconds")])
    return math.ceil(number) if round_up else math.floor(number)


def _timestamp(moment: datetime, argument: str) -> float:
    try:
        if moment.utcoffset() is not None:
            return moment.timestamp()
    except Exception as error:  # a time zone of the user's own
        reason = f"has a time zone that cannot be read ({type(error).__name__})"
        raise InvalidInputError([Problem(None, None, argument, reason)]) from None  # its words may hold what was given
    raise InvalidInputError([Problem(None, None, argument, "has no time zone: give an aware datetime")])


def _each_lead(leads: Any) -> Iterator[Any]:
    """Each lead of an iterable or a frame."""
    try:
        rows = rows_of_frame(leads)
        one = rows is None and is_one(leads)
    except Exception as error:  # of an object of whatever kind
        reason = f"cannot be read: {error}" if isinstance(error, FrameError) else _why_unread(error)
        raise InvalidInputError([Problem(None, None, "leads", reason)]) from None
    if one:
        raise InvalidInputError([Problem(None, None, "leads", "is one, not a list: put it in a list")])
    return _each(leads if rows is None else rows, "leads")


def _each(items: Iterable[Any], argument: str) -> Iterator[Any]:
    if isinstance(items, Mapping | Model | str | bytes | int):
        raise InvalidInputError([Problem(None, None, argument, "is one, not a list: put it in a list")])
    if not isinstance(cast(object, items), Iterable):
        raise InvalidInputError([Problem(None, None, argument, "is not a list")])
    given = 0
    try:
        for item in items:
            yield item
            given += 1
    except SquadIQError:
        raise
    except Exception as error:
        raise InvalidInputError([Problem(None, None, argument, _why_unread(error, given))]) from None


def _why_unread(error: Exception, given: int = 0) -> str:
    return f"cannot be read after {given} of them ({type(error).__name__})"


def _prepared(model: type[ModelT], given: dict[str, Any], index: int | None) -> ModelT:
    values = {name: plain(value) for name, value in given.items() if not is_missing(value)}
    problems: list[Problem] = []
    _check_lead_id(values, index, problems)
    made = None if problems else _validated(model, values, index, problems)
    if made is None:
        raise InvalidInputError(problems)
    return made


def _read(given: object, index: int | None) -> dict[str, Any]:
    """The fields of a lead that was given, by their names in JSON.

    Raises:
        InvalidInputError: it is no lead, or cannot be read.
    """
    try:
        fields = fields_of(given, REQUIRED)
    except Exception as error:
        reason = f"cannot be read ({type(error).__name__})"
        raise InvalidInputError([Problem(index, None, "lead", reason)]) from None
    if fields is not None:
        return fields
    reason = f"is neither a Lead nor a mapping, nor another row with named fields, but of type {type(given).__name__}"
    raise InvalidInputError([Problem(index, None, "lead", reason)])


def _values_of(
    given: object, index: int | None, lead_type: type[Lead], *, normalise_phone_numbers: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """A copy of what was given, with its phone number normalised, and what is wrong so far.

    What is missing is left out, but for a custom field that is None: that is sent as null.
    """
    problems: list[Problem] = []
    try:
        fields = _read(given, index)
    except InvalidInputError as refused:
        return {}, list(refused.problems)
    values = {
        name: plain(value)
        for name, value in fields.items()
        if not is_missing(value) or (value is None and name not in REQUIRED)
    }
    _check_lead_id(values, index, problems)
    meant = declared(lead_type) | (declared(type(given)) if isinstance(given, Model) else frozenset[str]())
    for name, value in values.items():
        reason = _why_wrong(name, value) or (_why_misspelt(name) if name not in meant else None)
        if reason is not None:
            problems.append(Problem(index, _shown(values.get("lead_id")), _field(name), reason))
    number = values.get("phone_number")
    is_wrong = any(problem.field == "phone_number" for problem in problems)
    if normalise_phone_numbers and isinstance(number, str | int | float | Decimal) and not is_wrong:
        try:
            values["phone_number"] = phone.normalise(str(number))
        except ValueError as refused:
            problems.append(Problem(index, _shown(values.get("lead_id")), "phone_number", str(refused)))
    return values, problems


def _why_wrong(name: object, value: object) -> str | None:
    if not is_field_name(name):
        return "has a name that is empty, too long or not plain text"
    if name not in REQUIRED:
        return why_unsendable(value)
    if isinstance(value, bytes | bytearray | bool):
        return "is not a text"
    if isinstance(value, int | float | Decimal) and name != "lead_id":
        return why_unsendable(value)
    if name == "phone_number" or not isinstance(value, str) or value == "":
        return why_no_value(value) if isinstance(value, str) else None
    return _PATTERN_REASONS[name] if is_blank(value) else why_nobody(value)


def _why_misspelt(name: str) -> str | None:
    field = fixed_field_meant(name, REQUIRED)
    if field is None:
        return None
    near = "is written with blanks or signs" if _field(name) == field else f"is nearly {field}"
    return f"{near}, and is not sent as a custom field: rename it, or declare it in lead_type if it is one"


def _check_lead_id(values: Mapping[str, Any], index: int | None, problems: list[Problem]) -> None:
    """A decimal number would become another lead's text: 1.0 is not "1"."""
    lead_id = values.get("lead_id")
    if isinstance(lead_id, float | Decimal):
        problems.append(Problem(index, None, "lead_id", "is a decimal number: give text or a whole number"))
    if isinstance(lead_id, int) and not -LARGEST_ID < lead_id < LARGEST_ID:
        problems.append(Problem(index, None, "lead_id", "has more than 255 digits"))


def _validated(
    model: type[ModelT],
    values: Mapping[str, Any],
    index: int | None,
    problems: list[Problem],
    *,
    partial: bool = False,
) -> ModelT | None:
    """The model made of the values, or None and its problems added; `partial` lets fields be missing.

    Raises:
        InvalidInputError: the campaign's own type raises something that is no ValidationError.
    """
    try:
        made = model.model_validate(dict(values))
        wrong = [
            Problem(index, _shown(values.get("lead_id")), _field(field), reason) for field, reason in unsendable(made)
        ]
    except ValidationError as invalid:
        lead_id = _shown(values.get("lead_id"))
        given = {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}
        people = [given[name] for name in given if "name" in name.lower()]
        personal = Redactor((given[name] for name in given if name != "lead_id"), names=people)
        for error in invalid.errors(include_url=False, include_input=False, include_context=False):
            if not (partial and error["type"] == "missing"):
                field = ".".join(str(part) for part in error["loc"]) or "lead"
                reason = _reason(field, error["type"], error["msg"], personal)
                if error["type"] == "missing" and (near := likely_meant(field, values.keys() - declared(model))):
                    reason += f": did you mean it by {_field(near)!r}?"
                problems.append(Problem(index, lead_id, _field(field), reason))
        return None
    except Exception as error:
        reason = f"cannot be checked: {model.__name__} raises {type(error).__name__}"
        raise InvalidInputError([Problem(index, _shown(values.get("lead_id")), "lead", reason)]) from None
    problems += wrong
    return None if wrong else made


def _converted(lead_type: type[Lead], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a checked update as a lead of this type would hold and send them."""
    names = {field.alias or name: name for name, field in lead_type.model_fields.items()}
    converted = dict(values)
    for key in converted.keys() & names.keys():
        with suppress(Exception):  # an own validator let it pass: it is sent as it is
            converted[key] = field_type(lead_type, names[key]).validate_python(values[key])
    return converted


def _reason(field: str, kind: str, message: str, personal: Redactor) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and field in _PATTERN_REASONS:
        return _PATTERN_REASONS[field]
    said = message.removeprefix("Value error, ").removeprefix("Input should ").removeprefix("String should ")
    shown = personal.redacted([said])[0]
    return f"is not valid: it should {shown}" if shown.startswith(("be ", "have ")) else shown


def _shown(lead_id: object) -> str | None:
    if isinstance(lead_id, int) and not -LARGEST_ID < lead_id < LARGEST_ID:
        return None
    return _cut(masked(str(lead_id))) if isinstance(lead_id, str | int) and lead_id != "" else None


def _field(name: object) -> str:
    """A field's name as a message shows it."""
    return (_cut(without_personal_data(name)) if isinstance(name, str) else "") or "a field"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
