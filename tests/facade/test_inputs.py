"""Leads are taken in the forms that people have them in, or refused by name; nothing of pandas is imported for it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy
import polars
import pytest
import sqlalchemy
from pydantic import BaseModel, Field

from squadiq import InvalidInputError, Lead
from squadiq.outbox import Outbox
from squadiq.validation import prepare_leads, prepare_references

pandas: Any = import_module("pandas")  # these two have no types
TABLE: Any = import_module("pyarrow").Table
FRAMES: list[Any] = [pandas.DataFrame, polars.DataFrame, TABLE.from_pylist]
VALUES: tuple[str, str, str, int] = ("u1", "9876543210", "Asha", 3)
LEAD: dict[str, Any] = {"lead_id": "u1", "phone_number": "9876543210", "contact_name": "Asha", "visits": 3}
SENT = {**LEAD, "phone_number": "+919876543210"}
KEY = UUID("7f2c1a00-0000-4000-8000-000000000001")


@dataclass
class Person:
    lead_id: str
    phone_number: str
    contact_name: str
    visits: int


class PersonTuple(NamedTuple):
    lead_id: str
    phone_number: str
    contact_name: str
    visits: int


class Camel(BaseModel):
    """A model of somebody's own, with aliases and a field that nobody filled."""

    lead_id: str = Field(alias="leadId")
    phone_number: str
    contact_name: str
    visits: int
    unset: str | None = None


def sqlite_rows() -> list[sqlite3.Row]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    select = "SELECT 'u1' AS lead_id, '9876543210' AS phone_number, 'Asha' AS contact_name, 3 AS visits"
    rows = connection.execute(select).fetchall()
    connection.close()
    return rows


def sqlalchemy_rows() -> list[Any]:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        columns = [sqlalchemy.literal(value).label(name) for name, value in LEAD.items()]
        rows = connection.execute(sqlalchemy.select(*columns)).all()
    engine.dispose()
    return list(rows)


FORMS: dict[str, Callable[[], Any]] = {
    "mapping": lambda: [LEAD],
    "model": lambda: [Lead(**LEAD)],
    "another model": lambda: [Camel.model_validate({**LEAD, "leadId": "u1"})],
    "dataclass": lambda: [Person("u1", "9876543210", "Asha", 3)],
    "named tuple": lambda: [PersonTuple(*VALUES)],
    "sqlite3": sqlite_rows,
    "SQLAlchemy": sqlalchemy_rows,
    "pandas": lambda: pandas.DataFrame([LEAD]),
    "pandas row": lambda: [row for _, row in pandas.DataFrame([LEAD]).iterrows()],
    "polars": lambda: polars.DataFrame([LEAD]),
    "pyarrow": lambda: TABLE.from_pylist([LEAD]),
}


def prepared(leads: Any) -> list[Lead]:
    return prepare_leads(leads, Lead, normalise_phone_numbers=True)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_lead(form: str, tmp_path: Path) -> None:
    [lead] = prepared(FORMS[form]())
    assert lead.model_dump() == SENT
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        assert outbox.create_leads("campaign-1", FORMS[form]()) == 1


@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_missing_in_a_frame_is_left_out_or_told(frame: Callable[[Any], Any]) -> None:
    given = [{**LEAD, "amount": 1.5}, {**LEAD, "lead_id": "u2", "phone_number": "9876543211", "amount": None}]
    first, second = prepared(frame(given))
    assert first.model_dump()["amount"] == 1.5
    assert second.model_dump().get("amount") is None
    with pytest.raises(InvalidInputError, match="lead 'u1': contact_name is missing"):
        prepared(frame([{**LEAD, "contact_name": None}]))


