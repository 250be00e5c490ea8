"""A lead for a person to read, on request: what its `repr` never shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from squadiq_generated._base import Model

PERSONAL = ("phone_number", "contact_name", "latest_recording_url")


def describe(lead: Model, *, personal: bool = False) -> str:
    """Return a lead with its outcome and responses, a field on a line: `print(describe(lead))`.

    Responses and custom fields are whatever was said or sent, and may tell who somebody is: keep it out of logs.

    Args:
        lead: any lead, to be sent or processed.
        personal: whether phone number, name and recording are shown too.
    """
    fields = {**dict(lead), **(lead.model_extra or {})}
    width = max((len(name) for name in fields), default=0)
    shown = ((name, value) for name, value in fields.items() if personal or name not in PERSONAL)
    return "\n".join(line for name, value in shown for line in _lines(name, value, width))


def _lines(name: str, value: object, width: int) -> Iterator[str]:
    answers = _answers(value)
    if answers:
        yield _text(name)
        for question, answer in answers.items():
            yield f"  {_text(question)}: {_text(answer)}"
    else:
        yield f"{_text(name):<{width}}  {'none' if value == {} else _text(value)}"


def _answers(value: object) -> dict[object, object]:
    return cast(dict[object, object], value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A value on one line, without what a terminal would obey."""
    if value is None:
        return "none"
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
