"""Which column is which field: guessed from usual headings where that is certain, asked for where it is not. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from squadiq_generated._base import looks_like_a_phone_number

from squadiq._values import is_missing
from squadiq.errors import InvalidInputError, Problem
from squadiq.push.phones import restored
from squadiq.push.rows import Row, RowError

FIXED = ("lead_id", "phone_number", "contact_name")
REST = "squadiq_rest"
REJECT_COLUMNS = ("squadiq_row", "squadiq_reason_code", "squadiq_reason", REST)
"""What a file of rejected rows has beside the row: left out when that file is pushed again."""


def _named(*lines: str) -> frozenset[str]:
    return frozenset(name for line in lines for name in line.split(", "))


_USUAL: Mapping[str, frozenset[str]] = {
    "lead_id": _named("lead id, leadid, lead no, lead number, lead ref, lead reference, unique id"),
    "phone_number": _named(
        "phone number, phone no, phone, phone num, mobile, mobile no, mobile number, mobile phone, mobile num",
        "contact number, contact no, contact phone, contact mobile, cell, cell no, cell phone, cell number",
        "customer phone, customer mobile, telephone, tel, ph, ph no, ph number, phonenumber, mobilenumber, mobileno",
        "phoneno, whatsapp number, whatsapp no, primary phone, mob, mob no",
    ),
    "contact_name": _named(
        "contact name, name, full name, fullname, customer name, customer, client name, lead name, person name",
        "contact, contact person, applicant name, contactname, customername, student name, borrower name, user name",
    ),
}
_ONLY_IF_ALONE: Mapping[str, frozenset[str]] = {
    "lead_id": _named("id, uid, uuid, ref, reference, customer id, client id, crm id, external id")
}
"""Headings that mean a field only if no better one is there."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T|$)")
_BOOLEANS = {"true": True, "false": False}
TYPES = ("text", "integer", "number", "boolean", "date", "datetime")


