"""Times on the command line: a day, or a time in ISO 8601."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, tzinfo
from typing import Annotated

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer

_LAST_OF_A_DAY = time(23, 59, 59)


def first_moment(text: str) -> datetime:
    """Return the time that a text says; of a day its first second."""
    return _moment(text, time.min)


def last_moment(text: str) -> datetime:
    """Return the time that a text says; of a day its last second."""
    return _moment(text, _LAST_OF_A_DAY)


Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=first_moment, metavar="TIME", help="A day such as 2026-11-25, or a time of one."),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=last_moment, metavar="TIME", help="A day, which is included, or a time of one."),
]


def span(since: datetime | None, until: datetime | None, zone: tzinfo = UTC) -> tuple[datetime | None, datetime | None]:
    """Return both with a zone, which is this one for what was given without an offset."""
    first, last = (each and (each if each.tzinfo else each.replace(tzinfo=zone)) for each in (since, until))
    if first is not None and last is not None and first > last:
        raise typer.BadParameter("the first time is later than the last one: nothing lies between them")
    return first, last


def _moment(text: str, of_a_day: time) -> datetime:
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), of_a_day)
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    raise typer.BadParameter("give a day or a time, such as 2026-11-25, 2026-11-25T08:00 or 2026-11-25T08:00+05:30")
