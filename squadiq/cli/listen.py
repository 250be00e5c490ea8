"""`squadiq listen`: see what is delivered, and pass it on if you like."""

from __future__ import annotations

import logging
from typing import Annotated

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer


def listen(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8766,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object for each delivery, with the lead as it came: its name too."),
    ] = False,
    forward_to: Annotated[
        str | None, typer.Option(metavar="URL", help="Pass each delivery on to this endpoint and answer as it does.")
    ] = None,
) -> None:
    """Receive processed leads on this machine and print each of them, until Ctrl-C.

    Without --forward-to what the document allows is answered with 201, and the rest with 400.
    """
    import httpx

    from squadiq.cli.listener import TIMEOUT_SECONDS, Listener, make_server

    if forward_to is not None and not forward_to.startswith(("http://", "https://")):
        raise typer.BadParameter("--forward-to: give an http:// or https:// URL")
    # What is refused is printed here; the endpoint's own warnings would say it twice.
    logging.getLogger("squadiq.webhooks").addHandler(logging.NullHandler())
    logging.getLogger("squadiq.webhooks").propagate = False
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        app = Listener(lambda line: typer.echo(line), client, forward_to, as_json=as_json)
        try:
            server = make_server("127.0.0.1", port, app)
        except OSError as error:
            raise typer.BadParameter(f"port {port} cannot be listened on ({error.strerror}). Give --port 0.") from None
        typer.echo(f"Listening on http://127.0.0.1:{server.server_port}", err=as_json)
        typer.echo("Ctrl-C ends it.", err=as_json)
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                typer.echo("Ended.", err=as_json)
