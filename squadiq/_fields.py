"""Reading the value of one field of a model by itself, and many models at once."""

from __future__ import annotations

from functools import cache
from types import GenericAlias
from typing import Annotated, Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from squadiq_generated._base import Model


@cache
def field_type(model: type[Model], name: str) -> TypeAdapter[Any]:
    """Return what checks and converts a field of a model, numbers given as text fields included."""
    field = model.model_fields[name]
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        return TypeAdapter[Any](annotated, config=ConfigDict(coerce_numbers_to_str=True))
    except PydanticUserError:  # the field is a model itself, and has a configuration of its own
        return TypeAdapter[Any](annotated)


@cache
def declared(model: type[Model]) -> frozenset[str]:
    """Return the names of the fields that a model declares, as JSON has them."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


@cache
def list_type(model: type[Model]) -> TypeAdapter[list[Any]]:
    """Return what checks models of one type many at a time."""
    listed: Any = GenericAlias(list, (model,))
    return TypeAdapter(listed)