@pytest.mark.parametrize("value", [pandas.NaT, pandas.NA, numpy.float64("nan"), Decimal("NaN"), numpy.ma.masked])
def test_a_value_that_is_missing_is_left_out(value: Any) -> None:
    [lead] = prepared([{**LEAD, "amount": value}])
    assert "amount" not in lead.model_dump()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (numpy.int64(4), b"4"),
        (numpy.float32(0.5), b"0.5"),
        (numpy.bool_(True), b"true"),
        (numpy.str_("Lite"), b'"Lite"'),
        (Decimal("10.10"), b'"10.10"'),
        (KEY, f'"{KEY}"'.encode()),
        (date(2026, 11, 25), b'"2026-11-25"'),
        (pandas.Timestamp("2026-11-25T10:00:00Z"), b'"2026-11-25T10:00:00Z"'),
    ],
)
def test_values_of_other_types_are_written_as_json_has_them(value: Any, written: bytes) -> None:
    [lead] = prepared([{**LEAD, "plan": value}])
    assert b'"plan":' + written in lead.model_dump_json().encode()


@pytest.mark.parametrize("value", [numpy.datetime64("2026-11-25"), numpy.array([1]), numpy.timedelta64(1), object()])
def test_a_value_that_json_cannot_say_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"plan holds something that JSON cannot say .{type(value).__name__}"):
        prepared([{**LEAD, "plan": value}])


def test_a_uuid_is_a_lead_id() -> None:
    assert prepared([{**LEAD, "lead_id": KEY}])[0].lead_id == str(KEY)
    assert prepare_references([KEY, 7])[0].lead_id == str(KEY)
    assert [each.lead_id for each in prepare_references(pandas.Series(["u1", "u2"]))] == ["u1", "u2"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("1bcf6dad-1ff6-4e7b-aec5-4aa942ec17d7", "1bcf6dad-1ff6-4e7b-aec5-4aa942ec17d7"),
        ("019ac3f2-7c10-7d4e-8b1a-0c5d6e7f8a9b", "019ac3f2-7c10-7d4e-8b1a-0c5d6e7f8a9b"),  # version 7
        ("7f2c1a00-0000-4000-8000-919876543210", "…10"),  # put together by hand
        ("00000000-0000-0000-0000-00919876543210"[-36:], "…10"),
        ("1bcf6dad-1ff6-4e7b-aec5-4aa942ec17d79876543210", "…10"),
    ],
)
def test_messages_name_a_lead_by_its_uuid_unless_that_holds_a_phone_number(key: str, shown: str) -> None:
    with pytest.raises(InvalidInputError, match=f"lead '{shown}': phone_number"):
        prepared([{**LEAD, "lead_id": key, "phone_number": "12"}])
    assert f"lead_id='{shown}'" in repr(Lead(**{**LEAD, "lead_id": key}))


@pytest.mark.parametrize("one", [FORMS["dataclass"]()[0], *(FORMS[name]()[0] for name in ("another model", "sqlite3"))])
def test_one_lead_is_not_taken_for_a_list(one: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"leads is (one, )?not a list"):
        prepared(one)


def test_a_result_of_a_query_is_a_list_and_not_one_lead() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        columns = [sqlalchemy.literal(value).label(name) for name, value in LEAD.items()]
        assert len(prepared(connection.execute(sqlalchemy.select(*columns)))) == 1
    engine.dispose()


class Ordinary:
    lead_id = "u1"


@pytest.mark.parametrize("item", [Ordinary(), Person, PersonTuple, dict, ("u1", "9876543210", "Asha")])
def test_what_has_no_named_fields_is_refused_by_its_type(item: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=f"nor another row with named fields, but of type {type(item).__name__}"
    ):
        prepared([item])


def test_a_class_is_no_list() -> None:
    with pytest.raises(InvalidInputError, match="leads is not a list"):
        prepared(PersonTuple)


def test_a_frame_with_two_columns_of_one_name_is_refused() -> None:
    frame = pandas.DataFrame([["u1", "9876543210", "Asha", "Asha"]], columns=[*list(LEAD)[:3], "contact_name"])
    with pytest.raises(InvalidInputError, match="leads cannot be read: two columns have one name"):
        prepared(frame)


def test_the_facade_imports_none_of_these() -> None:
    code = "import sys, squadiq.validation; print({'numpy', 'pandas', 'polars', 'pyarrow'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_iterable_of_several_forms_is_taken() -> None:
    people: Iterable[Any] = ({**LEAD, "lead_id": "u2", "phone_number": "9876543211"}, Person(*VALUES))
    assert [lead.lead_id for lead in prepared(people)] == ["u2", "u1"]
