"""A mapping of columns in a file: TOML, read by Python's own reader and written so that a person can change it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from squadiq.errors import InvalidInputError, Problem
from squadiq.push.columns import TYPES, Columns

_KEYS = {"columns", "drop", "constants", "types", "lead_id_from"}


def read_mapping(path: Path) -> Columns:
    """Return the columns that a mapping file describes.

    Raises:
        InvalidInputError: it cannot be read, or something in it means nothing.
    """
    try:
        contents = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _refused(f"{path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refused(f"{path.name} is no TOML: {error}") from None
    unknown = contents.keys() - _KEYS
    if unknown:
        raise _refused(f"{path.name} has {min(unknown)!r}; known are {', '.join(sorted(_KEYS))}")
    types = _texts(path, contents.get("types", {}), "types")
    for name, kind in types.items():
        check_type(name, kind)
    return Columns(
        fields=_texts(path, contents.get("columns", {}), "columns"),
        dropped=frozenset(_list(path, contents.get("drop", []), "drop")),
        constants=_constants(path, contents.get("constants", {})),
        types=types,
        lead_id_from=_list(path, contents.get("lead_id_from", []), "lead_id_from"),
    )


def write_mapping(path: Path, columns: Columns) -> None:
    """Write a mapping file from which `read_mapping` makes the same columns.

    Raises:
        InvalidInputError: it cannot be written.
    """
    lines = [f"lead_id_from = {_toml(list(columns.lead_id_from))}"] if columns.lead_id_from else []
    lines += [f"drop = {_toml(sorted(columns.dropped))}"] if columns.dropped else []
    for title, table in (("columns", columns.fields), ("types", columns.types), ("constants", columns.constants)):
        if table:
            lines += ["", f"[{title}]", *(f"{_toml(name)} = {_toml(value)}" for name, value in table.items())]
    try:
        path.write_text("\n".join(lines).lstrip("\n") + "\n", "utf-8")
    except OSError as error:
        raise _refused(f"{path} cannot be written ({error.strerror})") from None


def check_type(name: str, kind: str) -> None:
    """Raise unless a type is one that columns can have.

    Raises:
        InvalidInputError: it is not.
    """
    if kind.partition(":")[0] not in TYPES:
        raise _refused(f"the type of {name} must be one of {', '.join(TYPES)}; a date may have a form: date:%d/%m/%Y")


def _toml(value: Any) -> str:
    """Text, numbers, booleans and lists of text are written the same in JSON and in TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(path: Path, value: Any, key: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):  # pyright: ignore[reportUnknownVariableType]
        raise _refused(f"{key} in {path.name} must be a table of texts")
    return dict(cast(Mapping[str, str], value))


def _constants(path: Path, value: Any) -> dict[str, Any]:
    kinds = (str, int, float)  # bool is an int
    if not isinstance(value, dict) or not all(isinstance(each, kinds) for each in value.values()):  # pyright: ignore[reportUnknownVariableType]
        raise _refused(f"constants in {path.name} must be a table of texts, numbers, true and false")
    return dict(cast(Mapping[str, Any], value))


def _list(path: Path, value: Any, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):  # pyright: ignore[reportUnknownVariableType]
        raise _refused(f"{key} in {path.name} must be a list of texts")
    return list(cast(list[str], value))


def _refused(reason: str) -> InvalidInputError:
    return InvalidInputError([Problem(None, None, "mapping", reason)])
