"""`squadiq contract`: does a live service, or traffic that already happened, do what the document says?"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import Connection, ProfileOption, connection_for
from squadiq.errors import SquadIQError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.contract.drift import Drifts
    from squadiq.contract.live import LiveRun, LiveSettings

contract_app = typer.Typer(
    help="Hold a live service, or traffic that already happened, against the document.", invoke_without_command=True
)

TargetUrl = Annotated[str, typer.Option("--target", metavar="URL", help="The service; else SQUADIQ_BASE_URL.")]
CampaignId = Annotated[
    str,
    typer.Option("--campaign", metavar="CAMPAIGN", help="Campaign whose leads are read; else SQUADIQ_CAMPAIGN_ID."),
]
HitsPerMinute = Annotated[int, typer.Option(help="Share of the quota of the business.")]


@contract_app.callback()
def contract(
    context: typer.Context,
    target: TargetUrl = "",
    campaign: CampaignId = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after the plan.")] = False,
    max_hits: Annotated[int, typer.Option(help="Requests at most.")] = 50,
    hits_per_minute: HitsPerMinute = 30,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write HTML and JUnit.")] = None,
    allow_writes: Annotated[
        str,
        typer.Option(metavar="CAMPAIGN", help="Name the campaign again to let the run make leads of its own in it."),
    ] = "",
    phone_number: Annotated[
        list[str] | None, typer.Option(help="Phone number of yours for these leads; may be given several times.")
    ] = None,
    profile: ProfileOption = "default",
) -> None:
    """Read from a live service, slowly, and say where it differs from the document.

    The access token is taken from SQUADIQ_ACCESS_TOKEN, or from the profile.
    """
    if context.invoked_subcommand:
        return
    from squadiq.cli.interrupts import interruptions
    from squadiq.cli.output import progress
    from squadiq.contract.live import GENERATED_AT_MOST, InterruptedRun, plan, run_live
    from squadiq.contract.report import Facts, as_text, refuse_unless_writable, write_reports

    found = _found(target, campaign, profile)
    numbers = _phone_numbers(found.campaign_id or "", allow_writes, phone_number or [])
    settings = _settings(found, max_hits, hits_per_minute, numbers)
    lines = plan(settings)
    typer.echo("\n".join(lines))
    if not yes and not typer.confirm("Go on?"):
        raise typer.Exit(1)
    if report is not None:
        refuse_unless_writable(report)
    with interruptions() as heard:
        try:
            with progress("asking", len(settings.cases) + GENERATED_AT_MOST) as one_more:
                done = run_live(settings, on_outcome=lambda outcome: one_more(outcome.finding is not None))
        except InterruptedRun as interrupted:
            done = interrupted.run
        heard.deaf = True  # what follows is told to its end
        ended = _ended(done, _clean_up_command(settings, profile))
        typer.echo("\n".join(["", *as_text(done.outcomes, done.people), *ended]))
        if report is not None:
            facts = Facts(f"SquadIQ contract: {settings.base_url.host}", [*lines, *ended], done.people)
            page, junit = write_reports(report, facts, done.outcomes)
            typer.echo(f"{page}\n{junit}")
    raise typer.Exit(2 if not done.began else 1 if done.findings or done.stopped or done.left_behind else 0)


@contract_app.command("clean-up")
def clean_up_leads(
    target: TargetUrl = "",
    campaign: CampaignId = "",
    hits_per_minute: HitsPerMinute = 30,
    profile: ProfileOption = "default",
) -> None:
    """Delete leads that a run with --allow-writes has left behind, for instance after a crash.

    Ends with 1 if leads are still there, with 2 if a ledger was left alone.
    """
    from squadiq.cli.interrupts import interruptions
    from squadiq.contract.ledger import ledger_directory, unfinished
    from squadiq.contract.live import clean_up as delete_leads

    settings = _settings(_found(target, campaign, profile), 1, hits_per_minute, [])
    ledgers, wrong = unfinished(ledger_directory())
    with interruptions() as heard:
        left, interrupted = 0, False
        for ledger in ledgers:
            try:
                if not interrupted:
                    delete_leads(replace(settings, max_hits=2 * len(ledger.pending)), ledger)
            except SquadIQError as error:
                wrong.append(str(error))
                continue
            except KeyboardInterrupt:
                interrupted = True
            left += len(ledger.pending)
        heard.deaf = True
        typer.echo(f"{len(ledgers)} ledgers, {left} leads left behind")
        if left:
            typer.echo(f"To delete them: {_clean_up_command(settings, profile)}")
        for message in wrong:
            typer.echo(f"squadiq: {message}", err=True)
    raise typer.Exit(2 if wrong else 1 if left else 0)


@contract_app.command("drift")
def drift(
    har: Annotated[Path | None, typer.Option(metavar="FILE", help="HAR 1.2, from a browser or a proxy.")] = None,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Log of RecordingTransport.")] = None,
) -> None:
    """Hold traffic that already happened against the document; nothing is sent."""
    from squadiq.contract.drift import drift_of, read_har
    from squadiq.contract.recorder import read_log
    from squadiq.spec import Spec

    if (har is None) == (log is None):
        raise typer.BadParameter("give --har FILE or --log FILE")
    found = drift_of(Spec.installed(), read_har(har)) if har else read_log(log or Path())
    _tell_drifts(found)
    raise typer.Exit(1 if found.drifts or not found.calls else 0)


def _phone_numbers(campaign: str, allow_writes: str, phone_numbers: list[str]) -> list[str]:
    if not allow_writes and phone_numbers:
        raise typer.BadParameter("--phone-number is for runs with --allow-writes CAMPAIGN")
    if allow_writes and allow_writes != campaign:
        raise typer.BadParameter("--allow-writes must name the same campaign as --campaign")
    if allow_writes and not phone_numbers:
        raise typer.BadParameter("--allow-writes needs --phone-number: one of yours, since none is ever invented")
    return phone_numbers


def _found(target: str, campaign: str, profile: str) -> Connection:
    """What options, environment and profile say; the live service is asked only if somebody named it."""
    found = connection_for(target or None, profile)
    found = found._replace(campaign_id=campaign or found.campaign_id)
    if not found.base_url or not found.campaign_id:
        raise typer.BadParameter("give --target URL and --campaign CAMPAIGN, or have them in the profile")
    return found


def _settings(found: Connection, max_hits: int, hits_per_minute: int, phone_numbers: list[str]) -> LiveSettings:
    from squadiq.auth import AccessToken
    from squadiq.contract.ledger import ledger_directory
    from squadiq.contract.live import LiveSettings, live_settings_url

    return LiveSettings(
        base_url=live_settings_url(found.base_url or ""),
        campaign_id=found.campaign_id or "",
        token=AccessToken(found.access_token or ""),
        max_hits=max_hits,
        hits_per_minute=hits_per_minute,
        phone_numbers=phone_numbers,
        ledgers=ledger_directory(),
        quota=found.quota,
    )


def _clean_up_command(settings: LiveSettings, profile: str) -> str:
    from squadiq.contract.live import clean_up_command

    said = clean_up_command(settings)
    return said if profile == "default" else f"{said} --profile {shlex.quote(profile)}"


def _ended(done: LiveRun, clean_up_command: str) -> list[str]:
    lines = [f"{done.hits} hits, {len(done.outcomes)} cases, {len(done.findings)} found something"]
    if done.stopped:
        lines.append(f"{'Ended early' if done.began else 'It could not begin'}: {done.stopped}")
    if done.left_behind:
        lines.append(f"{done.left_behind} leads are left behind, or may be. To delete them: {clean_up_command}")
    return lines


def _tell_drifts(found: Drifts) -> None:
    for each in sorted(found.drifts, key=lambda each: -each.calls):
        rule = each.finding.rule
        typer.echo(f"{each.calls} x {each.operation}: {each.finding.observed}")
        typer.echo(f"  document: {rule.description}\n  to change: {rule.change.value}")
    others = f", {found.others} others left out" if found.others else ""
    typer.echo(f"{found.calls} calls held against the document{others}, {len(found.drifts)} differences")
