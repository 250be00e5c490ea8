"""`squadiq mock`: the SquadIQ API on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast
from urllib.parse import urlsplit

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.mock.settings import Trouble

CURL = """\
curl '{url}/api/v4/leads/create/campaign-1/' \\
  -H 'Authorization: Bearer {token}' \\
  -H 'Content-Type: application/json' \\
  --data-binary '[{{"lead_id": 1, "phone_number": "9876543210", "contact_name": "John Doe"}}]'"""


def mock(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8765,
    token: Annotated[
        list[str] | None,
        typer.Option(help="Access token to accept; give it again for another business. Without it: test_token."),
    ] = None,
    token_file: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="File of access tokens, one a line.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Hits per minute and token; 0 for no limit. Without it: what the document says.")
    ] = None,
    db: Annotated[str, typer.Option(help="File that keeps the leads over restarts.")] = ":memory:",
    seed: Annotated[int, typer.Option(help="The same seed gives the same outcomes.")] = 0,
    process_after: Annotated[float, typer.Option(help="Seconds after which every lead is processed.")] = 5.0,
    speed: Annotated[float, typer.Option(help="How many seconds pass for the leads in one second.")] = 1.0,
    duplicate_leads: Annotated[
        Literal["reject", "replace"], typer.Option(help="What becomes of a lead_id that exists.")
    ] = "reject",
    webhook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Endpoint to POST each processed lead to, until it answers 201.")
    ] = None,
    webhook_header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Header to send with it; may be given several times."),
    ] = None,
    webhook_header_file: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="File of headers, one a line.")
    ] = None,
    webhook_trouble: Annotated[
        str,
        typer.Option(
            metavar="KIND,…",
            help="Let it go wrong: duplicates, reorder, delays, bursts, slow, cuts, or several with commas.",
        ),
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name or address, beside this machine's own, by which /_mock/ may be asked; may be given several"
            " times.",
        ),
    ] = None,
    load: Annotated[
        str | None, typer.Option(metavar="FILE", help="State to begin with, as GET /_mock/state gives it.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:NAME=VALUE,…",
            help="Let requests to the API go wrong, such as 500:share=0.05; may be given several times. "
            "Kinds: 429, 500, 503, html, slow, reset-before, reset-after, half.",
        ),
    ] = None,
) -> None:
    """Run the SquadIQ API on this machine, as the document describes it, until Ctrl-C.

    Everybody on the machine sees a command line with ps, so secrets better come
    from files, or from SQUADIQ_MOCK_TOKEN, SQUADIQ_MOCK_TOKEN_FILE,
    SQUADIQ_MOCK_WEBHOOK_HEADER, SQUADIQ_MOCK_WEBHOOK_HEADER_FILE and
    SQUADIQ_MOCK_WEBHOOK_URL. SQUADIQ_MOCK_ALLOW_HOST takes hosts, with commas.
    """
    from squadiq.cli.secret import SecretError, secrets_of
    from squadiq.mock.core import Mock
    from squadiq.mock.deliveries.deliverer import delivering
    from squadiq.mock.server import Server, base_url, bound_socket
    from squadiq.mock.settings import MockSettings, SettingError

    try:
        tokens, token_from = secrets_of("--token", "SQUADIQ_MOCK_TOKEN", token or (), token_file or ())
        headers, headers_from = secrets_of(
            "--webhook-header", "SQUADIQ_MOCK_WEBHOOK_HEADER", webhook_header or (), webhook_header_file or ()
        )
        webhook_url = webhook_url if webhook_url is not None else os.environ.get("SQUADIQ_MOCK_WEBHOOK_URL")
        settings = MockSettings(
            tokens=tuple(tokens or ["test_token"]),
            rate=rate,
            db=db,
            seed=seed,
            process_after_seconds=process_after,
            speed=speed,
            duplicate_leads=duplicate_leads,
            webhook_url=webhook_url,
            webhook_headers=_headers(headers_from, headers),
            webhook_trouble=cast("list[Trouble]", _names(webhook_trouble)),
            allow_hosts=tuple(allow_host or _names(os.environ.get("SQUADIQ_MOCK_ALLOW_HOST", ""))),
            faults=tuple(fault or ()),
            load=load,
        )
        core = Mock(settings)
    except (SettingError, SecretError) as wrong:
        raise typer.BadParameter(str(wrong)) from None
    try:
        listening = bound_socket(host, port)
    except OSError as error:
        core.close()
        raise typer.BadParameter(f"{host}:{port} cannot be listened on ({error.strerror}). Give --port 0.") from None
    url = base_url(listening)
    typer.echo(f"SquadIQ mock on {url}")
    shown = token_from in ("", "--token")
    typer.echo(f"Access token: {settings.tokens[0] if shown else f'that of {token_from}'}")
    if webhook_url is not None:
        # Not the whole URL: a secret may be in it.
        typer.echo(f"Processed leads go to {urlsplit(webhook_url).hostname}, and are listed at {url}/_mock/deliveries")
    curl = CURL.format(url=url, token=settings.tokens[0] if shown else "YOUR_TOKEN")
    typer.echo(f"Try it, and watch it in a browser at {url}/:\n\n{curl}\n\nCtrl-C ends it.")
    try:
        with delivering(core.deliveries):
            Server(core).run(sockets=[listening])
    except KeyboardInterrupt:
        typer.echo("Ended.")
    finally:
        core.close()


def _headers(given_by: str, texts: list[str]) -> tuple[tuple[str, str], ...]:
    from squadiq.cli.output import header_of

    try:
        return tuple(map(header_of, texts))
    except ValueError as wrong:
        raise typer.BadParameter(f"{given_by}: {wrong}") from None


def _names(text: str) -> list[str]:
    return text.replace(",", " ").split()
