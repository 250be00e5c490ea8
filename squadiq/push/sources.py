"""Where rows come from: files of many kinds, standard input, frames, and whatever can be iterated over."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import BaseModel
from squadiq_generated._base import looks_like_a_phone_number

from squadiq._extras import needs_extra
from squadiq._inputs import fields_of
from squadiq._values import is_missing
from squadiq.errors import InvalidInputError, Problem, SquadIQError
from squadiq.push.dialects import Dialect, dialect_of
from squadiq.push.rows import Row, RowError

SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".jsonlines"})
PARQUET = frozenset({".parquet", ".pq"})
_CHUNK = 1 << 20
_LOOKED_AT = 1000
"""Rows without headings in which names are looked for."""
_LONGEST_CELL = 1 << 20
"""Characters of a cell; a quote that is never closed would take in the rest of the file."""

csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))


@dataclass(frozen=True, slots=True)
class Source:
    """Something that rows come from.

    Attributes:
        name: for people; a path, or what kind of thing it is.
        path: of a file, beside which rejected rows are written; None if there is none.
        headings: the names of the columns, if they are known before the rows.
        read: gives the rows, from the start each time.
        is_text: whether values are text whatever they mean, so that types may be taken from whole columns.
        can_be_read_again: whether `read` may be called more than once.
        notes: what was recognised, for people.
    """

    name: str
    path: Path | None
    headings: Sequence[str] | None = field(repr=False)
    read: Callable[[], Iterator[Row]] = field(repr=False)
    is_text: bool = False
    can_be_read_again: bool = True
    notes: Sequence[str] = ()


def open_source(given: Any, *, encoding: str | None = None, delimiter: str | None = None) -> Source:
    """Return the source that a path, "-" for standard input, a frame or an iterable means.

    Args:
        given: a path; "-"; a pandas or polars frame; or an iterable of mappings, models or dataclasses.
        encoding, delimiter: of CSV, in place of what is recognised.

    Raises:
        InvalidInputError: it is none, or cannot be read.
        MissingExtraError: its kind of file needs a package that is not installed.
    """
    if isinstance(given, str) and given == "-":
        return _standard_input(encoding, delimiter)
    if isinstance(given, str | Path):
        return _file(Path(given), encoding, delimiter)
    frame = _frame(given)
    if frame is not None:
        return frame
    if isinstance(given, Mapping | BaseModel | bytes) or not isinstance(given, Iterable):
        raise refused_source("give a path, a frame, or an iterable of mappings or models")
    again = not isinstance(given, Iterator)
    name = type(cast(object, given)).__name__
    return Source(name, None, None, lambda: _items(cast(Any, given)), can_be_read_again=again)


def names_of(source: Source) -> list[str] | None:
    """Return the names in the first rows of a source without headings; None if there are none, or it is read once."""
    if not source.can_be_read_again:
        return None
    rows = islice(source.read(), _LOOKED_AT)
    return list(dict.fromkeys(str(name) for row in rows for name in row.values)) or None


def refused_source(reason: str) -> InvalidInputError:
    """Return the error of a source that cannot be used."""
    return InvalidInputError([Problem(None, None, "source", reason)])


def _file(path: Path, encoding: str | None, delimiter: str | None) -> Source:
    kind = path.suffix.lower()
    if not path.is_file():
        raise refused_source(f"{path} is not there, or is no file")
    if kind in SPREADSHEETS:
        return _spreadsheet(path)
    if kind in PARQUET:
        return _parquet(path)
    if kind in JSON_LINES:
        return Source(str(path), path, None, lambda: _json_lines(path), notes=("JSON Lines",))
    return _csv(path, path, encoding, delimiter)


def _standard_input(encoding: str | None, delimiter: str | None) -> Source:
    """Keep what comes in a private file, since it is read more than once."""
    kept = tempfile.NamedTemporaryFile(prefix="squadiq-push-", suffix=".csv")  # noqa: SIM115 - as long as the source
    shutil.copyfileobj(cast(BinaryIO, sys.stdin.buffer), kept, _CHUNK)
    kept.flush()
    path = Path(kept.name)
    with path.open("rb") as file:
        is_json = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    if is_json:
        return Source("standard input", None, None, lambda: _json_lines(path, kept), notes=("JSON Lines",))
    source = _csv(path, None, encoding, delimiter, kept)
    return Source("standard input", None, source.headings, source.read, is_text=True, notes=source.notes)


def _csv(path: Path, beside: Path | None, encoding: str | None, delimiter: str | None, kept: object = None) -> Source:
    dialect = dialect_of(path, encoding, delimiter)
    headings = _unique(_first_line(path, dialect))
    if not headings:
        raise refused_source(f"{path.name} is empty: its first line should name the columns")
    return Source(
        str(path), beside, headings, lambda: _csv_rows(path, dialect, headings, kept), is_text=True, notes=dialect.notes
    )


def _first_line(path: Path, dialect: Dialect) -> list[str]:
    with path.open(encoding=dialect.encoding, newline="") as file:
        nothing = list[str]()
        return [cell.strip() for cell in next(csv.reader(file, delimiter=dialect.delimiter), nothing)]


def _unique(headings: Sequence[str]) -> list[str]:
    """The headings without the empty ones at the end; two of one name cannot be told apart."""
    names = list(headings)
    while names and not names[-1]:
        names.pop()
    named = [name or f"column {number}" for number, name in enumerate(names, 1)]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        if looks_like_a_phone_number(twice):
            raise refused_source("its first line is a row, not the names of the columns: add a line with names")
        raise refused_source(f"two columns have the heading {twice[:60]!r}: rename one")
    return named


def _csv_rows(path: Path, dialect: Dialect, headings: Sequence[str], _kept: object) -> Iterator[Row]:
    with path.open(encoding=dialect.encoding, newline="", errors="strict") as file:
        lines = _Recorded(file)
        reader = csv.reader(lines, delimiter=dialect.delimiter)
        next(reader, None)
        width = len(headings)
        while True:
            number = reader.line_num + 1
            last = lines.since()
            try:
                cells = next(reader)
            except StopIteration:
                _refuse_open_quote(last, dialect, path)
                return
            except csv.Error as error:
                raise refused_source(f"line {number} of {path.name} cannot be read: {error}") from None
            if not any(cell.strip() for cell in cells):
                continue
            problem = None
            if len(cells) > width:
                problem = _too_long(cells, width)
            if problem is None and reader.line_num > number:
                problem = _swallowed(cells, dialect)
            yield Row(number, dict(zip(headings, cells, strict=False)), problem)


class _Recorded:
    """Lines on their way to a reader, which remember those of the row that was read last."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._kept.append(line)
        return line

    def since(self) -> list[str]:
        """Return the lines since this was last asked."""
        kept, self._kept = self._kept, []
        return kept


