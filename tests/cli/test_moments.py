"""Days and times that a command is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from squadiq.cli.moments import first_moment, last_moment, span

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-25", datetime(2026, 11, 25), datetime(2026, 11, 25, 23, 59, 59)),
        ("2026-11-25T08:00", *[datetime(2026, 11, 25, 8)] * 2),
        ("2026-11-25 08:00:01", *[datetime(2026, 11, 25, 8, 0, 1)] * 2),
        ("2026-11-25T08:00Z", *[datetime(2026, 11, 25, 8, tzinfo=UTC)] * 2),
        ("2026-11-25T08:00:00.5+05:30", *[datetime(2026, 11, 25, 8, 0, 0, 500_000, tzinfo=INDIA)] * 2),
    ],
)
def test_a_day_is_whole_and_a_time_may_have_an_offset(text: str, first: datetime, last: datetime) -> None:
    assert (first_moment(text), last_moment(text)) == (first, last)


@pytest.mark.parametrize("text", ["", "soon", "25.11.2026", "2026-13-01", "2026-11-25T25:00", "1764057600"])
def test_what_is_no_time_is_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 2026-11-25, 2026-11-25T08:00"):
        first_moment(text)


def test_only_what_has_no_offset_gets_the_zone() -> None:
    first, last = span(first_moment("2026-11-25"), last_moment("2026-11-25T18:00Z"), INDIA)
    assert (first, last) == (datetime(2026, 11, 25, tzinfo=INDIA), datetime(2026, 11, 25, 18, tzinfo=UTC))
    assert span(None, None) == (None, None)
    assert span(first_moment("2026-11-25"), last_moment("2026-11-25"))[1] == datetime(
        2026, 11, 25, 23, 59, 59, tzinfo=UTC
    )


def test_nothing_lies_between_a_time_and_an_earlier_one() -> None:
    with pytest.raises(typer.BadParameter, match="nothing lies between"):
        span(first_moment("2026-11-25"), last_moment("2026-11-24"))
