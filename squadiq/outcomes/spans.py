"""Which times of a campaign are still to be read. Pure.

A campaign is read in spans of time, each a walk of its own: so a walk that is broken off is done again from its last
whole span, in whatever order SquadIQ lists leads, and no walk has to remember more leads than a span has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Whole seconds since 1970, both ends included; None is without an end."""

    first: int
    last: int | None


def uncovered(wanted: Span, covered: Iterable[Span]) -> list[Span]:
    """Return what is wanted and not covered, the earliest first."""
    left: list[Span] = []
    first = wanted.first
    for span in sorted(covered, key=lambda span: span.first):
        if wanted.last is not None and span.first > wanted.last:
            break
        if span.first > first:
            left.append(Span(first, span.first - 1))
        if span.last is None:
            return left
        first = max(first, span.last + 1)
    if wanted.last is None or first <= wanted.last:
        left.append(Span(first, wanted.last))
    return left


def halves(span: Span, now: int) -> tuple[Span, Span] | None:
    """Return the two halves of a span, one without an end split before now; None if it is too short."""
    last = now if span.last is None else span.last
    middle = (span.first + last) // 2
    if middle >= last or middle < span.first:
        return None
    return Span(span.first, middle), Span(middle + 1, span.last)


def surely_read(span: Span, *, began: int, overlap: int) -> Span | None:
    """Return what of a span is read for good by a walk that began then: later a lead may still be listed."""
    until = began - overlap
    last = until if span.last is None else min(span.last, until)
    return Span(span.first, last) if last >= span.first else None
