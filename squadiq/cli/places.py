"""Inboxes and outboxes that a command is given: an object of the user's program, or a database."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squadiq._extras import needs_extra
from squadiq.cli.targets import imported
from squadiq.errors import ConfigurationError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.inbox import Inbox
    from squadiq.outbox import Outbox
    from squadiq.queue.figures import QueueFigures
    from squadiq.queue.purpose import Purpose

_TARGET = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")


def inbox_at(place: str) -> Inbox:
    """Return the inbox at `module:variable`, a path, or a URL.

    Raises:
        ConfigurationError: there is no such file: to look into an inbox must not make one.
    """
    with needs_extra("inbox"):
        from squadiq.inbox import Inbox
    from squadiq.inbox.tables import INBOX

    return imported(place, Inbox) if _is_target(place) else Inbox(_existing(place, INBOX))


def outbox_at(place: str) -> Outbox:
    """Return the outbox at `module:variable`, a path, or a URL.

    Raises:
        ConfigurationError: there is no such file.
    """
    with needs_extra("outbox"):
        from squadiq.outbox import Outbox
    from squadiq.outbox.tables import OUTBOX

    return imported(place, Outbox) if _is_target(place) else Outbox(_existing(place, OUTBOX))


def tell_figures(figures: QueueFigures, *, as_json: bool) -> None:
    """Print how a queue stands."""
    if as_json:
        typer.echo(json.dumps(asdict(figures)))
    else:
        for name, value in asdict(figures).items():
            typer.echo(f"{value:>9,.0f}  {name.replace('_', ' ')}")


def tell_rows(rows: Sequence[Mapping[str, Any]], counted: str, *, as_json: bool) -> None:
    """Print rows: as a table on a terminal, else with tabs between the cells, or as a list of JSON."""
    from rich.console import Console

    from squadiq.cli.output import print_table, shown

    if as_json:
        typer.echo(json.dumps(rows))
        return
    if rows and Console().is_terminal:
        print_table(rows[0], (row.values() for row in rows))
    else:
        for row in rows:
            typer.echo("\t".join(shown(str(cell)) for cell in row.values()).rstrip())
    typer.echo(f"{len(rows)} {counted}", err=True)


def missing_file(database: str, purpose: Purpose) -> str | None:
    """Tell that a SQLite file is not there; None if it is, or if it is no file."""
    from squadiq.queue.database import database_url

    url = database_url(database, purpose)
    is_missing = url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file()
    return f"there is no file {url.database}" if is_missing else None


def _is_target(place: str) -> bool:
    return _TARGET.fullmatch(place) is not None and not Path(place).exists()


def _existing(place: str, purpose: Purpose) -> str:
    if missing := missing_file(place, purpose):
        raise ConfigurationError(f"The {purpose.name} cannot be looked at: {missing}.")
    return place
