"""`squadiq inbox`: handle results beside the application, and see to those that failed for good."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import JsonOption
from squadiq.cli.moments import Since, Until, span
from squadiq.cli.targets import imported

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.inbox import Inbox

inbox_app = typer.Typer(no_args_is_help=True, help="Handle processed leads that are kept in an inbox.")

Target = Annotated[
    str, typer.Argument(metavar="MODULE:INBOX", help="Where the inbox is, with its handlers: module:variable.")
]

Place = Annotated[str, typer.Argument(metavar="INBOX", help="module:inbox, a path, or the URL of its database.")]


@inbox_app.command("run")
def run_inbox(
    target: Target,
    concurrency: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, help="Results that are handled at the same time.")
    ] = 4,
    once: Annotated[bool, typer.Option("--once", help="Return as soon as no result is due.")] = False,
    backfill: Annotated[
        list[str] | None,
        typer.Option(metavar="CAMPAIGN", help="Campaign to read what was missed from; may be given several times."),
    ] = None,
    backfill_every_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="How often --backfill is done.")
    ] = 300.0,
) -> None:
    """Hand results to the inbox's handlers until interrupted or terminated.

    --backfill uses SQUADIQ_ACCESS_TOKEN.
    """
    from squadiq import SquadIQ
    from squadiq.cli.interrupts import stop_on_signals

    inbox = _inbox(target)

    stop_on_signals(inbox.stop)
    with inbox, ExitStack() as opened:
        client = opened.enter_context(SquadIQ()) if backfill else None
        campaigns = [client.campaign(campaign_id) for campaign_id in backfill or ()] if client else []
        typer.echo(f"handling results of {inbox}", err=True)
        handled = inbox.run(
            concurrency=concurrency, once=once, backfill=campaigns, backfill_every_seconds=backfill_every_seconds
        )
    typer.echo(f"handled {handled} results", err=True)


@inbox_app.command("stats")
def inbox_stats(place: Place, as_json: JsonOption = False) -> None:
    """Tell how many results wait and for how long, how many are in hand, and how many are dead letters."""
    from squadiq.cli.places import inbox_at, tell_figures

    with inbox_at(place) as inbox:
        tell_figures(inbox.stats(), as_json=as_json)


@inbox_app.command("failed")
def list_failed(place: Place, as_json: JsonOption = False) -> None:
    """List the results that failed too often, the dead letters: id, campaign, lead, time, attempts, error."""
    from squadiq.cli.places import inbox_at, tell_rows

    with inbox_at(place) as inbox:
        found = inbox.failed()
    rows = [
        {
            "id": result.id,
            "campaign_id": result.campaign_id,
            "lead_id": result.shown_lead_id,
            "processed_at": result.processed_at.isoformat(),
            "attempts": result.attempts,
            "error": result.error,
        }
        for result in found
    ]
    tell_rows(rows, "failed", as_json=as_json)


@inbox_app.command("replay")
def replay_failed(
    place: Place,
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="As `failed` lists them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay all that failed for good.")] = False,
    since: Since = None,
    until: Until = None,
    handler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only what this handler has not handled, such as myapp.store; of a module:inbox."
        ),
    ] = None,
) -> None:
    """Let results that failed for good be handled anew.

    --since and --until choose by when they were received; a time without an offset is in UTC.

    Ids that have not failed are named, and the status is then 1; the others are replayed.
    """
    from squadiq.cli.places import inbox_at

    some = since is not None or until is not None or handler is not None
    if bool(ids) + everything + some != 1:
        raise typer.BadParameter("give ids, or --all, or some of --since, --until and --handler")
    if some:
        since, until = span(since, until)
        with inbox_at(place) as inbox:
            typer.echo(f"{inbox.replay(since=since, until=until, handler=handler)} will be handled anew", err=True)
        return
    with inbox_at(place) as inbox:
        aside = {result.id for result in inbox.failed()}
        unknown = sorted({*(ids or ())} - aside)
        known = aside.intersection(ids) if ids else None
        replayed = inbox.replay(known)
    typer.echo(f"{replayed} will be handled anew", err=True)
    for number in unknown:
        typer.echo(f"squadiq: no result {number} has failed. `squadiq inbox failed` lists them.", err=True)
    if unknown:
        raise typer.Exit(1)


def _inbox(target: str) -> Inbox:
    from squadiq.inbox import Inbox

    return imported(target, Inbox)
