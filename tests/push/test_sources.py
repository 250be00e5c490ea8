"""Files as people make them: each row is read, or refused with its reason; none is lost in silence."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from squadiq_generated.models import Lead

from squadiq.errors import InvalidInputError
from squadiq.push.rows import Row
from squadiq.push.sources import open_source

HEADINGS = ["lead_id", "Mobile No", "name"]
openpyxl: Any = import_module("openpyxl")
LEAD = Lead(lead_id="x", phone_number="9876543210", contact_name="A")


def told(row: Row) -> tuple[int, dict[str, Any], str]:
    return row.number, dict(row.values), str(row.problem)


def rows_of(given: Any, **options: Any) -> list[Row]:
    source = open_source(given, **options)
    first = list(source.read())
    if source.can_be_read_again:
        assert list(map(told, source.read())) == list(map(told, first))
    return first


def values_of(given: Any, **options: Any) -> list[dict[str, Any]]:
    return [dict(row.values) for row in rows_of(given, **options)]


def refused(given: Any, **options: Any) -> str:
    with pytest.raises(InvalidInputError) as error:
        rows_of(given, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8,"),
        ("utf-8-sig", "UTF-8 with a byte order mark,"),
        ("utf-16", "UTF-16,"),
        ("utf-16-le", "utf-16-le,"),
        ("utf-16-be", "utf-16-be,"),
        ("cp1252", "cp1252,"),
    ],
)
@pytest.mark.parametrize(("sign", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_a_csv_is_read_however_it_is_written(tmp_path: Path, encoding: str, told: str, sign: str, name: str) -> None:
    cells = ["1", "9876543210", "Ásha"]
    with (tmp_path / "leads.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=sign).writerows([HEADINGS, cells, [], ["2", "9876543211", "Ravi, K; | \t\nJr"]])
    source = open_source(tmp_path / "leads.csv")
    assert source.headings == HEADINGS
    assert source.notes == (f"{told} {name} between cells",)
    found = list(source.read())
    assert [list(row.values.values()) for row in found] == [cells, ["2", "9876543211", "Ravi, K; | \t\nJr"]]
    assert [row.number for row in found] == [2, 4]


def text_file(folder: Path, text: str, name: str = "leads.csv") -> Path:
    (folder / name).write_bytes(text.encode())
    return folder / name


def test_what_is_given_is_believed(tmp_path: Path) -> None:
    path = text_file(tmp_path, "a:b,c\n1:2,3\n")
    assert values_of(path, delimiter=":") == [{"a": "1", "b,c": "2,3"}]
    assert values_of(path, delimiter="comma", encoding="latin-1") == [{"a:b": "1:2", "c": "3"}]
    assert open_source(path, delimiter=":").notes == ("UTF-8, ':' between cells",)


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13", "base64", "a\0b"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    assert "there is no encoding" in refused(text_file(tmp_path, "a,b\n1,2\n"), encoding=encoding)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = text_file(tmp_path, "a,b\n1,é\n")
    assert "is not written in ascii" in refused(path, encoding="ascii")
    assert "give one character" in refused(path, delimiter="tabs")
    (tmp_path / "odd.csv").write_bytes(b"a,b\n\x81,\xe9\n")  # neither UTF-8 nor cp1252
    assert "not written in cp1252: give --encoding" in refused(tmp_path / "odd.csv")


def test_rows_of_odd_lengths(tmp_path: Path) -> None:
    path = text_file(tmp_path, "a,b,,\n1\n1,2,,\n1,2,3\n , \n")
    short, whole, long = rows_of(path)
    assert (dict(short.values), short.problem) == ({"a": "1"}, None)
    assert (dict(whole.values), whole.problem) == ({"a": "1", "b": "2"}, None)
    assert long.problem is not None
    assert str(long.problem) == "row has 3 cells under 2 headings"


def test_a_quote_that_is_never_closed_hides_no_rows(tmp_path: Path) -> None:
    rows = "".join(f"{number},98765{number:05}\n" for number in range(50))
    said = refused(text_file(tmp_path, f'id,phone\n1,"9876543210\n{rows}'))
    assert "a quote in leads.csv is never closed, in the last 51 lines" in said
    assert "never closed" in refused(text_file(tmp_path, 'id,phone\n1,"9876543210'))
    assert values_of(text_file(tmp_path, 'id,size\n1,5" disk\n')) == [{"id": "1", "size": '5" disk'}]
    assert len(rows_of(text_file(tmp_path, 'id,size\n1,"two\nlines"\n'))) == 1
    assert len(rows_of(text_file(tmp_path, 'id,size\n1,"two" odd\n2,"two\nlines" odd"\n'))) == 2


def test_a_quote_that_is_closed_rows_later_hides_none(tmp_path: Path) -> None:
    found = rows_of(text_file(tmp_path, 'id,phone,name\n1,9876543210,"A\n2,9876543211,B\n3,9876543212,C"\n4,5,D\n'))
    assert [row.number for row in found] == [2, 5]
    assert found[0].problem is not None
    assert "quote in it is not closed" in str(found[0].problem)
    assert found[1].problem is None
    address = rows_of(text_file(tmp_path, 'id,phone,name\n1,9876543210,"12, MG Road\nPune, 411001, India"\n'))
    assert address[0].problem is None


def test_a_cell_without_end_is_refused(tmp_path: Path) -> None:
    path = text_file(tmp_path, 'id,phone\n1,"' + "9876543210,x\n" * 100_000 + '"\n')
    assert "line 2 of leads.csv cannot be read" in refused(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: its first line should name the columns"),
        ("\n\n", "is empty"),
        ("id,Phone,id\n", "two columns have the heading 'id'"),
        ("9876543210,9876543210,Asha Rao\n", "its first line is a row, not the names"),
    ],
)
def test_a_file_without_usable_headings_is_refused(tmp_path: Path, text: str, said: str) -> None:
    told = refused(text_file(tmp_path, text))
    assert said in told
    assert "Asha" not in told
    assert "98765" not in told


def test_headings_alone_are_no_rows(tmp_path: Path) -> None:
    assert rows_of(text_file(tmp_path, "id,,phone\n")) == []
    assert open_source(tmp_path / "leads.csv").headings == ["id", "column 2", "phone"]


@pytest.mark.parametrize("name", ["", "nowhere.csv"])
def test_a_folder_or_nothing_is_refused(tmp_path: Path, name: str) -> None:
    assert "is not there, or is no file" in refused(tmp_path / name)


def test_a_file_that_may_not_be_read_is_refused() -> None:
    assert "cannot be read" in refused("/proc/self/mem")


# Spreadsheets


def book(path: Path, *tables: list[list[Any]], hidden: int = 0) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for number, table in enumerate(tables):
        sheet = made.create_sheet(f"Sheet {number}")
        for row in table:
            sheet.append(row)
        sheet.sheet_state = "hidden" if number < hidden else "visible"
    made.save(path)
    return path


def test_a_workbook_is_read_as_a_person_sees_it(tmp_path: Path) -> None:
    cells = [17, 9876543210, "Asha", date(2025, 1, 31), datetime(2025, 1, 31, 10, 30), time(9, 5), 1.5, True]
    headings = ["id", "phone", "name", "on", "at", "clock", "amount", "ok"]
    path = book(tmp_path / "leads.xlsx", [["old"]], [headings, cells, [None] * 8, ["x", "", " "]], [["more"]], hidden=1)
    source = open_source(path)
    assert source.notes == ["sheet 'Sheet 1', 1 others left out"]
    first, second = source.read()
    expected = [17, 9876543210, "Asha", "2025-01-31", "2025-01-31T10:30:00", "09:05:00", 1.5, True]
    assert list(first.values.values()) == expected
    assert (first.number, second.number) == (2, 4)
    assert second.values["phone"] is None
    assert not source.is_text


def test_a_table_may_begin_anywhere_and_have_cells_beside_it(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet: Any = made.active
    for place, value in {"B3": "id", "C3": "phone", "B4": "1", "C4": "9876543210", "B6": "2", "E6": "stray"}.items():
        sheet[place] = value
    made.save(tmp_path / "leads.xlsx")
    first, second = rows_of(tmp_path / "leads.xlsx")
    assert (first.number, dict(first.values), first.problem) == (4, {"id": "1", "phone": "9876543210"}, None)
    assert (second.number, second.problem is not None and second.problem.code) == (6, "row_too_long")


def test_a_formula_has_the_value_that_was_kept(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", [["id", "phone"], ["1", "=9876543210"]])
    assert values_of(path) == [] or values_of(path)[0]["phone"] in (None, 9876543210, "")


def test_broken_and_empty_workbooks_are_refused(tmp_path: Path) -> None:
    assert "cannot be read as a spreadsheet" in refused(text_file(tmp_path, "PK no", "leads.xlsx"))
    assert "the first sheet of e.xlsx is empty" in refused(book(tmp_path / "e.xlsx", [[None]]))


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/"/></manifest:manifest>"""
CONTENT = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body><office:spreadsheet>
<table:table table:name="Leads"><table:table-row>
<table:table-cell office:value-type="string"><text:p>id</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>phone</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>1</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="9876543210"><text:p>9876543210</text:p></table:table-cell>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def test_open_document_spreadsheets_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "leads.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", CONTENT.replace(">\n<", "><"))
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    assert values_of(tmp_path / "leads.ods") == [{"id": "1", "phone": 9876543210}]


