"""Writers of the file formats: each takes headings, then rows, and holds no more of them than a batch."""

from __future__ import annotations

import csv
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError
from squadiq.outcomes.cells import LONGEST_TEXT, csv_cell, excel_cell, is_formula
from squadiq.outcomes.errors import OutcomesError
from squadiq.outcomes.rows import TIMES, text_value

_BATCH = 10_000
ON_PAPER = "Asia/Kolkata"


class OutcomeFormat(ABC):
    """Writes a table of outcomes.

    Args:
        zone: in which times are written.
    """

    default_zone: ClassVar[str] = "UTC"
    most_rows: ClassVar[float] = math.inf
    most_columns: ClassVar[float] = math.inf

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    def check(self, rows: int, columns: int) -> None:
        """Look whether so much fits, before anything is written.

        Raises:
            OutcomesError: it does not.
        """
        if rows > self.most_rows or columns > self.most_columns:
            raise OutcomesError(
                f"{rows:,} outcomes in {columns:,} columns do not fit: a sheet of Excel holds {self.most_rows:,} "
                f"below its headings, and {self.most_columns:,} columns. Write .csv or .parquet, or less by "
                "--since and --until."
            )

    @abstractmethod
    def write(self, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a file."""


class CsvFormat(OutcomeFormat):
    """CSV as spreadsheets read it: UTF-8 with a mark at its start, formulas defused."""

    default_zone = ON_PAPER

    def write(self, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([csv_cell(each, self.zone) for each in headings])
            writer.writerows([csv_cell(each, self.zone) for each in row] for row in rows)


class JsonLinesFormat(OutcomeFormat):
    """One JSON object a line, its times in ISO 8601 with their offset."""

    def write(self, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            for row in rows:
                file.write(json.dumps(dict(zip(headings, row, strict=True)), ensure_ascii=False, default=self._time))
                file.write("\n")

    def _time(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).isoformat()


class ExcelFormat(OutcomeFormat):
    """One sheet, whose times are dates, whose numbers are numbers, and whose texts are never formulas."""

    default_zone = ON_PAPER
    most_rows = 1_048_575
    most_columns = 16_384

    def write(self, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with needs_extra("outcomes"):
            from openpyxl import Workbook
            from openpyxl.cell import WriteOnlyCell

        def cell(value: Any, heading: str) -> Any:
            try:
                value = excel_cell(value, self.zone)
            except ValueError:
                said = f"A text in the column {heading!r} is longer than {LONGEST_TEXT:,} characters"
                raise OutcomesError(f"{said}, which a cell of Excel does not hold. Write .csv or .parquet.") from None
            if not isinstance(value, str) or not (is_formula(value) or value.startswith("#")):
                return value
            made = WriteOnlyCell(sheet, value=value)
            made.data_type, made.quotePrefix = "s", is_formula(value)
            return made

        book = Workbook(write_only=True)
        sheet: Any = book.create_sheet("outcomes")
        sheet.freeze_panes = "A2"
        try:
            sheet.append([cell(each, each) for each in headings])
            for row in rows:
                sheet.append([cell(each, heading) for each, heading in zip(row, headings, strict=True)])
            book.save(path)
        finally:
            if not sheet.closed:  # or what is written so far would stay in the folder for temporary files
                sheet.close()
                sheet._writer.cleanup()


class ParquetFormat(OutcomeFormat):
    """Parquet with real timestamps in UTC; all else is text, so that two files always have the same types."""

    def write(self, path: Path, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with needs_extra("outcomes"):
            pa: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")

        kinds: list[Any] = [pa.timestamp("us", tz="UTC") if name in TIMES else pa.string() for name in headings]
        schema = pa.schema(list(zip(headings, kinds, strict=True)))

        def write(batch: list[Sequence[Any]]) -> None:
            columns = zip(*batch, strict=True)
            arrays = [
                pa.array([_typed(value, name in TIMES) for value in column], kind)
                for column, name, kind in zip(columns, headings, kinds, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))

        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            batch: list[Sequence[Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) == _BATCH:
                    write(batch)
                    batch.clear()
            if batch:
                write(batch)


FORMATS: dict[str, type[OutcomeFormat]] = {
    ".csv": CsvFormat,
    ".jsonl": JsonLinesFormat,
    ".xlsx": ExcelFormat,
    ".parquet": ParquetFormat,
}


def format_of(path: Path, zone: str | None) -> OutcomeFormat:
    """Return what writes a file of that ending, with times in a zone, or in the one that is usual for it.

    Raises:
        ConfigurationError: there is no such ending or zone.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(f"{path.name!r} must end with one of {', '.join(FORMATS)}.")
    if kind is ParquetFormat and zone not in (None, "UTC"):
        raise ConfigurationError("Parquet has its times in UTC, whatever zone they are shown in. Leave --zone out.")
    return kind(zone_of(zone or kind.default_zone))


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"There is no time zone {name!r}; one is named as in Asia/Kolkata. Where the system has none at all: "
            "pip install tzdata"
        ) from None


def _typed(value: Any, is_time: bool) -> Any:
    if is_time:
        return value if isinstance(value, datetime) else None
    return text_value(value)
