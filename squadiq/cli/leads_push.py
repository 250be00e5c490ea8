"""`squadiq leads push`: all the leads of a file, each one once."""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from squadiq._extras import needs_extra
from squadiq.cli.connection import (
    BaseUrlOption,
    CampaignOption,
    JsonOption,
    ProfileOption,
    YesOption,
    confirm,
    opened_campaign,
)
from squadiq.errors import ConfigurationError, SquadIQError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.client import SquadIQ
    from squadiq.push.columns import Columns
    from squadiq.push.report import PushCounts
    from squadiq.push.run import PushResult

LINE_EVERY_SECONDS = 5.0
_FINISHING = "squadiq: finishing the batch under way …\n".encode()


def push(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, JSON Lines, Excel, ODS or Parquet; - for standard input.")
    ],
    campaign: CampaignOption = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="What a column is sent as; may be given several times."),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--constant", metavar="FIELD=VALUE", help="A field that every lead gets; several times."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="COLUMN", help="A column that is not sent; several times.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="FIELD=TYPE", help="text, integer, number, boolean, date[:FORM], datetime[:FORM]."
        ),
    ] = None,
    lead_id_from: Annotated[
        list[str] | None,
        typer.Option("--lead-id-from", metavar="COLUMN", help="Make stable lead_ids of these columns; several times."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A mapping file, as --save-mapping writes it.")
    ] = None,
    save_mapping: Annotated[Path | None, typer.Option(metavar="FILE", help="Write how the columns were used.")] = None,
    lead_type: Annotated[
        str | None, typer.Option(metavar="MOD:CLASS", help="A subclass of squadiq.Lead that checks custom fields.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV, in place of what is recognised.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of CSV: comma, semicolon, tab, pipe or a character.")] = None,
    suppress: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Phone numbers that are never to be sent.")
    ] = None,
    accept_possible_numbers: Annotated[
        bool, typer.Option("--accept-possible-numbers", help="Send numbers of ten digits that no known series has.")
    ] = False,
    allow_duplicate_numbers: Annotated[
        bool, typer.Option("--allow-duplicate-numbers", help="Send one phone number under several lead_ids.")
    ] = False,
    max_rejected: Annotated[
        str | None, typer.Option(metavar="N|N%", help="Stop early when more rows than this are rejected.")
    ] = None,
    no_repeat_creates: Annotated[
        bool, typer.Option("--no-repeat-creates", help="Do not send again what may have been created.")
    ] = False,
    ledger: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="Where it is kept what became of each lead.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything; send nothing, write nothing.")] = False,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create the leads of a file, each one once; the same command goes on where it was broken off.

    Rows that cannot be sent go to FILE.rejected.csv: mend them there and push that file.
    Ends with 0 if all are created or were there before, 1 if some were refused or are unknown, 2 if it could not run.
    """
    from squadiq.push.engine import PushStoppedError
    from squadiq.push.mapping_file import write_mapping

    try:
        columns = _columns(mapping, maps, constants, drop, types, lead_id_from)
        options: dict[str, Any] = {
            "columns": replace(columns, accept_possible_numbers=accept_possible_numbers),
            "ledger": ledger,
            "suppress": suppress,
            "allow_duplicate_numbers": allow_duplicate_numbers,
            "max_rejected": _max_rejected(max_rejected),
            "encoding": encoding,
            "delimiter": delimiter,
            "dry_run": dry_run,
        }
        client_options = {"repeat_creates": not no_repeat_creates, "lead_type": _lead_type(lead_type)}
        with opened_campaign(campaign, base_url, profile, **client_options) as (client, opened):
            if not dry_run:
                confirm(client, f"The leads of {file} will be created in campaign {opened.campaign_id}", yes=yes)
            stopped: SquadIQError | None = None
            with interruptible() as told_to_stop, _progress(client) as on_progress:
                try:
                    done = opened.push_leads(file, **options, on_progress=on_progress, should_stop=told_to_stop)
                except PushStoppedError as error:
                    stopped, done = error, error.result
            if save_mapping is not None:
                write_mapping(save_mapping, done.columns)
            _tell(client, done, stopped, as_json=as_json, dry_run=dry_run)
    except SquadIQError as error:
        typer.echo(f"squadiq: {error}", err=True)
        raise typer.Exit(2) from None
    if stopped is not None:
        again = "" if file == "-" else " Run the same command again: it goes on where it was."
        typer.echo(f"squadiq: stopped: {stopped}{again}", err=True)
        raise typer.Exit(1 if told_to_stop() else 2)
    raise typer.Exit(0 if done.is_good else 1)


def _columns(
    mapping: Path | None,
    maps: list[str] | None,
    constants: list[str] | None,
    drop: list[str] | None,
    types: list[str] | None,
    lead_id_from: list[str] | None,
) -> Columns:
    from squadiq.push.columns import Columns
    from squadiq.push.mapping_file import check_type, read_mapping

    given = read_mapping(mapping) if mapping is not None else Columns()
    kinds = pairs_of("--type", types)
    for name, kind in kinds.items():
        check_type(name, kind)
    return Columns(
        fields={**given.fields, **pairs_of("--map", maps)},
        dropped=given.dropped | frozenset(drop or ()),
        constants={**given.constants, **pairs_of("--constant", constants)},
        types={**given.types, **kinds},
        lead_id_from=lead_id_from or given.lead_id_from,
    )


def pairs_of(option: str, given: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given or ():
        name, value = _split(option, each)
        pairs[name] = value
    return pairs


def _split(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=") if option == "--map" else text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ConfigurationError(f"{option} must be NAME=VALUE.")
    return name.strip(), value.strip()


def _max_rejected(text: str | None) -> float | None:
    if text is None:
        return None
    number, percent = text.removesuffix("%"), text.endswith("%")
    try:
        most = float(number)
    except ValueError:
        most = -1.0
    if not 0 <= most < math.inf or (percent and most > 100) or (not percent and most != int(most)):
        raise ConfigurationError("--max-rejected must be a number of rows, or a share of them such as 5%.")
    # A share of all rows is more than any number below 1, so that 100 % stops nothing.
    return min(most / 100, 0.999999) if percent else max(most, 1.0) if most else 0.0


def _lead_type(text: str | None) -> Any:
    if text is None:
        return None
    module_name, _, name = text.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError):
        raise ConfigurationError("--lead-type must be module:class, such as myapp.leads:LoanLead.") from None


@contextmanager
def interruptible() -> Generator[Callable[[], bool]]:
    """Let the first Ctrl-C or SIGTERM end the push after the batch under way; the second ends it at once."""
    told: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)
        os.write(sys.stderr.fileno(), _FINISHING)  # not through what the signal may have interrupted

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(client: SquadIQ) -> Generator[Callable[[PushCounts, int | None], None]]:
    """Show how far a push is: a bar on a terminal, a line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    began = last = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def on_progress(counts: PushCounts, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            said = _words(counts, now - began)
            if console.is_terminal:
                free = client.quota.snapshot().free_now
                bar.update(
                    task, total=total, completed=counts.rows - counts.waiting, description=f"{said}, {free} hits left"
                )
            elif now - last >= LINE_EVERY_SECONDS:
                last = now
                of = f" of {total:,}" if total else ""
                typer.echo(f"squadiq: {counts.rows:,}{of} rows: {said}", err=True)

        yield on_progress


def _words(counts: PushCounts, seconds: float) -> str:
    rejected = counts.rejected.total()
    parts = [f"{counts.created:,} created", f"{counts.created / seconds:,.0f} a second" if seconds > 1 else ""]
    parts.append(f"{rejected:,} rejected" if rejected else "")
    return ", ".join(part for part in parts if part)


def _tell(client: SquadIQ, done: PushResult, stopped: SquadIQError | None, *, as_json: bool, dry_run: bool) -> None:
    from squadiq.cli.push_summary import as_lines, as_object

    told = as_object(client, done, stopped, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(told))
        return
    for line in as_lines(client, done, dry_run=dry_run):
        typer.echo(line)