# JSON Lines, Parquet, standard input


def test_broken_lines_of_json_are_refused_one_by_one(tmp_path: Path) -> None:
    lines = ['\ufeff{"lead_id": 1}', "", "{broken", "[1]", "[" * 100_000, '{"lead_id": "2"}']
    found = rows_of(text_file(tmp_path, "\n".join(lines), "leads.jsonl"))
    assert [row.number for row in found] == [1, 3, 4, 5, 6]
    assert [row.problem and str(row.problem) for row in found] == [
        None,
        "row is not JSON",
        "row is not a JSON object",
        "row is not JSON",
        None,
    ]


def test_parquet_is_read(tmp_path: Path) -> None:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(arrow.table({"id": [1.0, None], "on": [date(2025, 1, 1), None]}), tmp_path / "leads.parquet")
    assert values_of(tmp_path / "leads.parquet") == [{"id": 1, "on": "2025-01-01"}, {"id": None, "on": None}]
    assert "cannot be read as Parquet" in refused(text_file(tmp_path, "PAR", "bad.parquet"))


@pytest.mark.parametrize(
    ("content", "note"), [(b"lead_id;x\n1;2\n", "semicolon"), (b' {"lead_id": "1", "x": "2"}\n', "JSON Lines")]
)
def test_standard_input_is_kept_to_be_read_twice(monkeypatch: pytest.MonkeyPatch, content: bytes, note: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    source = open_source("-")
    assert source.path is None
    assert note in source.notes[0]
    assert [dict(row.values) for row in [*source.read(), *source.read()]] == [{"lead_id": "1", "x": "2"}] * 2


# Iterables


@dataclass
class Person:
    lead_id: str


def sqlite_row() -> sqlite3.Row:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    row: sqlite3.Row = connection.execute("SELECT 'x' AS lead_id").fetchone()
    connection.close()
    return row


def test_rows_of_any_kind_are_read() -> None:
    found = rows_of([{"lead_id": "x"}, LEAD, Person("x"), sqlite_row(), ("x",), Person])
    assert [row.values.get("lead_id") for row in found] == ["x", "x", "x", "x", None, None]
    assert [row.problem is None for row in found] == [True, True, True, True, False, False]


def test_an_iterator_is_read_once() -> None:
    assert not open_source(iter([{"lead_id": "x"}])).can_be_read_again


def breaking(error: Exception) -> Iterator[dict[str, str]]:
    yield {"lead_id": "x"}
    raise error


def test_rows_that_break_off_are_refused_without_their_words() -> None:
    said = refused(breaking(ValueError("Asha Rao")))
    assert "cannot be read after 1 rows (ValueError)" in said
    assert "Asha" not in said
    own = InvalidInputError([])
    with pytest.raises(InvalidInputError) as same:
        rows_of(breaking(own))
    assert same.value is own


@pytest.mark.parametrize(
    "given", [{"lead_id": "x"}, b"x", 5, Lead(lead_id="x", phone_number="9876543210", contact_name="A")]
)
def test_what_is_no_list_of_rows_is_refused(given: Any) -> None:
    assert "give a path, a frame, or an iterable" in refused(given)


# Frames


def test_frames_of_pandas_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"id": [1.0, None], "at": [pandas.Timestamp("2025-01-01"), pandas.NaT], "n": pandas.array([1, None], "Int64")}
    )
    assert values_of(frame) == [{"id": 1, "at": "2025-01-01", "n": 1}, {"id": None, "at": None, "n": None}]
    twice = pandas.concat([frame, frame], axis=1)
    assert "two columns have the heading 'id'" in refused(twice)


def test_frames_of_polars_are_read() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"id": [1.0, None], "at": [date(2025, 1, 1), None]})
    assert values_of(frame) == [{"id": 1, "at": "2025-01-01"}, {"id": None, "at": None}]


def test_a_source_shows_no_rows(tmp_path: Path) -> None:
    path = text_file(tmp_path, json.dumps({"name": "Asha"}), "leads.jsonl")
    assert "Asha" not in repr([open_source(path), *rows_of(path)])
