"""Where a value differs from a schema of the document, in words without the value. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squadiq.spec import Schema

if TYPE_CHECKING:
    import jsonschema_rs


def differences(schema: Schema, value: Any) -> list[str]:
    """Return where a value differs and from which schema, without the value itself."""
    try:
        return sorted({_described(schema, error) for error in schema.errors(value)})
    except UnicodeError:
        return ["the body holds half of a surrogate pair, which is no character"]
    except ValueError:
        return ["the body is nested too deep to be read"]


def _described(schema: Schema, error: jsonschema_rs.ValidationError) -> str:
    # Names that the document does not know may be anything, a phone number too.
    place = "".join(
        "[]" if isinstance(part, int) else f".{part if part in schema.fields else '…'}" for part in error.instance_path
    ).removeprefix(".")
    named = [part for part in error.schema_path if part in schema.names]
    wanted = f"{named[-1]} of the document" if named else "the document"
    missing = f" ({error.kind.value} is missing)" if error.kind.name == "required" else ""
    return f"{place or 'the body'} differs from {wanted} at {error.kind.name}{missing}"
