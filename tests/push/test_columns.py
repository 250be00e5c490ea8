"""Which column is which field, and what rows become of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from squadiq.errors import InvalidInputError
from squadiq.push.columns import REJECT_COLUMNS, Columns, columns_for, inferred_types
from squadiq.push.rows import Row, RowError

HEADINGS = ["lead_id", "phone_number", "contact_name"]


@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        (["lead_id", "phone_number", "contact_name"], {}),
        (["Lead ID", "Mobile No.", "Full Name"], {}),
        (["leadId", "PhoneNumber", "Customer Name"], {}),
        (["ID", "mobile", "NAME"], {}),
        (["Ref", "phone", "name", "City"], {}),
        (["lead_id", "phone_number", "phone", "contact_name"], {}),  # what is exact is certain
        (["crm", "cell", "who"], {"crm": "lead_id", "who": "contact_name"}),
    ],
)
def test_usual_headings_are_known(headings: list[str], fields: dict[str, str]) -> None:
    columns = columns_for(headings, given=Columns(fields=fields))
    assert set(columns.fields.values()) == set(HEADINGS)
    assert columns.fields.get("City") is None


@pytest.mark.parametrize(
    ("headings", "given", "said"),
    [
        (["id", "Mobile", "Phone", "name"], Columns(), "which column is phone_number: 'Mobile' or 'Phone'"),
        (["phone", "name"], Columns(), "--lead-id-from COLUMN"),
        (["id", "name"], Columns(), "no column is recognised as phone_number"),
        (HEADINGS, Columns(fields={"nope": "x"}), "there is no column 'nope'"),
        (HEADINGS, Columns(dropped=frozenset({"nope"})), "there is no column 'nope'"),
        (HEADINGS, Columns(lead_id_from=["nope"]), "there is no column 'nope'"),
        ([*HEADINGS, "a"], Columns(fields={"a": "b"}, constants={"b": 1}), "b would come from 'a'"),
        ([*HEADINGS, "a", "b"], Columns(fields={"a": "b"}), "b would come from 'a' and 'b'"),
        (HEADINGS, Columns(constants={"x": 1, "lead_id": "1"}), "lead_id would come from"),
        ([f"h{number}" for number in range(25)], Columns(), "and 5 more"),
    ],
)
def test_what_is_not_certain_is_a_question(headings: list[str], given: Columns, said: str) -> None:
    with pytest.raises(InvalidInputError, match="columns") as asked:
        columns_for(headings, given=given)
    assert said in str(asked.value)


def test_a_heading_of_a_custom_field_in_other_letters_is_that_field() -> None:
    columns = columns_for([*HEADINGS, "Loan Amount", "other"], given=Columns(), custom_fields=["loan_amount", "city"])
    assert columns.fields == {name: name for name in HEADINGS} | {"Loan Amount": "loan_amount"}


def lead_of(columns: Columns, **values: Any) -> dict[str, Any]:
    return columns.lead_of(Row(2, {"lead_id": "1", "phone_number": "9876543210", "contact_name": "Asha", **values}))


def test_what_is_dropped_empty_or_of_an_earlier_rejection_is_not_sent() -> None:
    columns = Columns(dropped=frozenset({"secret"}), constants={"source": "web"})
    values = {"secret": "x", "empty": "  ", "none": None, "nan": float("nan"), "city": " Pune "}
    found = lead_of(columns, **values, **dict.fromkeys(REJECT_COLUMNS[:3], "x"))
    expected = {"lead_id": "1", "phone_number": "+919876543210", "contact_name": "Asha"}
    assert found == {**expected, "source": "web", "city": "Pune"}


def test_what_had_no_column_in_the_file_of_rejected_rows_comes_back() -> None:
    found = lead_of(Columns(), squadiq_rest='{"tags": ["a"], "contact_name": "Other"}', tags="")
    assert (found["tags"], found["contact_name"]) == (["a"], "Asha")
    for broken in ("{", "[1]"):
        with pytest.raises(RowError, match="not the JSON object"):
            lead_of(Columns(), squadiq_rest=broken)


@pytest.mark.parametrize("name", HEADINGS)
def test_what_every_lead_needs_is_missed_by_name(name: str) -> None:
    with pytest.raises(RowError) as missing:
        lead_of(Columns(), **{name: ""})
    assert missing.value.code == f"{name}_missing"


def test_a_made_lead_id_is_the_same_for_every_form_of_a_row() -> None:
    columns = Columns(fields={"Mobile": "phone_number"}, lead_id_from=["Mobile", "ref"])
    forms = [("9876543210", "17"), ("+91 98765 43210", " 17 "), (9876543210.0, 17.0), ("9876543210.0", 17)]
    made = {
        columns.lead_of(Row(2, {"Mobile": mobile, "ref": ref, "contact_name": "A"}))["lead_id"] for mobile, ref in forms
    }
    # It must not change over versions either: whoever was pushed would be called again.
    assert made == {hashlib.sha256(b"+919876543210\x1f17").hexdigest()[:32]}
    with pytest.raises(RowError, match="cannot be made: ref is empty"):
        columns.lead_of(Row(2, {"Mobile": "9876543210", "ref": None, "contact_name": "A"}))


def test_a_lead_id_that_is_there_is_not_made() -> None:
    assert lead_of(Columns(lead_id_from=["contact_name"]))["lead_id"] == "1"
    assert lead_of(Columns(), lead_id=17.0)["lead_id"] == 17


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("text", "007", "007"),
        ("text", 7, "7"),
        ("integer", "12", 12),
        ("number", "1,250.5", 1250.5),
        ("number", "3.0", 3),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("date", "2025-01-31", "2025-01-31"),
        ("date:%d/%m/%Y", "31/01/2025", "2025-01-31"),
        ("date:%d/%m/%Y", "2025-01-31", "2025-01-31"),  # as a spreadsheet keeps it beside those typed as text
        ("date:%Y-%d-%m", "2025-02-01", "2025-01-02"),
        ("datetime", "2025-01-31T10:00:00+05:30", "2025-01-31T10:00:00+05:30"),
        ("datetime:%d.%m.%Y %H:%M", "31.01.2025 10:00", "2025-01-31T10:00:00+00:00"),
    ],
)
def test_values_become_what_their_type_says(kind: str, text: Any, expected: Any) -> None:
    assert lead_of(Columns(types={"it": kind}), it=text)["it"] == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "x"),
        ("number", "nan"),
        ("number", "1e999"),
        ("boolean", "2"),
        ("date", "31/01/2025"),
        ("date:%d/%m/%Y", "01/31/2025"),
        ("datetime", "soon"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_without_it(kind: str, text: str) -> None:
    with pytest.raises(RowError) as refused:
        lead_of(Columns(types={"it": kind}), it=text)
    assert refused.value.code == "it_type"
    assert text not in str(refused.value)
    with pytest.raises(RowError) as refused:
        lead_of(Columns(types={"Its Own": kind}), **{"Its Own": text})
    assert refused.value.code == "field_type"


def types_of(*values: str, name: str = "it", columns: Columns | None = None) -> tuple[dict[str, str], list[str]]:
    rows = [Row(number, {name: value, "lead_id": "1"}) for number, value in enumerate(values)]
    types, notes, count = inferred_types(columns or Columns(), rows)
    assert count == len(values)
    return types, notes


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "", "0"], "integer"),
        (["1", "2.50"], "number"),
        (["true", "FALSE"], "boolean"),
        (["1", "x"], "text"),
        (["1", "true"], "text"),
        (["411001", "011001"], "text"),
        (["1234567890123456"], "text"),  # more digits than a number keeps
        (["1e5"], "text"),
        (["+5"], "text"),
    ],
)
def test_a_type_is_taken_only_where_the_whole_column_agrees(values: list[str], kind: str) -> None:
    types, notes = types_of(*values)
    assert types == {"it": kind}
    told = {"411001"} <= set(values)
    assert notes == (
        ["it stays text: it has digits that begin with 0"] if told else [f"it is sent as {kind}"][: kind != "text"]
    )


def test_what_is_empty_given_or_not_sent_has_no_type() -> None:
    assert types_of("", " ") == ({}, [])
    assert types_of("1", columns=Columns(types={"it": "text"})) == ({}, [])
    assert types_of("1", columns=Columns(dropped=frozenset({"it"}))) == ({}, [])
    assert types_of("1", name="squadiq_row") == ({}, [])


def test_a_row_that_cannot_be_read_stays_so() -> None:
    problem = RowError("row_unreadable", "row", "is not JSON")
    with pytest.raises(RowError, match="is not JSON"):
        Columns().lead_of(Row(1, {}, problem))


@pytest.mark.parametrize("headings", [["1", "9876543210", "Asha Rao"], ["1", "asha@example.com", "Asha Rao"]])
def test_a_file_whose_first_line_is_a_person_is_refused_without_telling_who(headings: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="the first line is a row") as refused:
        columns_for(headings, given=Columns())
    assert not any(each in str(refused.value) for each in headings[1:])