def _refuse_open_quote(last: Sequence[str], dialect: Dialect, path: Path) -> None:
    """Refuse a file that ends within a quote: rows are in that cell of which nobody would hear."""
    if len(last) < 2 and not "".join(last).count('"') % 2:
        return
    try:
        for _ in csv.reader(last, delimiter=dialect.delimiter, strict=True):
            pass
    except csv.Error as error:
        if "end of data" in str(error):
            raise refused_source(f"a quote in {path.name} is never closed, in the last {len(last)} lines") from None


def _swallowed(cells: Sequence[str], dialect: Dialect) -> RowError | None:
    """Why a row that goes over several lines is none: a line in a cell of it is a row with a phone number."""
    for cell in cells:
        for line in cell.splitlines()[1:]:
            within = line.split(dialect.delimiter)
            if len(within) == len(cells) > 1 and any(map(looks_like_a_phone_number, within)):
                return RowError("row_unreadable", "row", "holds other rows: a quote in it is not closed")
    return None


def _too_long(cells: Sequence[Any], width: int) -> RowError | None:
    if any(str(cell).strip() for cell in cells[width:] if cell is not None):
        return RowError("row_too_long", "row", f"has {len(cells)} cells under {width} headings")
    return None


def _json_lines(path: Path, _kept: object = None) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.strip().removeprefix(b"\xef\xbb\xbf")
            if not text:
                continue
            try:
                value: Any = json.loads(text)
            except (ValueError, RecursionError):
                yield Row(number, {}, RowError("row_unreadable", "row", "is not JSON"))
                continue
            if isinstance(value, dict):
                yield Row(number, cast(dict[str, Any], value))
            else:
                yield Row(number, {}, RowError("row_unreadable", "row", "is not a JSON object"))


