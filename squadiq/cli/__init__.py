"""The commands of `squadiq`: the words of the library on the command line.

Each command imports what it needs when it runs, so that one extra never asks for another.
"""

from __future__ import annotations

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer

from squadiq.cli.contract import contract_app
from squadiq.cli.contract_webhook import webhook
from squadiq.cli.inbox import inbox_app
from squadiq.cli.listen import listen
from squadiq.cli.mock import mock
from squadiq.cli.quota import quota
from squadiq.cli.trigger import trigger_app

app = typer.Typer(
    name="squadiq",
    help="Push leads to SquadIQ and take their outcomes back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def squadiq() -> None:
    """Push leads to SquadIQ and take their outcomes back."""


app.command()(mock)
app.command()(quota)
app.command()(listen)
contract_app.command()(webhook)
app.add_typer(contract_app, name="contract")
app.add_typer(inbox_app, name="inbox")
app.add_typer(trigger_app, name="trigger")


def run() -> None:
    """Run the command that `sys.argv` names."""
    app()
