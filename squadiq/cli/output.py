"""How commands show what came from elsewhere: safe on a terminal, and without phone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

from squadiq._normalization import Folded, folded
from squadiq._redaction import email_addresses, phone_numbers

LONGEST = 300

_FEWEST_DIGITS = 9
"""Fewer are a date."""

_LENGTHS_OF_A_PHONE_NUMBER = range(10, 14)


def shown(text: str) -> str:
    """Return a text on one line, shortened, without control characters, phone numbers and e-mail addresses."""
    hidden = _masked(text[: LONGEST * 2])
    visible = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in hidden)
    return visible if len(visible) <= LONGEST and len(text) <= LONGEST * 2 else f"{visible[: LONGEST - 1]}…"


def initials(name: str) -> str:
    """Return the first letters of a name's parts."""
    return shown(" ".join(f"{part[0]}." for part in name.split()))


def print_table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows under headings, each cell as `shown`; a time stays on one line."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading.endswith((" at", "_at")))
    for row in rows:
        table.add_row(*(shown(str(cell)) for cell in row))
    Console(highlight=False, markup=False).print(table)


@contextmanager
def progress(what: str, total: int) -> Generator[Callable[[bool], None]]:
    """Show a bar on a terminal until the block ends; yield what is to be called for each that is done.

    Args:
        what: what is being done.
        total: how many there are.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        found = 0

        def done(finding: bool) -> None:
            nonlocal found
            found += finding
            bar.update(task, advance=1, description=f"{what}, [red]{found} found[/]" if found else what)

        yield done


def header_of(text: str) -> tuple[str, str]:
    """Read `Name: value`.

    Raises:
        ValueError: it is not of that form.
    """
    name, colon, value = text.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not colon or not value.strip():
        raise ValueError("give a header as 'Name: value'")
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"the header {name} holds something else than visible ASCII characters")
    return name, value.strip()


def _masked(text: str) -> str:
    """The text with the last two digits in place of a phone number."""
    form = folded(text)
    numbers = ((form.at[first], form.at[last - 1] + 1, form.text[last - 2 : last]) for first, last in _numbers(form))
    addresses = ((*span, "") for span in email_addresses(text))
    kept: list[str] = []
    place = 0
    for start, end, last_digits in sorted((*numbers, *addresses)):
        if start >= place:
            kept += (text[place:start].removesuffix("+"), f"…{last_digits}")
        place = max(place, end)
    return "".join((*kept, text[place:]))


def _numbers(form: Folded) -> Iterator[tuple[int, int]]:
    for first, last in phone_numbers(form, _FEWEST_DIGITS):
        # In the middle of an identifier, a recording's name or a hash, as many digits may stand.
        before = first > 0 and not form.gaps[first] and form.text[first - 1].isalpha()
        after = last < len(form.text) and not form.gaps[last] and form.text[last].isalpha()
        if not (before or after) or last - first in _LENGTHS_OF_A_PHONE_NUMBER:
            yield first, last
