"""What is checked of leads before they are sent. Pure: leads in, leads or an error out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from squadiq_generated._base import Model, masked
from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadUpdate

from squadiq import phone
from squadiq._fields import field_type
from squadiq._words import without_personal_data
from squadiq.errors import InvalidInputError, Problem

LeadT = TypeVar("LeadT", bound=Lead)
ModelT = TypeVar("ModelT", bound=Model)

_FIELD_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
"""The schema FieldName of the document."""

LARGEST_NUMBER = 2**53 - 1
LAST_SECOND = 253402300799

_PATTERN_REASONS = {
    "lead_id": "is blank, has blanks at its ends or holds control characters",
    "phone_number": "is not an Indian phone number",
    "contact_name": "has no visible character or holds control characters",
    "detail": "holds control characters",
}


def prepare_leads(
    leads: Iterable[Lead | Mapping[str, Any]], lead_type: type[LeadT], *, normalise_phone_numbers: bool
) -> list[LeadT]:
    """Return the leads as they are sent: checked, and with phone numbers in E.164 form.

    Raises:
        InvalidInputError: with every problem of every lead.
    """
    prepared: list[LeadT] = []
    problems: list[Problem] = []
    first_places: dict[str, int] = {}
    for index, given in enumerate(_each(leads, "leads")):
        values, wrong = _values_of(given, index, normalise_phone_numbers=normalise_phone_numbers)
        lead = None if wrong else _validated(lead_type, values, index, wrong)
        if lead is not None:
            earlier = first_places.setdefault(lead.lead_id, index)
            if earlier != index:
                reason = f"is the same as that of lead number {earlier + 1}"
                wrong.append(Problem(index, masked(lead.lead_id), "lead_id", reason))
            lead.model_fields_set.update(name for name, value in lead if value is not None)
            prepared.append(lead)
        problems += wrong
    if problems:
        raise InvalidInputError(problems)
    return prepared


def prepare_update(
    lead_id: str | int, fields: Mapping[str, Any], lead_type: type[Lead], *, normalise_phone_numbers: bool
) -> LeadUpdate:
    """Return an update as it is sent: checked, custom fields by their types in `lead_type`.

    Raises:
        InvalidInputError: with every problem.
    """
    if "lead_id" in fields:
        raise InvalidInputError([Problem(None, _shown(lead_id), "lead_id", "cannot be changed")])
    if not fields:
        raise InvalidInputError([Problem(None, _shown(lead_id), "fields", "are missing: there is nothing to change")])
    values, problems = _values_of({"lead_id": lead_id, **fields}, None, normalise_phone_numbers=normalise_phone_numbers)
    for name in ("phone_number", "contact_name"):
        if name in values and values[name] is None:
            problems.append(Problem(None, _shown(lead_id), name, "is null"))
    if not problems:
        _validated(lead_type, values, None, problems, partial=True)
    update = None if problems else _validated(LeadUpdate, _converted(lead_type, values), None, problems)
    if update is None:
        raise InvalidInputError(problems)
    return update


def prepare_references(lead_ids: Iterable[str | int]) -> list[LeadReference]:
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


def prepare_reference(lead_id: str | int) -> LeadReference:
    """Return a reference to a lead as it is sent.

    Raises:
        InvalidInputError: with every problem.
    """
    return _prepared(LeadReference, {"lead_id": lead_id}, None)


def prepare_conversion(lead_id: str | int, detail: str) -> LeadConversion:
    """Return a conversion as it is sent; the detail has at most 32 characters.

    Raises:
        InvalidInputError: with every problem.
    """
    return _prepared(LeadConversion, {"lead_id": lead_id, "detail": detail}, None)


def epoch_seconds(moment: datetime | float | None, argument: str, *, round_up: bool = False) -> int | None:
    """Return a time as whole seconds since 1970, rounded so that no lead is left out.

    Raises:
        InvalidInputError: a datetime without a time zone, or a time before 1970 or after 9999.
    """
    if moment is None:
        return None
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidInputError([Problem(None, None, argument, "has no time zone: give an aware datetime")])
        moment = moment.timestamp()
    if isinstance(moment, bool) or not isinstance(cast(object, moment), int | float) or not math.isfinite(moment):
        raise InvalidInputError([Problem(None, None, argument, "is neither a datetime nor an epoch number")])
    seconds = math.ceil(moment) if round_up else math.floor(moment)
    if not 0 <= seconds <= LAST_SECOND:
        raise InvalidInputError([Problem(None, None, argument, "is not between the years 1970 and 9999, in seconds")])
    return seconds


def _each(items: Iterable[Any], argument: str) -> Iterable[Any]:
    if isinstance(items, Mapping | Model | str | bytes | int):
        raise InvalidInputError([Problem(None, None, argument, "is one, not a list: put it in a list")])
    return items


def _prepared(model: type[ModelT], values: dict[str, Any], index: int | None) -> ModelT:
    problems: list[Problem] = []
    _check_lead_id(values, index, problems)
    made = None if problems else _validated(model, values, index, problems)
    if made is None:
        raise InvalidInputError(problems)
    return made


def _values_of(
    given: Model | Mapping[str, Any], index: int | None, *, normalise_phone_numbers: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """A copy of what was given, with its phone number normalised, and what is wrong so far."""
    problems: list[Problem] = []
    if isinstance(given, Model):
        unset = {name for name, value in given if value is None} - given.model_fields_set
        values = given.model_dump(by_alias=True, exclude=unset)
    elif isinstance(cast(object, given), Mapping):
        values = dict(given)
    else:
        return {}, [Problem(index, None, "lead", "is neither a Lead nor a mapping")]
    _check_lead_id(values, index, problems)
    number = values.get("phone_number")
    if normalise_phone_numbers and isinstance(number, str | int | float) and not isinstance(number, bool):
        try:
            values["phone_number"] = phone.normalise(str(number))
        except ValueError as refused:
            problems.append(Problem(index, _shown(values.get("lead_id")), "phone_number", str(refused)))
    return values, problems


def _check_lead_id(values: Mapping[str, Any], index: int | None, problems: list[Problem]) -> None:
    """A decimal number would become another lead's text: 1.0 is not "1"."""
    if isinstance(values.get("lead_id"), float):
        problems.append(Problem(index, None, "lead_id", "is a decimal number: give text or a whole number"))


