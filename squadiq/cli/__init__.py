"""The commands of `squadiq`: the words of the library on the command line.

Each command imports what it needs when it runs, so that one extra never asks for another.

It ends with 0 if all is good, with 1 if what was asked for was done and something is wrong
(findings, refused deliveries, unknown ids), and with 2 if it could not be done (usage, settings, connection).
"""

from __future__ import annotations

from typing import Annotated, Any

from squadiq._extras import needs_extra
from squadiq._version import __version__
from squadiq.errors import SquadIQError

with needs_extra("cli"):
    import typer
    from typer.core import TyperGroup

from squadiq.cli.configure import configure
from squadiq.cli.contract import contract_app
from squadiq.cli.contract_full import full
from squadiq.cli.contract_webhook import webhook
from squadiq.cli.doctor import doctor
from squadiq.cli.inbox import inbox_app
from squadiq.cli.leads import leads_app
from squadiq.cli.listen import listen
from squadiq.cli.metrics import metrics
from squadiq.cli.mock import mock
from squadiq.cli.outbox import outbox_app
from squadiq.cli.outcomes import outcomes_app
from squadiq.cli.quota import quota
from squadiq.cli.trigger import trigger_app


class _Commands(TyperGroup):
    """Tell in a line what could not be done, for every command."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; end with 2 if it raises what is no bug."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # Typer ends quietly when nobody reads any more.
        except (SquadIQError, OSError) as error:
            typer.echo(f"squadiq: {_told(error)}", err=True)
            raise typer.Exit(2) from None


def _told(error: SquadIQError | OSError) -> str:
    if isinstance(error, SquadIQError):
        return str(error)
    if error.strerror is None:
        return type(error).__name__  # of another library, whose words may hold a URL and what was sent
    from squadiq.cli.output import shown

    return f"{error.strerror}: {shown(str(error.filename))}" if error.filename else error.strerror


app = typer.Typer(
    name="squadiq",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"squadiq {__version__}")
        raise typer.Exit


@app.callback()
def squadiq(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Push leads to SquadIQ and take their outcomes back."""


app.command()(mock)
app.command()(quota)
app.command()(metrics)
app.command()(configure)
app.command()(doctor)
app.command()(listen)
contract_app.command()(full)
contract_app.command()(webhook)
app.add_typer(contract_app, name="contract")
app.add_typer(inbox_app, name="inbox")
app.add_typer(leads_app, name="leads")
app.add_typer(outbox_app, name="outbox")
app.add_typer(outcomes_app, name="outcomes")
app.add_typer(trigger_app, name="trigger")


def run() -> None:
    """Run the command that `sys.argv` names."""
    app(prog_name="squadiq")
