"""What is wrong with a body or a parameter, in words without the value.

The words and the shapes are those of Django REST framework, which the API's pages suggest.
"""

from __future__ import annotations

from typing import Any

from squadiq._extras import needs_extra
from squadiq.spec import Body, Parameter, Schema

with needs_extra("mock"):
    import jsonschema_rs

FieldErrors = dict[str, list[str]]

WHOLE = "non_field_errors"
"""The name under which Django REST framework tells what no single field is to blame for."""

_WORDS_OF_SCHEMAS = {"PhoneNumberInput": "Enter a valid Indian phone number."}
_WORDS_OF_TYPES = {
    "string": "Not a valid string.",
    "integer": "A valid integer is required.",
    "number": "A valid number is required.",
    "boolean": "Must be a valid boolean.",
    "object": "Invalid data. Expected an object.",
    "array": "Invalid data. Expected a list.",
}
_WORDS = {
    "required": "This field is required.",
    "minItems": "This list may not be empty.",
    "propertyNames": "Not a valid name of a field.",
    "minLength": "Ensure this field has at least {} characters.",
    "maxLength": "Ensure this field has no more than {} characters.",
    "minimum": "Ensure this value is greater than or equal to {}.",
    "maximum": "Ensure this value is less than or equal to {}.",
    "maxItems": "Ensure this list has no more than {} items.",
}


def field_errors(schema: Schema, value: Any) -> FieldErrors:
    """Return what is wrong with a value, by the name of its field; nothing if it is valid."""
    found: FieldErrors = {}
    for error in schema.errors(value):
        told = found.setdefault(_field(error), [])
        words = in_words(error)
        if words not in told:
            told.append(words)
    return found


def body_errors(body: Body, value: Any) -> FieldErrors | list[FieldErrors]:
    """Return what is wrong with a body, for a list item by item; nothing if it is valid."""
    if body.whole.is_valid(value):
        return {}
    if isinstance(value, list) and body.listed and body.item:
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        by_item = [field_errors(body.item, item) for item in items]
        return by_item if any(by_item) else field_errors(body.listed, value)
    return field_errors(body.alone or body.listed or body.whole, value)


def read_parameter(parameter: Parameter, text: str) -> tuple[Any, list[str]]:
    """Return the value that a text stands for, and what is wrong with it."""
    try:
        value = parameter.value_of(text)
    except ValueError:
        return None, ["A valid integer is required."]
    return value, [words for told in field_errors(parameter.schema, value).values() for words in told]


def _field(error: jsonschema_rs.ValidationError) -> str:
    if error.instance_path:
        return str(error.instance_path[0])
    return str(error.kind.value) if error.kind.name == "required" else WHOLE


def in_words(error: jsonschema_rs.ValidationError) -> str:
    """Return what is wrong, without the value."""
    # The validator's own message quotes the value, which may be somebody's phone number or name.
    keyword, limit = error.kind.name, error.kind.value
    schema_name = str(error.schema_path[-2]) if len(error.schema_path) > 1 else ""
    if schema_name in _WORDS_OF_SCHEMAS:
        return _WORDS_OF_SCHEMAS[schema_name]
    if keyword == "type":
        return _WORDS_OF_TYPES.get(limit[0], "Not a valid value.")
    return _WORDS.get(keyword, "Enter a valid value.").format(limit)
