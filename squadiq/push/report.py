"""What a push tells: counts, the rows that were rejected, and those of which nobody knows."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from squadiq.errors import ConfigurationError
from squadiq.push.columns import REJECT_COLUMNS, REST
from squadiq.push.rows import Row


@dataclass
class PushCounts:
    """How far a push is.

    Attributes:
        rows: read so far.
        created: leads that this push created.
        created_before: leads that the ledger knew as created.
        changed_since: of those, the ones that differ from what was sent then; nothing of that is sent.
        existing: leads that SquadIQ had before, by its own word.
        rejected: rows that were not sent, or refused, by reason.
        refused: of those, the ones that SquadIQ refused.
        unknown: leads that may have been created or not.
        elsewhere: leads that another push has in hand.
        waiting: leads that are still to be sent.
        hits: requests so far; of a call that was repeated and then accepted, the last.
    """

    rows: int = 0
    created: int = 0
    created_before: int = 0
    changed_since: int = 0
    existing: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])
    refused: int = 0
    unknown: int = 0
    elsewhere: int = 0
    waiting: int = 0
    hits: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts for programs."""
        return {**asdict(self), "rejected": dict(self.rejected)}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that did not become a lead.

    Attributes:
        row: as it was.
        code: stable, for programs.
        reason: for people.
    """

    row: Row
    code: str
    reason: str


class RejectionWriter:
    """Write rejected and unknown rows beside their file, whole or not at all; keep a few where there is no file.

    Args:
        path: of the source; None where there is none.
        headings: of the source; None if they are known from the rows alone.
    """

    KEPT = 1000
    """Rejections that are kept in memory where there is no file for them."""

    def __init__(self, path: Path | None, headings: Sequence[str] | None) -> None:
        self.kept: list[Rejection] = []
        self.kept_unknown: list[Row] = []
        own = [name for name in headings or () if name not in REJECT_COLUMNS]
        self._rejected = None if path is None else _CsvFile(path.with_name(path.name + ".rejected.csv"), own)
        self._unknown = None if path is None else _CsvFile(path.with_name(path.name + ".unknown.csv"), own)

    def rejected(self, rejection: Rejection) -> None:
        """Take a rejected row."""
        if self._rejected is not None:
            self._rejected.write(rejection.row, rejection.code, rejection.reason)
        elif len(self.kept) < self.KEPT:
            self.kept.append(rejection)

    def unknown(self, row: Row) -> None:
        """Take a row of which nobody knows whether its lead was created."""
        if self._unknown is not None:
            self._unknown.write(row, "unknown", "the lead may have been created or not")
        elif len(self.kept_unknown) < self.KEPT:
            self.kept_unknown.append(row)

    def close(self, *, is_whole: bool) -> tuple[Path | None, Path | None]:
        """Put the files in their places and return their paths.

        Args:
            is_whole: whether the push came to its end, so that a file without a row is none any more.
        """
        return (
            self._rejected.close(is_whole) if self._rejected is not None else None,
            self._unknown.close(is_whole) if self._unknown is not None else None,
        )


class _CsvFile:
    """A CSV that has its name only when it is whole; readable by its owner alone, for it holds people."""

    def __init__(self, path: Path, headings: list[str]) -> None:
        self._path = path
        self._headings = headings
        self._raw: IO[bytes] | None = None
        self._file: IO[str] | None = None
        self._writer: Any = None

    def write(self, row: Row, code: str, reason: str) -> None:
        if self._file is None:
            self._open(row.values)
        cells = {name: row.values.get(name) for name in self._headings}
        rest: dict[str, Any] = {
            name: value
            for name, value in row.values.items()
            if name not in REJECT_COLUMNS and (name not in cells or isinstance(value, dict | list))
        }
        cells |= dict.fromkeys(cells.keys() & rest.keys())
        others = json.dumps(rest, ensure_ascii=False, default=str) if rest else row.values.get(REST)
        told = dict(zip(REJECT_COLUMNS, (row.number, code, reason, others), strict=True))
        self._writer.writerow({**cells, **told})

    def close(self, is_whole: bool) -> Path | None:
        """Give the file its name; at the end of a push without a row, remove an earlier one, which is no longer so."""
        with self._told_if_impossible():
            if self._file is not None:
                self._file.flush()
                self._move()
                return self._path
            if is_whole:
                self._path.unlink(missing_ok=True)
        return None

    def _move(self) -> None:
        """Give what was written the name, through one of its own: another push may be at the same at this moment."""
        assert self._raw is not None
        self._raw.seek(0)
        number, partial = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")  # of mode 0600
        try:
            with open(number, "wb") as whole:
                shutil.copyfileobj(self._raw, whole)
            os.replace(partial, self._path)
        except OSError:
            os.unlink(partial)
            raise
        finally:
            self._raw.close()

    @contextmanager
    def _told_if_impossible(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written ({error.strerror}).") from None

    def _open(self, first: Mapping[str, Any]) -> None:
        self._headings = self._headings or [name for name in first if name not in REJECT_COLUMNS]
        with self._told_if_impossible():
            # Without a name, in the same folder: the system removes it however the push ends.
            self._raw = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115 - closed by close
        # Half of a character, which JSON can hold, is written as JSON would.
        self._file = io.TextIOWrapper(self._raw, "utf-8-sig", errors="backslashreplace", newline="")
        names = [*self._headings, *REJECT_COLUMNS]
        self._writer = csv.DictWriter(self._file, names, extrasaction="ignore", restval="")
        self._writer.writeheader()
