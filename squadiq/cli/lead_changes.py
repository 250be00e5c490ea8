"""Changing many leads by a file: what it takes is told first, then they are changed, then what came of it is told."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from squadiq._extras import needs_extra
from squadiq.cli.connection import confirm
from squadiq.cli.leads_push import LINE_EVERY_SECONDS, interruptible, pairs_of

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.campaign import Campaign
    from squadiq.client import SquadIQ
    from squadiq.push.changes import ChangeCounts, ChangeResult


def change_many(
    client: SquadIQ,
    campaign: Campaign[Any],
    operation: str,
    file: str,
    maps: Sequence[str] | None,
    ledger: str | None,
    *,
    constants: Mapping[str, Any],
    yes: bool,
    as_json: bool,
) -> None:
    """Make the changes of a file, and end the command: 0 if all are made, 1 if some are rejected, 2 if it stopped.

    Raises:
        SquadIQError: it could not begin.
    """
    with needs_extra("push"):
        from squadiq.push.changes import apply_changes
    from squadiq.push.columns import Columns
    from squadiq.push.engine import PushStoppedError
    from squadiq.push.sources import open_source

    columns = Columns(fields=pairs_of("--map", list(maps or ())), constants=constants)
    source = open_source(file)
    rows = sum(1 for _ in source.read())
    typer.echo(_plan(client, operation, rows), err=True)
    confirm(client, f"{operation} for {rows:,} leads of campaign {campaign.campaign_id}", yes=yes)
    stopped: PushStoppedError | None = None
    with interruptible() as told_to_stop, _progress(rows) as on_progress:
        try:
            done = apply_changes(
                campaign,
                operation,
                source,
                service=str(client.base_url).rstrip("/"),
                columns=columns,
                ledger=ledger,
                on_progress=on_progress,
                should_stop=told_to_stop,
            )
        except PushStoppedError as error:
            stopped, done = error, error.result
    _tell(done, stopped, as_json=as_json)
    if stopped is not None:
        again = "" if file == "-" else " Run the same command again: it goes on where it was."
        typer.echo(f"squadiq: stopped: {stopped}{again}", err=True)
        raise typer.Exit(1 if told_to_stop() else 2)
    raise typer.Exit(1 if done.counts.rejected else 0)


def _plan(client: SquadIQ, operation: str, rows: int) -> str:
    from squadiq.push.changes import hits_of

    snapshot, hits = client.quota.snapshot(), hits_of(operation, rows)
    minutes = max(0, math.ceil(hits / snapshot.limit) - 1) * snapshot.window_seconds / 60
    return (
        f"{rows:,} rows, {hits:,} hits of the quota at most, about {minutes:,.0f} minutes;"
        f" {snapshot.free_now} of {snapshot.limit} hits are free now"
    )


@contextmanager
def _progress(rows: int) -> Generator[Callable[[ChangeCounts], None]]:
    """Show how far it is: a bar on a terminal, a line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rows", total=rows)

        def on_progress(counts: ChangeCounts) -> None:
            nonlocal last
            rejected = f", {counts.rejected.total():,} rejected" if counts.rejected else ""
            bar.update(task, completed=counts.rows, description=f"rows{rejected}")
            if not console.is_terminal and time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                typer.echo(f"squadiq: {counts.rows:,} of {rows:,} rows{rejected}", err=True)

        yield on_progress


def _tell(done: ChangeResult, stopped: Exception | None, *, as_json: bool) -> None:
    counts = done.counts
    if as_json:
        told = {
            **counts.as_json(),
            "notes": list(done.notes),
            "ledger": done.ledger,
            "rejected_file": None if done.rejected_file is None else str(done.rejected_file),
            "stopped": None if stopped is None else str(stopped),
        }
        typer.echo(json.dumps(told))
        return
    for note in done.notes:
        typer.echo(f"  {note}")
    typer.echo(f"{counts.done:,} done, {counts.done_before:,} done before, {counts.hits:,} hits")
    for code, number in sorted(counts.rejected.items()):
        typer.echo(f"{number:>9,}  {code}")
    typer.echo(f"ledger: {done.ledger}")
    if done.rejected_file is not None:
        typer.echo(f"Rejected rows are in {done.rejected_file}")
