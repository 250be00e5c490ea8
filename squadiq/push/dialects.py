"""How a CSV file is written: its encoding and its delimiter, recognised and told."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from squadiq.errors import InvalidInputError, Problem

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_NAMES = {sign: name for name, sign in DELIMITERS.items()}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE = 1 << 16
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """Hold how a file is written, and that in words."""

    encoding: str
    delimiter: str
    notes: Sequence[str]


def dialect_of(path: Path, encoding: str | None, delimiter: str | None) -> Dialect:
    """Return how a file is written; what is given is believed.

    Raises:
        InvalidInputError: it cannot be read, or what is given does not exist or does not fit.
    """
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            file.seek(0)
            used = _checked(encoding) if encoding else _encoding(sample, path)
            if not _decodes(path, used):
                raise _refused("encoding", f"{path.name} is not written in {used}: give --encoding")
    except OSError as error:
        raise _refused("source", f"{path} cannot be read ({error.strerror})") from None
    sign = DELIMITERS.get(delimiter or "", delimiter)
    if sign is not None and len(sign) != 1:
        raise _refused("delimiter", f"give one character, or one of {', '.join(DELIMITERS)}")
    sign = sign or _delimiter(sample.decode(used, "replace"))
    return Dialect(used, sign, (f"{_shown(used)}, {_NAMES.get(sign, repr(sign))} between cells",))


def _shown(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8 with a byte order mark", "utf-8": "UTF-8", "utf-16": "UTF-16"}.get(encoding, encoding)


def _checked(encoding: str) -> str:
    try:
        "a".encode(encoding)
    except (LookupError, ValueError):
        raise _refused("encoding", f"there is no encoding {encoding[:40]!r}") from None
    return encoding


def _encoding(sample: bytes, path: Path) -> str:
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    zeros = Counter(place % 2 for place, byte in enumerate(sample[:1000]) if byte == 0)
    if sum(zeros.values()) > len(sample[:1000]) // 4:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return "utf-8" if _decodes(path, "utf-8") else "cp1252"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _delimiter(sample: str) -> str:
    """The sign that cuts the first lines into the same number of cells, the more the better; else the comma."""
    lines = sample.splitlines()[:30]
    best, most = ",", 1
    for sign in DELIMITERS.values():
        counts = Counter(len(cells) for cells in csv.reader(lines, delimiter=sign) if cells)
        width, _ = max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        first = next((len(cells) for cells in csv.reader(lines[:1], delimiter=sign)), 1)
        if min(width, first) > most:
            best, most = sign, min(width, first)
    return best


def _refused(field: str, reason: str) -> InvalidInputError:
    return InvalidInputError([Problem(None, None, field, reason)])
