"""`squadiq outbox`: send what is stored beside the application, and see to what was refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import BaseUrlOption, JsonOption, ProfileOption
from squadiq.cli.targets import imported

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.outbox import Outbox, StoredEntry

outbox_app = typer.Typer(no_args_is_help=True, help="Send leads and changes that are kept in an outbox.")

Target = Annotated[str, typer.Argument(metavar="MODULE:OUTBOX", help="Where the outbox is: module:variable.")]
Place = Annotated[str, typer.Argument(metavar="OUTBOX", help="module:outbox, a path, or the URL of its database.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="As `failed` lists them.")]


@outbox_app.command("run")
def run_outbox(
    target: Target,
    concurrency: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, help="Requests that are under way at the same time.")
    ] = 4,
    once: Annotated[bool, typer.Option("--once", help="Return as soon as nothing is due.")] = False,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
) -> None:
    """Send what is stored, the oldest first, until interrupted or terminated."""
    from squadiq.cli.connection import client_for
    from squadiq.cli.interrupts import stop_on_signals

    outbox = _outbox(target)

    stop_on_signals(outbox.stop)
    with outbox, client_for(base_url, profile) as client:
        typer.echo(f"sending what is in {outbox}", err=True)
        sent = outbox.run(client, concurrency=concurrency, once=once)
    typer.echo(f"carried out {sent} entries", err=True)


@outbox_app.command("stats")
def outbox_stats(place: Place, as_json: JsonOption = False) -> None:
    """Tell how many entries wait and for how long, how many are in hand, and how many are refused or unknown."""
    from squadiq.cli.places import outbox_at, tell_figures

    with outbox_at(place) as outbox:
        tell_figures(outbox.stats(), as_json=as_json)


@outbox_app.command("failed")
def list_refused(place: Place, as_json: JsonOption = False) -> None:
    """List what is refused or unknown: id, campaign, lead, operation, state, code, reason.

    Later changes of these leads wait, until it is replayed or discarded.
    """
    from squadiq.cli.places import outbox_at

    with outbox_at(place) as outbox:
        found = outbox.failed()
    _list(found, "failed", as_json=as_json)


@outbox_app.command("show")
def show_entries(
    place: Place,
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The lead's campaign.")],
    lead_id: Annotated[str, typer.Argument(metavar="LEAD_ID", help="As you gave it.")],
    as_json: JsonOption = False,
) -> None:
    """List what is stored about a lead, in the order in which it is sent."""
    from squadiq.cli.places import outbox_at

    with outbox_at(place) as outbox:
        found = outbox.entries(campaign, lead_id)
    _list(found, "entries", as_json=as_json)


@outbox_app.command("replay")
def replay_refused(
    place: Place,
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay all that failed.")] = False,
) -> None:
    """Let what is refused or unknown be sent again.

    Ids that have not failed are named, and the status is then 1; the others are replayed.
    """
    from squadiq.cli.places import outbox_at

    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    with outbox_at(place) as outbox:
        unknown = _unknown(outbox, ids or ())
        replayed = outbox.replay({*(ids or ())} - unknown if ids else None)
    typer.echo(f"{replayed} will be sent again", err=True)
    _end(unknown)


@outbox_app.command("discard")
def discard_refused(
    place: Place, ids: Annotated[list[int], typer.Argument(metavar="ID...", help="As `failed` lists them.")]
) -> None:
    """Erase what is refused or unknown; later changes of these leads are then sent.

    Ids that have not failed are named, and the status is then 1; the others are erased.
    """
    from squadiq.cli.places import outbox_at

    with outbox_at(place) as outbox:
        unknown = _unknown(outbox, ids)
        discarded = outbox.discard({*ids} - unknown)
    typer.echo(f"{discarded} erased", err=True)
    _end(unknown)


def _outbox(target: str) -> Outbox:
    from squadiq.outbox import Outbox

    return imported(target, Outbox)


def _list(found: Iterable[StoredEntry], counted: str, *, as_json: bool) -> None:
    from squadiq.cli.places import tell_rows

    rows = [
        {
            "id": entry.id,
            "campaign_id": entry.campaign_id,
            "lead_id": entry.shown_lead_id,
            "operation": entry.operation,
            "state": entry.state,
            "code": entry.code,
            "reason": entry.reason,
        }
        for entry in found
    ]
    tell_rows(rows, counted, as_json=as_json)


def _unknown(outbox: Outbox, ids: Iterable[int]) -> set[int]:
    return {*ids} - {entry.id for entry in outbox.failed()}


def _end(unknown: Iterable[int]) -> None:
    for number in sorted(unknown):
        typer.echo(f"squadiq: no entry {number} has failed. `squadiq outbox failed` lists them.", err=True)
    if unknown:
        raise typer.Exit(1)
