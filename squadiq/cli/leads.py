"""`squadiq leads`: the operations on leads as commands."""

from __future__ import annotations

from squadiq._extras import needs_extra
from squadiq.cli.leads_push import push

with needs_extra("cli"):
    import typer

leads_app = typer.Typer(no_args_is_help=True, help="Push, read and change leads of a campaign.")
leads_app.command()(push)
