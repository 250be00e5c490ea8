"""`squadiq metrics`: figures of inbox, outbox and quota for Prometheus."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Annotated, Any

from squadiq._extras import needs_extra
from squadiq.cli.connection import BaseUrlOption, ProfileOption, client_for, connection_for
from squadiq.cli.places import inbox_at, outbox_at
from squadiq.errors import ConfigurationError

with needs_extra("cli"):
    import typer

DEFAULT_PORT = 9465


def metrics(
    inbox: Annotated[
        str | None, typer.Option(metavar="PLACE", help="module:inbox, a path, or the URL of its database.")
    ] = None,
    outbox: Annotated[
        str | None, typer.Option(metavar="PLACE", help="module:outbox, a path, or the URL of its database.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; by default this machine's own alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = DEFAULT_PORT,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
) -> None:
    """Serve figures at /metrics until interrupted; the quota's too, if an access token is set. Spends no hits."""
    from squadiq.cli.interrupts import stop_on_signals

    with needs_extra("metrics"):
        from prometheus_client import CollectorRegistry, start_http_server
    from squadiq.integrations.prometheus import SquadIQCollector

    stopped = threading.Event()
    with ExitStack() as opened:
        looked_at: dict[str, Any] = {}
        if inbox is not None:
            looked_at["inbox"] = opened.enter_context(inbox_at(inbox))
        if outbox is not None:
            looked_at["outbox"] = opened.enter_context(outbox_at(outbox))
        if connection_for(base_url, profile).access_token is not None:
            looked_at["quota"] = opened.enter_context(client_for(base_url, profile)).quota
        if not looked_at:
            raise ConfigurationError("There is nothing to look at: give --inbox, --outbox or an access token.")
        registry = CollectorRegistry()
        registry.register(SquadIQCollector(**looked_at))
        server, thread = start_http_server(port, host, registry)
        try:
            stop_on_signals(stopped.set)
            typer.echo(f"{', '.join(looked_at)} at http://{host}:{server.server_port}/metrics", err=True)
            stopped.wait()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
