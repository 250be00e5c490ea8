"""Leads in the forms that people have them in: models, mappings, dataclasses, rows of databases, frames. Pure.

Nothing of pandas, polars or pyarrow is imported: what comes from there is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Protocol, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel
from squadiq_generated._base import Model

LeadT = TypeVar("LeadT")


class DataclassLead(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class NamedRow(Protocol):
    """A named tuple, or a row of SQLAlchemy."""

    def _asdict(self) -> Any: ...


class KeyedRow(Protocol):
    """A row that is read by names, such as one of sqlite3 or asyncpg."""

    def keys(self) -> Iterable[str]: ...
    def __getitem__(self, name: str, /) -> Any: ...


class Frame(Protocol):
    """A frame of pandas, polars or pyarrow."""

    @property
    def columns(self) -> Any: ...


LeadRow = Mapping[str, Any] | NamedRow | KeyedRow
"""What a lead may be given as, beside models and dataclasses."""

Leads = Iterable[BaseModel | DataclassLead | LeadRow] | Frame
"""Leads in any form."""

TypedLeads = Iterable[LeadT | LeadRow] | Frame
"""Leads of one type, or rows that are checked against it.

To pyright every model of pydantic looks like a dataclass, so a lead of another type could not be told from one.
"""

LeadKey = str | int | UUID


class FrameError(Exception):
    """A frame whose rows are no leads, whatever they hold."""


def fields_of(item: Any, fixed: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """Return the fields of a lead by their names in JSON; None if it is of no form that is known.

    Args:
        item: it.
        fixed: fields that go by their own names, whatever aliases a model of somebody else's has for them.
    """
    if isinstance(item, Model):
        return item.model_dump(by_alias=True, exclude=_unset(item), warnings=False)
    if isinstance(item, BaseModel):
        named = type(item).model_fields.keys() & set(fixed)
        others = item.model_dump(by_alias=True, exclude=_unset(item) | named, warnings=False)
        return {**others, **{name: getattr(item, name) for name in named}}
    if isinstance(item, Mapping):
        return dict(cast(Mapping[str, Any], item))
    if isinstance(item, type):
        return None
    if is_dataclass(item):
        return {each.name: getattr(item, each.name) for each in fields(item)}
    if callable(named_fields := getattr(item, "_asdict", None)):
        return dict(cast(Mapping[str, Any], named_fields()))
    if _is_keyed(item):
        return {name: item[name] for name in item.keys()}  # noqa: SIM118 - a row is no mapping
    return None


def is_one(given: Any) -> bool:
    """Tell whether what should be many leads is one of them, though it can be iterated over."""
    if isinstance(given, type):
        return False
    return isinstance(given, Mapping | BaseModel) or hasattr(given, "_asdict") or _is_keyed(given)


def _is_keyed(item: Any) -> bool:
    """Whether it is read by names; a result of SQLAlchemy only has them."""
    return callable(getattr(item, "keys", None)) and hasattr(item, "__getitem__")


def rows_of_frame(given: Any) -> Iterator[dict[str, Any]] | None:
    """Return the rows of a frame; None if it is none.

    Raises:
        FrameError: two of its columns have one name.
    """
    package = type(given).__module__.partition(".")[0]
    if package == "polars" and hasattr(given, "iter_rows"):
        return iter(cast(Iterable[dict[str, Any]], given.iter_rows(named=True)))
    if package == "pyarrow" and hasattr(given, "to_batches"):
        return (row for batch in given.to_batches() for row in batch.to_pylist())
    if package == "pandas" and hasattr(given, "itertuples") and hasattr(given, "columns"):
        names = list(given.columns)
        if len(set(names)) < len(names):
            raise FrameError("two columns have one name")
        return (dict(zip(names, row, strict=True)) for row in given.itertuples(index=False, name=None))
    return None


def _unset(item: BaseModel) -> set[str]:
    """The fields that nobody gave a value, and that have none by themselves."""
    return {name for name, value in item if value is None} - item.model_fields_set
