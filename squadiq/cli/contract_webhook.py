"""`squadiq contract webhook`: does your endpoint take what SquadIQ sends?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError

with needs_extra("cli"):
    import typer


def webhook(
    endpoint: Annotated[str, typer.Argument(metavar="URL", help="Your endpoint.")],
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="The credentials that were agreed on; may be given several times."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same random deliveries.")] = 0,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write HTML and JUnit.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, if the endpoint is on another machine.")] = False,
) -> None:
    """Send valid, invalid, repeated and hostile deliveries to an endpoint of yours, and say what it answers wrongly.

    It should not do anything with them that cannot be undone. Ends with 1 if something is wrong, and
    with 2 if the endpoint cannot be reached.
    """
    import httpx

    from squadiq.cli.output import header_of, progress
    from squadiq.contract.report import Facts, as_text, refuse_unless_writable, write_reports
    from squadiq.contract.webhook import is_on_this_machine, trials, try_endpoint
    from squadiq.spec import Spec

    try:
        headers = [header_of(text) for text in header or ()]
        url = httpx.URL(endpoint)
    except (ValueError, httpx.InvalidURL) as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise typer.BadParameter("give the endpoint as an http:// or https:// URL")
    planned = trials(Spec.installed(), headers, seed=seed)
    line = f"{len(planned)} deliveries of invented leads to {url.host}, with {len(headers)} headers of yours"
    typer.echo(line)
    if not is_on_this_machine(endpoint) and not yes and not typer.confirm("Is it yours, and may they be sent?"):
        raise typer.Exit(1)

    if report is not None:
        refuse_unless_writable(report)
    try:
        with progress("delivering", len(planned)) as one_more:
            outcomes = try_endpoint(endpoint, planned, on_outcome=lambda outcome: one_more(outcome.finding is not None))
    except httpx.ConnectError:
        raise ConfigurationError(f"{url.host} cannot be reached; is the endpoint running?") from None
    typer.echo("\n".join(["", *as_text(outcomes)]))
    if report is not None:
        page, junit = write_reports(report, Facts(f"SquadIQ contract: webhook of {url.host}", [line]), outcomes)
        typer.echo(f"{page}\n{junit}")
    raise typer.Exit(1 if any(outcome.finding for outcome in outcomes) else 0)