def _validated(
    model: type[ModelT],
    values: Mapping[str, Any],
    index: int | None,
    problems: list[Problem],
    *,
    partial: bool = False,
) -> ModelT | None:
    """The model made of the values, or None and its problems added; `partial` lets fields be missing."""
    lead_id = _shown(values.get("lead_id"))
    try:
        made = model.model_validate(dict(values))
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False, include_context=False):
            if not (partial and error["type"] == "missing"):
                field = ".".join(str(part) for part in error["loc"]) or "lead"
                problems.append(Problem(index, lead_id, field, _reason(field, error["type"], error["msg"])))
        return None
    wrong = [Problem(index, lead_id, field, reason) for field, reason in _unsendable(made)]
    problems += wrong
    return None if wrong else made


def _converted(lead_type: type[Lead], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a checked update as a lead of this type would hold and send them."""
    names = {field.alias or name: name for name, field in lead_type.model_fields.items()}
    converted = dict(values)
    for key in converted.keys() & names.keys():
        with suppress(ValidationError):  # an own validator let it pass: it is sent as it is
            converted[key] = field_type(lead_type, names[key]).validate_python(values[key])
    return converted


def _reason(field: str, kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and field in _PATTERN_REASONS:
        return _PATTERN_REASONS[field]
    plain = message.removeprefix("Value error, ").removeprefix("Input should ").removeprefix("String should ")
    return f"is not valid: it should {plain}" if plain.startswith(("be ", "have ")) else without_personal_data(plain)


def _shown(lead_id: object) -> str | None:
    return masked(str(lead_id)) if isinstance(lead_id, str | int) and lead_id != "" else None


def _unsendable(model: Model) -> Iterator[tuple[str, str]]:
    try:
        values = model.model_dump(mode="json", by_alias=True)
    except (PydanticSerializationError, UnicodeError):
        yield "custom fields", "hold something that JSON cannot say"
        return
    for name, value in values.items():
        reason = _why_not_json(value)
        if reason is not None:
            yield without_personal_data(name), reason
        if not _FIELD_NAME.fullmatch(name):
            yield without_personal_data(name) or "a field", "has a name that is empty, too long or not plain text"


def _why_not_json(value: object) -> str | None:
    """Why a custom value cannot be sent (the schemas CustomText and CustomNumber), or None."""
    if isinstance(value, str):
        if "\0" in value:
            return "holds the character U+0000"
        return None if value.isascii() or _is_unicode(value) else "holds half of a character (a lone surrogate)"
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a number"
    if isinstance(value, int | float):
        return None if abs(value) <= LARGEST_NUMBER else "is a number too large to be sent exactly: send it as text"
    inner: Sequence[object] = (
        [part for pair in cast(dict[str, object], value).items() for part in pair]
        if isinstance(value, dict)
        else cast(list[object], value)
    )
    return next((reason for item in inner if (reason := _why_not_json(item)) is not None), None)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
