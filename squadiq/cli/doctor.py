"""`squadiq doctor`: what would keep things from working, and how to mend it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated

from squadiq._extras import needs_extra
from squadiq.cli.connection import (
    BaseUrlOption,
    CampaignOption,
    JsonOption,
    ProfileOption,
    client_for,
    config_file,
    read_profile,
)
from squadiq.errors import AccessDeniedError, NoResponseError, SquadIQError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.client import SquadIQ

EXTRAS = {
    "phone": "phonenumbers",
    "push": "python_calamine",
    "inbox": "sqlalchemy",
    "postgres": "psycopg",
    "redis": "redis",
    "mock": "starlette",
    "contract": "schemathesis",
}
CLOCK_MAY_DIFFER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, whether it is good, and what to do if not; None if it could not be looked at."""

    what: str
    good: bool | None
    said: str


def doctor(
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    ledger: Annotated[str | None, typer.Option(metavar="FILE|URL", help="The ledger of pushes.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at token, address, clock, quota, extras and databases; one hit of the quota is spent.

    Ends with 0 if all is well, 1 if something is not.
    """
    checks = list(_checks(campaign, base_url, profile, ledger))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks]))
    for check in [] if as_json else checks:
        sign = {True: "ok   ", False: "WRONG", None: "-    "}[check.good]
        typer.echo(f"{sign} {check.what:<14} {check.said}")
    raise typer.Exit(1 if any(check.good is False for check in checks) else 0)


def _checks(campaign: str | None, base_url: str | None, profile: str, ledger: str | None) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", sys.version_info >= (3, 11), version)
    yield _tried("configuration", lambda: f"{config_file()}, profile {profile}: {len(read_profile(profile))} settings")
    missing = [extra for extra, module in EXTRAS.items() if importlib.util.find_spec(module) is None]
    said = (
        "all installed"
        if not missing
        else f"not installed: {', '.join(missing)}; pip install 'squadiq[NAME]' where needed"
    )
    yield Check("extras", None if missing else True, said)
    try:
        client = client_for(base_url, profile, max_attempts=1, deadline_seconds=20.0)
    except SquadIQError as error:
        yield Check("settings", False, str(error))
        return
    with client:
        yield _tried("quota", lambda: _quota(client))
        yield from _service(client, campaign)
    yield _tried("ledger", lambda: _ledger(ledger))


def _tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except SquadIQError as error:
        return Check(what, False, str(error))


def _quota(client: SquadIQ) -> str:
    snapshot = client.quota.snapshot()
    return f"{snapshot.free_now} of {snapshot.limit} hits are free now"


def _service(client: SquadIQ, campaign: str | None) -> Iterator[Check]:
    """Ask for one page, and see from the response whether token, campaign and clock are right."""
    from datetime import UTC, datetime

    host = client.base_url.host
    with client.record_responses() as responses:
        try:
            next(iter(client.campaign(campaign).get_leads(page_size=1).pages()), None)
        except NoResponseError as error:
            yield Check("address", False, f"{error}. Check the base URL, the network and a proxy")
            return
        except AccessDeniedError as error:
            yield Check("address", True, host)
            yield Check("access token", False, str(error))
            return
        except SquadIQError as error:
            yield Check("campaign", False, str(error))
            return
    yield Check("address", True, host)
    yield Check("access token", True, "is accepted")
    date = responses[0].headers.get("Date") if responses else None
    if date is None:
        yield Check("clock", None, "the service does not tell its time")
        return
    differs = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    good = abs(differs) <= CLOCK_MAY_DIFFER_SECONDS
    yield Check(
        "clock", good, "agrees with the service's" if good else f"differs by {differs:.0f} s: let the system set it"
    )


def _ledger(ledger: str | None) -> str:
    from squadiq.push.ledger import Ledger
    from squadiq.push.run import default_ledger

    kept = Ledger(ledger if ledger is not None else default_ledger(), service="", campaign_id="", source="")
    kept.open(alone=False)
    kept.close()
    return kept.place
