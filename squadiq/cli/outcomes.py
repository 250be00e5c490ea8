"""`squadiq outcomes`: what came of leads, into files and tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from squadiq._extras import needs_extra
from squadiq.cli.connection import BaseUrlOption, CampaignOption, JsonOption, ProfileOption, opened_campaign
from squadiq.cli.leads_push import LINE_EVERY_SECONDS
from squadiq.cli.moments import Since, Until, span
from squadiq.cli.places import inbox_at

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.outcomes.sources import OutcomeSource

outcomes_app = typer.Typer(no_args_is_help=True, help="Bring what came of leads to where people work.")


class ResponsesForm(StrEnum):
    """How `lead_responses` stand in a table."""

    COLUMNS = "columns"
    JSON = "json"


FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="INBOX", help="Read an inbox and spend no hit: module:inbox, a path or a database's URL."
    ),
]
Progress = Callable[[int, int], None]


@outcomes_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends with .csv, .jsonl, .xlsx or .parquet.")],
    campaign: CampaignOption = None,
    since: Since = None,
    until: Until = None,
    responses: Annotated[
        ResponsesForm, typer.Option(help="A column for each response, or one with all as JSON.")
    ] = ResponsesForm.COLUMNS,
    zone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of times; by default Asia/Kolkata in CSV and Excel, else UTC.")
    ] = None,
    source: FromOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Write the outcomes of a campaign to a file, whole or not at all; broken off, the same command goes on.

    With --from and no campaign, those of all campaigns. --since and --until choose by when they were processed; a
    time without an offset is one of the file's zone.
    """
    from squadiq.cli.interrupts import interruptions
    from squadiq.outcomes.export import export_outcomes
    from squadiq.outcomes.formats import format_of

    since, until = span(since, until, format_of(file, zone).zone)
    with interruptions(), opened_source(campaign, source, base_url, profile) as opened, _progress() as on_progress:
        done = export_outcomes(
            opened, file, since=since, until=until, responses=responses.value, zone=zone, on_progress=on_progress
        )
    if as_json:
        told = {"file": str(done.file), "outcomes": done.outcomes, "unreadable": done.unreadable, "hits": done.hits}
        typer.echo(json.dumps({**told, "resumed": done.resumed, "columns": list(done.columns)}))
    else:
        typer.echo(f"{done.outcomes:>9,}  outcomes in {len(done.columns)} columns")
        _tell_counts(done.unreadable, done.hits, done.resumed)
        typer.echo(f"file: {done.file}")
    raise typer.Exit(1 if done.unreadable else 0)


@outcomes_app.command("sync")
def sync(
    to: Annotated[
        str,
        typer.Option("--to", metavar="URL", help="A database, as SQLAlchemy has it; ?table=NAME says which table."),
    ],
    campaign: CampaignOption = None,
    source: FromOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Merge what came since the last run into a table of a database; safe to repeat, and to run twice at once."""
    from squadiq.cli.interrupts import interruptions
    from squadiq.outcomes.sync import sync_outcomes
    from squadiq.outcomes.target import opened_table

    with interruptions(), opened_table(to) as table, opened_source(campaign, source, base_url, profile) as opened:
        with _progress() as on_progress:
            done = sync_outcomes(opened, table, on_progress=on_progress)
        place = table.place
    if as_json:
        typer.echo(json.dumps({"table": place, **asdict(done)}))
    else:
        typer.echo(f"{done.read:>9,}  outcomes read")
        typer.echo(f"{done.new:>9,}  of them new")
        _tell_counts(done.unreadable, done.hits)
        typer.echo(f"table: {place}")
    raise typer.Exit(1 if done.unreadable else 0)


@contextmanager
def opened_source(
    campaign: str | None, inbox: str | None, base_url: str | None, profile: str
) -> Generator[OutcomeSource]:
    """Open what outcomes are read from: an inbox if one is given, else SquadIQ.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    from squadiq.outcomes.sources import CampaignSource, InboxSource

    if inbox is not None:
        from squadiq.cli.connection import connection_for

        with inbox_at(inbox) as opened:
            yield InboxSource(opened, campaign or connection_for(base_url, profile).campaign_id)
        return
    with opened_campaign(campaign, base_url, profile) as (client, chosen):
        yield CampaignSource(chosen, service=str(client.base_url))


def _tell_counts(unreadable: int, hits: int, resumed: int = 0) -> None:
    counted: list[tuple[int, str]] = [
        (resumed, "of them read by a run that was broken off"),
        (unreadable, "left out: without a lead_id or processed_at to know them by"),
        (hits, "hits of the quota"),
    ]
    for number, what in counted:
        if number:
            typer.echo(f"{number:>9,}  {what}")


@contextmanager
def _progress() -> Generator[Progress]:
    """Show how far the reading is: a line that changes on a terminal, one now and then elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    last = time.monotonic()
    with console.status("reading") if console.is_terminal else _nothing() as status:

        def on_progress(outcomes: int, hits: int) -> None:
            nonlocal last
            said = f"{outcomes:,} outcomes read" + (f" in {hits:,} hits" if hits else "")
            if status is not None:
                status.update(said)
            elif time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                typer.echo(f"squadiq: {said}", err=True)

        yield on_progress


@contextmanager
def _nothing() -> Generator[Any]:
    yield None
