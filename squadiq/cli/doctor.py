"""`squadiq doctor`: what would keep things from working, and how to mend it."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
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
from squadiq.errors import (
    AccessDeniedError,
    ConfigurationError,
    NoResponseError,
    NotFoundError,
    QuotaError,
    SquadIQError,
)

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
    yield _extras()
    configuration = _tried("configuration", lambda: _configuration(profile))
    yield configuration
    if configuration.good:
        yield from _online(campaign, base_url, profile)
    yield _tried("ledger", lambda: _ledger(ledger))


def _online(campaign: str | None, base_url: str | None, profile: str) -> Iterator[Check]:
    try:
        with client_for(base_url, profile, max_attempts=1, deadline_seconds=20.0) as client:
            yield _tried("quota", lambda: _quota(client))
            yield from _service(client, campaign)
    except SquadIQError as error:
        yield Check("settings", False, f"{error} Set it by an option, SQUADIQ_… or squadiq configure.")


def _tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except SquadIQError as error:
        return Check(what, False, str(error))


def _extras() -> Check:
    missing = [extra for extra, module in EXTRAS.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return Check("extras", True, "all installed")
    return Check("extras", None, f"not installed: {', '.join(missing)}; pip install 'squadiq[NAME]' where needed")


def _configuration(profile: str) -> str:
    settings = read_profile(profile)
    return f"{config_file()}, profile {profile}: {', '.join(settings) or 'nothing in it'}"


def _quota(client: SquadIQ) -> str:
    snapshot = client.quota.snapshot()
    return f"{snapshot.free_now} of {snapshot.limit} hits are free now"


def _service(client: SquadIQ, campaign: str | None) -> Iterator[Check]:
    """Ask for one page, and see from the response whether address, token, campaign and clock are right."""
    host = client.base_url.host
    with client.record_responses() as responses:
        try:
            next(iter(client.campaign(campaign).get_leads(page_size=1).pages()), None)
        except SquadIQError as error:
            yield from _wrong(host, error)
        else:
            yield from (Check("address", True, host), Check("access token", True, "is accepted"))
    yield from (_clock(response.headers.get("Date")) for response in responses[:1])


def _wrong(host: str, error: SquadIQError) -> Iterator[Check]:
    """Yield what an error says of address, access token and campaign."""
    if isinstance(error, NoResponseError):
        yield Check("address", False, f"{error}. Check the base URL, the network and a proxy")
    elif isinstance(error, QuotaError):
        yield Check("address", None, f"was not asked: {error}")
    elif isinstance(error, AccessDeniedError):
        yield from (Check("address", True, host), Check("access token", False, str(error)))
    elif isinstance(error, ConfigurationError):
        yield Check("campaign", False, str(error))
    elif isinstance(error, NotFoundError) and error.is_api_error:
        yield from (Check("address", True, host), Check("campaign", False, str(error)))
    else:
        yield Check("address", False, f"{host} does not answer as SquadIQ does: {error}")


def _clock(date: str | None) -> Check:
    from email.utils import parsedate_to_datetime

    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return Check("clock", None, "the service does not tell its time")
    differs = time.time() - theirs.replace(tzinfo=theirs.tzinfo or UTC).timestamp()
    if abs(differs) <= CLOCK_MAY_DIFFER_SECONDS:
        return Check("clock", True, "agrees with the service's")
    return Check("clock", False, f"differs by {differs:.0f} s from the service's: let the system set it")


def _ledger(ledger: str | None) -> str:
    with needs_extra("push"):
        from squadiq.push.ledger import Ledger
    from squadiq.push.run import default_ledger

    kept = Ledger(ledger if ledger is not None else default_ledger(), service="", campaign_id="", source="")
    if "://" not in kept.place and not Path(kept.place).exists():
        return _ledger_to_be(Path(kept.place))
    kept.open(alone=False)
    kept.close()
    return kept.place


def _ledger_to_be(path: Path) -> str:
    """Look whether a ledger can be made where there is none, and leave nothing behind."""
    folder = next(each for each in path.parents if each.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return f"{path} will be made by the first push"
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {folder} cannot be written ({error.strerror}).") from None
