"""`manage.py squadiq_inbox`: hand processed leads to the handlers of the project's apps."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser  # type: ignore[import-untyped]

from squadiq import SquadIQ
from squadiq.errors import SquadIQError
from squadiq.integrations.django.conf import configured
from squadiq.integrations.django.project_inbox import project_inbox

_AGAIN_SECONDS = 0.1


class Command(BaseCommand):  # type: ignore[misc]
    """Handle processed leads until interrupted or terminated."""

    help = "Hand processed leads to the handlers in the modules squadiq_handlers of your apps, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what the command takes."""
        parser.add_argument("--once", action="store_true", help="Return as soon as no result is due.")
        parser.add_argument("--concurrency", type=int, default=4, metavar="NUMBER", help="Results handled at a time.")
        parser.add_argument(
            "--backfill", action="append", default=[], metavar="CAMPAIGN", help="Read what was missed of a campaign."
        )

    def handle(self, *args: Any, once: bool, concurrency: int, backfill: list[str], **options: Any) -> None:
        """Run the inbox.

        Raises:
            CommandError: it cannot run; with the reason.
        """
        inbox = project_inbox()
        with suppress(ValueError):  # only the main thread may
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _stop)
        try:
            with ExitStack() as opened:
                client = opened.enter_context(SquadIQ(**configured().get("CLIENT", {}))) if backfill else None
                campaigns = [client.campaign(each) for each in backfill] if client else []
                handled = inbox.run(concurrency=concurrency, once=once, backfill=campaigns)
        except SquadIQError as error:
            raise CommandError(str(error)) from error
        cast(Any, self.stdout).write(f"handled {handled} results")


def _stop(number: int, frame: object) -> None:
    """Let the inbox stop from a thread of its own: the one that is interrupted may hold its locks."""

    def again() -> None:
        while True:  # it may not have begun yet
            project_inbox().stop()
            time.sleep(_AGAIN_SECONDS)

    threading.Thread(target=again, name="squadiq-stop", daemon=True).start()
