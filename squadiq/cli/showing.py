"""How commands show what came from elsewhere: safe on a terminal, and without phone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager

LONGEST = 300

# Not in the middle of an identifier: a recording's name, or a hash, may hold as many digits.
_PHONE_NUMBER = re.compile(r"(?<![0-9A-Za-z])\+?[0-9](?:[ ().-]?[0-9x]){8,14}(?![0-9A-Za-z])")


def shown(text: str) -> str:
    """Return a text on one line, shortened, without control characters and with phone numbers masked."""
    hidden = _PHONE_NUMBER.sub(_masked, text[: LONGEST * 2])
    visible = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in hidden)
    return visible if len(visible) <= LONGEST and len(text) <= LONGEST * 2 else f"{visible[: LONGEST - 1]}…"


def initials(name: str) -> str:
    """Return the first letters of a name's parts."""
    return shown(" ".join(f"{part[0]}." for part in name.split()))


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


def _masked(found: re.Match[str]) -> str:
    return f"…{found[0][-2:]}"
