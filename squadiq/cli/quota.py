"""`squadiq quota`: what is left of the quota that all programs with the same access token share."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import BaseUrlOption, ProfileOption, connection_for, quota_named
from squadiq.errors import QuotaStoreError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from squadiq.quota import Snapshot


def quota(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    hits: Annotated[
        int | None, typer.Option(help="The rate limit of your business; else SQUADIQ_QUOTA_HITS, or 100.")
    ] = None,
    window_seconds: Annotated[
        float | None, typer.Option(help="The time that it is for; else SQUADIQ_QUOTA_WINDOW_SECONDS, or 60.")
    ] = None,
    reset: Annotated[
        bool,
        typer.Option(
            "--reset",
            help="First mend it: forget pauses and waiting calls, as if every hit had been used just now.",
        ),
    ] = False,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
) -> None:
    """Show how much of the quota is free, without spending a hit.

    --reset costs one window in which nobody sends, and cannot lead to a 429. So it does not ask.

    Uses SQUADIQ_ACCESS_TOKEN, SQUADIQ_BASE_URL and SQUADIQ_QUOTA_URL, like your programs, and then the profile.
    """
    from rich.console import Console

    from squadiq.config import ClientOptions, quota_from, settings_from
    from squadiq.quota import MemoryStore

    found = connection_for(base_url, profile)
    options = ClientOptions(base_url=found.base_url, quota=found.quota)
    if hits is not None:
        options["quota_hits"] = hits
    if window_seconds is not None:
        options["quota_window_seconds"] = window_seconds
    settings = settings_from(found.access_token, options)
    with quota_named(found, profile):
        opened = quota_from(settings, options)
    with closing(opened) as store:
        if isinstance(store, MemoryStore):
            raise QuotaStoreError("the quota is kept in the memory of each program, so there is nothing here.")
        if reset:
            store.reset()
        snapshot = store.snapshot()
    if reset:
        typer.echo("The quota was reset: every hit counts as used just now.", err=True)
    if as_json:
        typer.echo(json.dumps(asdict(snapshot)))
    else:
        Console(highlight=False).print(_picture(snapshot, settings.base_url.host))


def _picture(snapshot: Snapshot, host: str) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    free, limit = snapshot.free_now, snapshot.limit
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=limit, completed=free, width=50, complete_style="green", finished_style="green"),
        f"{free} of {limit} hits free now",
    )
    window = f"{snapshot.window_seconds:g} s"
    return Group(Text(f"Quota at {host}: {limit} hits in {window}", style="bold"), bar, *map(Text, _remarks(snapshot)))


def _remarks(snapshot: Snapshot) -> list[str]:
    remarks: list[str] = []
    if snapshot.next_free_in_seconds > 0:
        remarks.append(f"next free in {snapshot.next_free_in_seconds:.1f} s")
    if snapshot.in_flight:
        remarks.append(f"{snapshot.in_flight} under way")
    if snapshot.waiting:
        remarks.append(f"{snapshot.waiting} waiting")
    if snapshot.paused_for_seconds > 0:
        remarks.append(f"paused for {snapshot.paused_for_seconds:.1f} s, as SquadIQ asked with a 429")
    if snapshot.refused_hits:
        remarks.append(f"{snapshot.refused_hits} refused with a 429 so far")
    return remarks