@dataclass(frozen=True, slots=True)
class Columns:
    """How rows become leads.

    Attributes:
        fields: by heading, what each column is sent as; a heading that is not here is sent by its own name.
        dropped: headings of columns that are not sent.
        constants: fields that every lead gets.
        types: of fields, `text`, `integer`, `number`, `boolean`, `date:FORM` or `datetime:FORM`.
        lead_id_from: headings whose values make the `lead_id`, where there is none.
        accept_possible_numbers: see `phones.restored`.
    """

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    dropped: frozenset[str] = frozenset()
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    lead_id_from: Sequence[str] = ()
    accept_possible_numbers: bool = False

    def lead_of(self, row: Row, needed: Sequence[str] = FIXED) -> dict[str, Any]:
        """Return the fields of a row as they are to be checked and sent; those that are needed are there.

        Raises:
            RowError: it cannot become a lead.
        """
        if row.problem is not None:
            raise row.problem
        values: dict[str, Any] = dict(self.constants)
        for heading, given in _with_rest(row.values).items():
            if heading in self.dropped or heading in REJECT_COLUMNS:
                continue
            value = given.strip() if isinstance(given, str) else given
            if value != "" if isinstance(value, str) else not is_missing(value):
                name = self.fields.get(heading, heading)
                values[name] = self._typed(name, value) if name in self.types else value
        if "phone_number" in values:
            accept = self.accept_possible_numbers
            values["phone_number"] = restored(values["phone_number"], accept_possible=accept)
        if "lead_id" not in values and self.lead_id_from:
            values["lead_id"] = self._made_id(row, values.get("phone_number"))
        if "lead_id" in values:
            values["lead_id"] = _as_id(values["lead_id"])
        for name in needed:
            if name not in values:
                raise RowError(f"{name}_missing", name, "is missing")
        return values

    def _typed(self, name: str, value: Any) -> Any:
        kind, _, form = self.types[name].partition(":")
        if kind == "text" or name in FIXED:
            return str(value) if kind == "text" else value
        try:
            return _CONVERT[kind](str(value), form)
        except (ValueError, OverflowError):
            raise RowError(f"{_code(name)}_type", name, f"is no {kind} {form}".rstrip()) from None

    def _made_id(self, row: Row, phone_number: Any) -> str:
        parts: list[str] = []
        for heading in self.lead_id_from:
            value = row.values.get(heading)
            if phone_number and self.fields.get(heading, heading) == "phone_number":
                value = phone_number
            parts.append("" if is_missing(value) else str(_as_id(value)).strip())
            if not parts[-1]:
                raise RowError("lead_id_missing", "lead_id", f"cannot be made: {heading} is empty")
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _with_rest(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a row; of one that was rejected before, with those that had no column of their own."""
    rest: Any = values.get(REST)
    if not isinstance(rest, str) or not rest:
        return values
    try:
        others: Any = json.loads(rest)
    except ValueError:
        others = None
    if not isinstance(others, dict):
        raise RowError("rest_unreadable", REST, "is not the JSON object that it was")
    left = cast(dict[str, Any], others)
    return {**values, **{name: value for name, value in left.items() if values.get(name) in (None, "")}}


def columns_for(
    headings: Sequence[str],
    *,
    given: Columns,
    custom_fields: Iterable[str] = (),
    needed: Sequence[str] = FIXED,
) -> Columns:
    """Return the columns completed by what usual headings mean.

    Args:
        headings: of the source.
        given: what the user said; it goes before every guess.
        custom_fields: names in the campaign's own type of lead.
        needed: fields without which nothing can be sent.

    Raises:
        InvalidInputError: a heading that was named is not there, or it is not certain which column is meant.
    """
    if any(looks_like_a_phone_number(each) or "@" in each for each in headings):
        raise _question("the first line is a row, not the names of the columns: add a line with names")
    for heading in (*given.fields, *given.dropped, *given.lead_id_from):
        if heading not in headings:
            raise _question(f"there is no column {heading!r}. There are: {_listed(headings)}")
    fields = dict(given.fields)
    for name in needed:
        if name in fields.values() or name in given.constants or (name == "lead_id" and given.lead_id_from):
            continue
        left = [each for each in headings if each not in fields and each not in given.dropped]
        found = _guessed(name, left)
        if len(found) > 1:
            raise _question(
                f"which column is {name}: {' or '.join(map(repr, found))}? Say so: --map {found[0]!r}={name}"
                f", and --drop the others or --map them to names of their own"
            )
        if found:
            fields[found[0]] = name
        elif name == "lead_id":
            raise _question(
                "no column is recognised as lead_id. Name one: --map COLUMN=lead_id,"
                f" or make it of others: --lead-id-from COLUMN. There are: {_listed(headings)}"
            )
        else:
            raise _question(f"no column is recognised as {name}: --map COLUMN={name}. There are: {_listed(headings)}")
    _refuse_twice(headings, fields, given)
    known = {each.lower(): each for each in custom_fields}
    for heading in headings:
        if heading not in fields and heading not in given.dropped and _plain(heading).replace(" ", "_") in known:
            fields[heading] = known[_plain(heading).replace(" ", "_")]
    return replace(given, fields=fields)


def _guessed(name: str, headings: Sequence[str]) -> list[str]:
    exact = [each for each in headings if each.strip() == name]
    if exact:
        return exact
    usual = [
        each for each in headings if _plain(each) in _USUAL.get(name, ()) or _plain(each) == name.replace("_", " ")
    ]
    return usual or [each for each in headings if _plain(each) in _ONLY_IF_ALONE.get(name, ())]


def _refuse_twice(headings: Sequence[str], fields: Mapping[str, str], given: Columns) -> None:
    names = [fields.get(each, each) for each in headings if each not in given.dropped and each not in REJECT_COLUMNS]
    twice = next((name for name in (*names, *given.constants) if (*names, *given.constants).count(name) > 1), None)
    if twice is not None:
        both = [each for each in headings if fields.get(each, each) == twice]
        raise _question(f"{twice} would come from {' and '.join(map(repr, both or [twice]))}: --drop or --map one")


def inferred_types(columns: Columns, rows: Iterable[Row]) -> tuple[dict[str, str], list[str], int]:
    """Return types that whole columns of text agree on, notes about what was left as text, and how many rows there are.

    Digits with a leading zero stay text: they are codes, not numbers.
    """
    left: dict[str, set[str]] = {}
    zeros: set[str] = set()
    count = 0
    for row in rows:
        count += 1
        for heading, value in row.values.items():
            name = columns.fields.get(heading, heading)
            if name in FIXED or heading in columns.dropped or name in columns.types or heading in REJECT_COLUMNS:
                continue
            text = value.strip() if isinstance(value, str) else ""
            if not text:
                continue
            possible = left.setdefault(name, {"integer", "number", "boolean"})
            if possible:
                possible &= _kinds(text)
                if not possible and re.fullmatch(r"0[0-9]+", text):
                    zeros.add(name)
    types = {
        name: next((kind for kind in ("boolean", "integer", "number") if kind in kinds), "text")
        for name, kinds in left.items()
    }
    notes = [f"{name} is sent as {kind}" for name, kind in types.items() if kind != "text"]
    notes += [f"{name} stays text: it has digits that begin with 0" for name in sorted(zeros)]
    return types, notes, count


def _kinds(text: str) -> set[str]:
    kinds = set[str]()
    if _INTEGER.fullmatch(text):
        kinds |= {"integer", "number"}
    elif _NUMBER.fullmatch(text):
        kinds.add("number")
    if text.lower() in _BOOLEANS:
        kinds.add("boolean")
    return kinds


def _as_integer(text: str, _: str) -> int:
    return int(text)


def _as_number(text: str, _: str) -> float | int:
    number = float(text.replace(",", ""))
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() else number


def _as_boolean(text: str, _: str) -> bool:
    known = {**_BOOLEANS, "yes": True, "no": False, "1": True, "0": False}
    if text.strip().lower() not in known:
        raise ValueError(text)
    return known[text.strip().lower()]


def _as_date(text: str, form: str) -> str:
    return _moment(text, form).date().isoformat()


def _as_datetime(text: str, form: str) -> str:
    moment = _moment(text, form)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _moment(text: str, form: str) -> datetime:
    """A cell that a spreadsheet keeps as a date comes in ISO form, whatever form the others have as text."""
    if not form:
        return datetime.fromisoformat(text)
    try:
        return datetime.strptime(text, form)
    except ValueError:
        if not _ISO.match(text):
            raise
        return datetime.fromisoformat(text)


_CONVERT: Mapping[str, Callable[[str, str], Any]] = {
    "integer": _as_integer,
    "number": _as_number,
    "boolean": _as_boolean,
    "date": _as_date,
    "datetime": _as_datetime,
}


def _as_id(value: Any) -> Any:
    """A spreadsheet's 17.0 is 17; text and whole numbers stay as they are."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _code(name: str) -> str:
    return name if re.fullmatch(r"[a-z0-9_]+", name) else "field"


def _plain(heading: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", spaced.lower()).split())


def _listed(headings: Sequence[str]) -> str:
    shown = ", ".join(repr(each) for each in headings[:20])
    return shown + (f" and {len(headings) - 20} more" if len(headings) > 20 else "")


def _question(reason: str) -> InvalidInputError:
    return InvalidInputError([Problem(None, None, "columns", reason)])
