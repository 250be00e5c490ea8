"""Which times are still to be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from squadiq.outcomes.spans import Span, halves, surely_read, uncovered

seconds = st.integers(0, 30)
ends = st.none() | seconds


def span_of(first: int, last: int | None) -> Span:
    return Span(first, last if last is None else max(first, last))


spans = st.builds(span_of, seconds, ends)


def times(several: list[Span]) -> set[int]:
    """The seconds of spans, as far as they can be counted here."""
    return {at for first, last in several for at in range(first, 100 if last is None else last + 1)}


@given(spans, st.lists(spans))
def test_what_is_left_and_what_is_covered_is_all_and_nothing_is_left_twice(wanted: Span, covered: list[Span]) -> None:
    left = uncovered(wanted, covered)
    assert times(left) == times([wanted]) - times(covered)
    assert left == sorted(left, key=lambda span: span.first)


@given(spans, seconds)
def test_two_halves_are_the_whole(span: Span, now: int) -> None:
    parts = halves(span, now)
    if parts is None:
        assert span.last is None or span.first == span.last
    else:
        assert times([parts[0]]) | times([parts[1]]) == times([span])
        assert not times([parts[0]]) & times([parts[1]])


def test_a_lead_that_is_listed_late_is_looked_for_again() -> None:
    assert surely_read(Span(0, None), began=100, overlap=10) == Span(0, 90)
    assert surely_read(Span(0, 50), began=100, overlap=10) == Span(0, 50)
    assert surely_read(Span(95, None), began=100, overlap=10) is None


def test_nothing_is_left_of_what_is_covered_to_its_end() -> None:
    assert uncovered(Span(0, 9), [Span(0, 4), Span(5, 12)]) == []
    assert uncovered(Span(0, 9), [Span(2, 3), Span(40, None)]) == [Span(0, 1), Span(4, 9)]
    assert uncovered(Span(0, None), [Span(5, None)]) == [Span(0, 4)]
