"""Write `tests/push/files/`: spreadsheets as people make them, each by a program that people use.

`python -m tests.push.make_files [FOLDER]`. Beside each file stands a JSON with what must come of each of its rows, by
the number that a person sees: the lead as it is sent, or the code by which it is refused. Everybody in it is invented.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import polars as pl

FILES = Path(__file__).parent / "files"
Outcome = str | dict[str, Any]
HEADINGS = ("Lead ID", "Mobile No", "Customer Name", "City")
MAKERS: dict[str, Callable[[Path], Mapping[int, Outcome]]] = {}


def file(name: str) -> Callable[[Callable[[Path], Mapping[int, Outcome]]], None]:
    """Make a file by this function, which returns what must come of its rows."""

    def keep(maker: Callable[[Path], Mapping[int, Outcome]]) -> None:
        MAKERS[name] = maker

    return keep


def lead(lead_id: str, number: str, name: str, **custom: Any) -> Outcome:
    return {"lead_id": lead_id, "phone_number": f"+91{number}", "contact_name": name, **custom}


PEOPLE = (
    ("K-1", "98765 43210", "Zoë Ferreira", "Köln"),
    ("K-2", "+91-98450-12345", "André D’Souza", "Pune, East"),
    ("K-3", "12345", "Meera Iyer", "Goa"),
    ("K-4", "09822012345", 'Ravi "Bunty" Kumar', "Flat #7, Agra"),
    ("K-5", "9876543210", "Somebody Else", "Köln"),
    ("", "9812345678", "Nila Das", "Puri"),
)
OF_PEOPLE: Mapping[int, Outcome] = {
    2: lead("K-1", "9876543210", "Zoë Ferreira", City="Köln"),
    3: lead("K-2", "9845012345", "André D’Souza", City="Pune, East"),
    4: "phone_number_invalid",
    5: lead("K-4", "9822012345", 'Ravi "Bunty" Kumar', City="Flat #7, Agra"),
    6: "duplicate_phone_number",
    7: "lead_id_missing",
}


def table(
    path: Path, rows: Sequence[Sequence[object]], encoding: str, delimiter: str, headings: Sequence[str] = HEADINGS
) -> None:
    with path.open("w", encoding=encoding, newline="") as opened:
        writer = csv.writer(opened, delimiter=delimiter)
        writer.writerow(headings)
        writer.writerows(rows)


def written(encoding: str, delimiter: str) -> Callable[[Path], Mapping[int, Outcome]]:
    def make(path: Path) -> Mapping[int, Outcome]:
        table(path, PEOPLE, encoding, delimiter)
        return OF_PEOPLE

    return make


for _encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"):
    for _name, _sign in (("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")):
        file(f"{_encoding}-{_name}.csv")(written(_encoding, _sign))


@file("phones.csv")
def phones(path: Path) -> Mapping[int, Outcome]:
    cells: tuple[tuple[str, str], ...] = (
        ("9876500001.0", "+919876500001"),
        ("'9876500002", "+919876500002"),
        ('="9876500003"', "+919876500003"),
        ("98765-00004 ", "+919876500004"),
        ("+91 +91 98765 00005", "+919876500005"),
        ("919876500006", "+919876500006"),
        ("0091 98765 00007", "+919876500007"),
        ("９８７６５００００８", "+919876500008"),
        ("98765\u00a000009", "+919876500009"),
        ("9876500010 / 98765 00010", "+919876500010"),
        ("9876500011 / 9845012345", "phone_number_several"),
        ("9.87654E+09", "phone_number_lost_digits"),
        ("9,8765E+09", "phone_number_lost_digits"),
        ("98765000", "phone_number_invalid"),
        ("+1 202 555 0123", "phone_number_invalid"),
        ("5012345678", "phone_number_unknown_series"),
        ("", "phone_number_missing"),
        ("n.a.", "phone_number_invalid"),
        ("022 2345 6789", "+912223456789"),
    )
    table(path, [(f"P-{n}", cell, "Asha Rao", "Pune") for n, (cell, _) in enumerate(cells)], "utf-8", ",")
    return {
        number: lead(f"P-{number - 2}", became[3:], "Asha Rao", City="Pune") if became[0] == "+" else became
        for number, (_, became) in enumerate(cells, 2)
    }


@file("types.csv")
def types(path: Path) -> Mapping[int, Outcome]:
    """PIN codes keep their zeros, a column that does not agree stays text, one that does becomes numbers."""
    rows = (
        ("T-1", "9876500021", "Asha", "01234", "5000", "12", "TRUE"),
        ("T-2", "9876500022", "Ravi", "11001", "2500.5", "about 7", "false"),
        ("T-3", "9876500023", "Nila", "", "", "", ""),
    )
    table(path, rows, "utf-8-sig", ",", ("id", "mobile", "name", "pin", "amount", "age", "is new"))
    return {
        2: lead("T-1", "9876500021", "Asha", pin="01234", amount=5000, age="12", **{"is new": True}),
        3: lead("T-2", "9876500022", "Ravi", pin="11001", amount=2500.5, age="about 7", **{"is new": False}),
        4: lead("T-3", "9876500023", "Nila"),
    }


@file("rows.csv")
def rows_of_all_lengths(path: Path) -> Mapping[int, Outcome]:
    """Cells over two lines, empty lines, rows that are short, and one that a delimiter in a name made long."""
    text = (
        "Lead ID,Mobile No,Customer Name,City,\r\n"
        'R-1,9876500031,"Asha\r\nRao",Pune,\r\n'
        "\r\n"
        "R-2,9876500032,Ravi\r\n"
        "R-3,9876500033,Das, Nila,Goa,x\r\n"
        ",,,,\r\n"
        'R-4,9876500034,Meera,"Agra\r\nEast"\r\n'
        "R-4,9876500035,Meera,Agra\r\n"
        "R-6,9876500036,#N/A,Agra\r\n"
        "R-7,9876500037,Kiran,#REF!\r\n"
    )
    path.write_bytes(text.encode())
    return {
        2: "contact_name_invalid",
        5: lead("R-2", "9876500032", "Ravi"),
        6: "row_too_long",
        8: lead("R-4", "9876500034", "Meera", City="Agra\r\nEast"),
        10: "duplicate_lead_id",
        11: "contact_name_invalid",
        12: "field_invalid",
    }


@file("pandas.csv")
def of_pandas(path: Path) -> Mapping[int, Outcome]:
    """A column of numbers of which one is missing is written with a point and a zero."""
    frame = pd.DataFrame(
        {
            "lead_id": ["A-1", "A-2", "A-3"],
            "phone": [9876500041, None, 9876500043],
            "name": ["Asha", "Ravi", "Nila"],
            "amount": [10.0, 20.0, None],
        }
    )
    frame.to_csv(path, index=False)  # pyright: ignore[reportUnknownMemberType]
    return {
        2: lead("A-1", "9876500041", "Asha", amount=10),
        3: "phone_number_missing",
        4: lead("A-3", "9876500043", "Nila"),
    }


@file("polars.csv")
def of_polars(path: Path) -> Mapping[int, Outcome]:
    polars_frame().write_csv(path)
    return of_polars_rows()


@file("polars.ndjson")
def lines_of_polars(path: Path) -> Mapping[int, Outcome]:
    polars_frame().write_ndjson(path)
    return {number - 1: outcome for number, outcome in of_polars_rows().items()}


@file("polars.parquet")
def parquet_of_polars(path: Path) -> Mapping[int, Outcome]:
    polars_frame().write_parquet(path)
    return {number - 1: outcome for number, outcome in of_polars_rows().items()}


def of_polars_rows() -> Mapping[int, Outcome]:
    return {
        2: lead("B-1", "9876500051", "Asha", since="2026-01-31"),
        3: "contact_name_missing",
        4: lead("B-3", "9876500053", "Nila", since="2026-02-01"),
    }


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "lead_id": ["B-1", "B-2", "B-3"],
            "mobile": [9876500051, 9876500052, 9876500053],
            "name": ["Asha", None, "Nila"],
            "since": [date(2026, 1, 31), None, date(2026, 2, 1)],
        }
    )


@file("pandas.parquet")
def parquet_of_pandas(path: Path) -> Mapping[int, Outcome]:
    frame = pd.DataFrame({"id": [1, 2], "phone": [9876500061.0, float("nan")], "name": ["Asha", "Ravi"]})
    frame.to_parquet(path, index=False)  # pyright: ignore[reportUnknownMemberType]
    return {1: lead("1", "9876500061", "Asha"), 2: "phone_number_missing"}


@file("pandas.xlsx")
def workbook_of_pandas(path: Path) -> Mapping[int, Outcome]:
    frame = pd.DataFrame(
        {
            "Lead ID": [17, 18, 19],
            "Phone Number": [9876500071.0, None, 9.8765e9],
            "Contact Name": ["Asha", "Ravi", "Nila"],
            "Rate": [1.5, 2.0, None],
        }
    )
    frame.to_excel(path, index=False)  # pyright: ignore[reportUnknownMemberType]
    return {
        2: lead("17", "9876500071", "Asha", Rate=1.5),
        3: "phone_number_missing",
        # Rounded by who wrote it; nobody can know from the number alone.
        4: lead("19", "9876500000", "Nila"),
    }


@file("openpyxl.xlsx")
def workbook(path: Path) -> Mapping[int, Outcome]:
    """A hidden sheet before the leads, a title above the table, cells of every type."""
    book = openpyxl.Workbook()
    hidden = book.active
    assert hidden is not None
    hidden.title = "lists"
    hidden.append(["lead id", "phone", "name"])
    hidden.sheet_state = "hidden"
    sheet = book.create_sheet("January")
    sheet["B3"], sheet["C3"], sheet["D3"], sheet["E3"], sheet["F3"] = "Lead No", "Mobile", "Name", "PIN", "Joined"
    rows: Sequence[Sequence[Any]] = (
        ("X-1", 9876500081, "Asha", "01234", datetime(2026, 1, 31, tzinfo=UTC).replace(tzinfo=None)),
        ("X-2", "'9876500082", "Ravi", 411001, date(2026, 2, 1)),
        ("X-3", "9.87654E+09", "Nila", None, None),
        ("X-4", 98765, "Meera", None, None),
        (None, None, None, None, None),
        (5.0, "98765 00085 / 98765 00086", "Kiran", None, None),
        (6, "98765 00086", "  Devi  ", True, datetime(2026, 2, 1, 10, 30)),
    )
    for number, row in enumerate(rows, 4):
        for column, value in enumerate(row, 2):
            sheet.cell(number, column, value)
    book.save(path)
    return {
        4: lead("X-1", "9876500081", "Asha", PIN="01234", Joined="2026-01-31"),
        5: lead("X-2", "9876500082", "Ravi", PIN=411001, Joined="2026-02-01"),
        6: "phone_number_lost_digits",
        7: "phone_number_invalid",
        9: "phone_number_several",
        10: lead("6", "9876500086", "Devi", PIN=True, Joined="2026-02-01T10:30:00"),
    }


@file("export.jsonl")
def lines(path: Path) -> Mapping[int, Outcome]:
    path.write_text(
        '{"lead_id": "J-1", "phone_number": "98765 00091", "contact_name": "Asha", "tags": ["a", {"b": null}]}\n'
        '{"lead_id": "J-2", "phone_number": 9876500092, "contact_name": "आशा राव"}\n'
        "\n"
        '{"lead_id": "J-3", "phone_number": \n'
        '["J-4"]\n'
        '{"lead_id": 1.5, "phone_number": "9876500095", "contact_name": "Ravi"}\n',
        "utf-8-sig",
    )
    return {
        1: lead("J-1", "9876500091", "Asha", tags=["a", {"b": None}]),
        2: lead("J-2", "9876500092", "आशा राव"),
        4: "row_unreadable",
        5: "row_unreadable",
        6: "lead_id_invalid",
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        outcomes = make(folder / name)
        text = json.dumps({str(row): outcome for row, outcome in outcomes.items()}, ensure_ascii=False, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILES)
