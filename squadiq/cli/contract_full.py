"""`squadiq contract full`: every test, on a server whose data may be thrown away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import ProfileOption, connection_for

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.contract.full import FullRun


def full(
    target: Annotated[str, typer.Option(metavar="URL", help="The server.")],
    campaign: Annotated[str, typer.Option("--campaign", metavar="CAMPAIGN", help="Campaign to use, and to empty.")],
    disposable: Annotated[str, typer.Option(metavar="CAMPAIGN", help="The campaign again: its data is of no worth.")],
    host: Annotated[str, typer.Option(help="The server's name again, if it is another machine.")] = "",
    control: Annotated[
        str,
        typer.Option(metavar="URL", help="A server with the control endpoints of `squadiq mock`."),
    ] = "",
    process_hook: Annotated[
        str, typer.Option(metavar="COMMAND", help="Lets the server process every lead that is not disabled.")
    ] = "",
    phone_number: Annotated[
        list[str] | None, typer.Option(help="For the leads, several times; else of a range that nobody has.")
    ] = None,
    hits_per_minute: Annotated[int, typer.Option(help="The limit of the server, 0 if there is none.")] = 100,
    deep: Annotated[bool, typer.Option("--deep", help="Many more seeds and examples, for nights.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after the plan.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write HTML and JUnit.")] = None,
    profile: ProfileOption = "default",
) -> None:
    """Read, write and break whatever the document allows, on a server whose data may be thrown away.

    The access token is taken from SQUADIQ_ACCESS_TOKEN, or from the profile. Never the live service.
    """
    from squadiq.auth import AccessToken
    from squadiq.cli.interrupts import interruptions
    from squadiq.cli.output import progress
    from squadiq.config import base_url_from
    from squadiq.contract.disposable import NOBODYS_NUMBERS, refuse_unless_disposable
    from squadiq.contract.full import DEEP, SHORT, FullSettings, full_plan, run_full
    from squadiq.contract.report import Facts, as_text, refuse_unless_writable, write_reports

    insecure = (host,) if host else ()
    base_url = base_url_from(target, insecure)
    refuse_unless_disposable(base_url, campaign, disposable, host)
    settings = FullSettings(
        base_url=base_url,
        campaign_id=campaign,
        token=AccessToken(connection_for(target, profile).access_token or ""),
        hits_per_minute=hits_per_minute,
        phone_numbers=phone_number or NOBODYS_NUMBERS,
        control_url=base_url_from(control, insecure) if control else None,
        process_hook=process_hook,
        effort=DEEP if deep else SHORT,
        on_wait=lambda seconds: typer.echo(f"The server asks to wait for {seconds:.0f} seconds.", err=True),
    )
    lines = full_plan(settings)
    typer.echo("\n".join(lines))
    if not yes and not typer.confirm("Go on?"):
        raise typer.Exit(1)
    if report is not None:
        refuse_unless_writable(report)
    with interruptions() as heard:
        with progress("asking", settings.steps) as one_more:
            done = run_full(settings, on_outcome=lambda outcome: one_more(outcome.finding is not None))
        heard.deaf = True
        ended = [*done.readings, *_ended(done)]
        typer.echo("\n".join(["", *as_text(done.outcomes, done.people), *ended]))
        if report is not None:
            facts = Facts(f"SquadIQ contract, full: {base_url.host}", [*lines, *ended], done.people)
            page, junit = write_reports(report, facts, done.outcomes)
            typer.echo(f"{page}\n{junit}")
    raise typer.Exit(2 if not done.began else 1 if done.findings or done.stopped else 0)


def _ended(done: FullRun) -> list[str]:
    left_open = sum(bool(each.inconclusive) for each in done.outcomes)
    return [
        f"{done.hits} hits, {len(done.outcomes)} outcomes, {len(done.findings)} found something, {left_open} open",
        *([f"Waited for {done.waited:.0f} seconds, as the server asked"] if done.waited else []),
        *([f"{'Ended early' if done.began else 'It could not begin'}: {done.stopped}"] if done.stopped else []),
    ]