def _spreadsheet(path: Path) -> Source:
    with needs_extra("push"):
        python_calamine: Any = import_module("python_calamine")
    try:
        book = python_calamine.load_workbook(str(path))
        shown = python_calamine.SheetVisibleEnum.Visible
        visible = [each.name for each in book.sheets_metadata if each.visible == shown] or book.sheet_names
        rows = enumerate(book.get_sheet_by_name(visible[0]).iter_rows(), 1)
        # A table need not begin in the first line of its sheet.
        nothing: tuple[int, list[Any]] = (0, [])
        first, named = next(((number, row) for number, row in rows if any(map(_cell_text, row))), nothing)
        headings = _unique([_cell_text(cell) for cell in named])
    except (python_calamine.CalamineError, OSError) as error:
        raise refused_source(f"{path.name} cannot be read as a spreadsheet ({type(error).__name__})") from None
    if not headings:
        raise refused_source(f"the first sheet of {path.name} is empty")
    others = len(visible) - 1
    notes = [f"sheet {visible[0]!r}" + (f", {others} others left out" if others else "")]

    def read() -> Iterator[Row]:
        again = python_calamine.load_workbook(str(path)).get_sheet_by_name(visible[0])
        for number, cells in enumerate(again.iter_rows(), 1):
            values = [_cell(cell) for cell in cells]
            if number > first and any(value is not None for value in values):
                yield Row(number, dict(zip(headings, values, strict=False)), _too_long(values, len(headings)))

    return Source(str(path), path, headings, read, notes=notes)


def _cell_text(cell: object) -> str:
    value = _cell(cell)
    return "" if value is None else str(value).strip()


def _cell(cell: object) -> Any:
    """The value of a cell: whole numbers without `.0`, times in ISO form, nothing for an empty one."""
    if is_missing(cell):
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return None if isinstance(cell, str) and not cell.strip() else cell


def _parquet(path: Path) -> Source:
    with needs_extra("push"):
        parquet: Any = import_module("pyarrow.parquet")
    try:
        headings = _unique([str(name) for name in parquet.ParquetFile(path).schema_arrow.names])
    except (OSError, ValueError) as error:
        raise refused_source(f"{path.name} cannot be read as Parquet ({type(error).__name__})") from None

    def read() -> Iterator[Row]:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, {name: _cell(value) for name, value in values.items()})

    return Source(str(path), path, headings, read, notes=("Parquet",))


def _frame(given: Any) -> Source | None:
    """A frame of pandas or polars, by what it can do: neither is imported."""
    package = type(given).__module__.partition(".")[0]
    if package == "polars" and hasattr(given, "iter_rows"):
        headings = [str(name) for name in given.columns]
        return Source("a polars frame", None, headings, lambda: _celled(_items(given.iter_rows(named=True))))
    if package == "pandas" and hasattr(given, "itertuples") and hasattr(given, "columns"):
        headings = _unique([str(name) for name in given.columns])

        def read() -> Iterator[Row]:
            for number, values in enumerate(given.itertuples(index=False, name=None), 1):
                yield Row(number, dict(zip(headings, map(_cell, values), strict=True)))

        return Source("a pandas frame", None, headings, read)
    return None


def _celled(rows: Iterable[Row]) -> Iterator[Row]:
    return (Row(row.number, {name: _cell(value) for name, value in row.values.items()}) for row in rows)


def _read(items: Iterable[Any]) -> Iterator[Any]:
    given = 0
    try:
        for item in items:
            yield item
            given += 1
    except SquadIQError:
        raise
    except Exception as error:  # its words may hold a row
        raise refused_source(f"cannot be read after {given} rows ({type(error).__name__})") from None


def _items(items: Iterable[Any]) -> Iterator[Row]:
    for number, item in enumerate(_read(items), 1):
        if isinstance(item, BaseModel):
            yield Row(number, item.model_dump(by_alias=True, exclude_unset=True, warnings=False))
        elif (named := fields_of(item)) is not None:
            yield Row(number, named)
        else:
            yield Row(number, {}, RowError("row_unreadable", "row", "is neither a mapping nor a model"))
