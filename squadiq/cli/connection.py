"""How commands reach SquadIQ: options, then `SQUADIQ_*`, then a profile of the configuration file."""

from __future__ import annotations

import importlib
import os
import stat
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

from squadiq._extras import needs_extra
from squadiq.errors import ConfigurationError, QuotaStoreError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.campaign import Campaign
    from squadiq.client import SquadIQ

SETTINGS = ("access_token", "base_url", "campaign_id", "quota_url")
KEYRING_SERVICE = "squadiq"
TOLD_WAIT_SECONDS = 1.0
LINE_EVERY_SECONDS = 10.0

CampaignOption = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help="The campaign; else SQUADIQ_CAMPAIGN_ID.")
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="The service; else SQUADIQ_BASE_URL, or the live one.")
]
ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="Which profile of the configuration file to use.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def config_file() -> Path:
    """Return where the configuration file is (XDG Base Directory Specification)."""
    if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
        return Path(os.environ.get("APPDATA") or Path.home()) / "squadiq" / "config.toml"
    given = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(given) if os.path.isabs(given) else Path.home() / ".config"
    return folder / "squadiq" / "config.toml"


def read_profile(name: str) -> dict[str, str]:
    """Return the settings of a profile; none where there is no file.

    Raises:
        ConfigurationError: the file cannot be read, others can read a token in it, or it has no such profile.
    """
    import tomllib

    path = config_file()
    try:
        contents = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if name != "default":
            raise ConfigurationError(
                f"There is no profile {name!r}: {path} is not there. Run `squadiq configure`."
            ) from None
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is no TOML. Write it anew with `squadiq configure`.") from None
    profile: Any = contents.get(name)
    if not isinstance(profile, dict):
        if name == "default":
            return {}
        raise ConfigurationError(f"{path} has no profile {name!r}. It has: {', '.join(contents) or 'none'}.")
    given = cast(dict[str, Any], profile)
    known = {key: value for key, value in given.items() if key in SETTINGS and isinstance(value, str)}
    if "access_token" in known and os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"Others can read the access token in {path}. Run: chmod 600 {path}")
    return known


def stored_token(profile: str) -> str | None:
    """Return the access token of a profile that the system's keyring has, if the package `keyring` is installed."""
    try:
        keyring: Any = importlib.import_module("keyring")
    except ModuleNotFoundError:
        return None
    try:
        found: str | None = keyring.get_password(KEYRING_SERVICE, profile)
    except Exception:  # of a backend, whatever it is
        return None
    return found


class Connection(NamedTuple):
    """What is needed to reach SquadIQ; None where nobody said it. `quota` is that of the profile alone."""

    access_token: str | None
    base_url: str | None
    campaign_id: str | None
    quota: str | None

    def __repr__(self) -> str:
        return f"Connection(base_url={self.base_url!r}, campaign_id={self.campaign_id!r})"  # no token, no password


def connection_for(base_url: str | None, profile: str) -> Connection:
    """Return what options, environment and profile say, in this order.

    Raises:
        ConfigurationError: the profile cannot be read.
    """
    stored = read_profile(profile)
    return Connection(
        access_token=os.environ.get("SQUADIQ_ACCESS_TOKEN") or stored.get("access_token") or stored_token(profile),
        base_url=base_url or os.environ.get("SQUADIQ_BASE_URL") or stored.get("base_url"),
        campaign_id=os.environ.get("SQUADIQ_CAMPAIGN_ID") or stored.get("campaign_id"),
        # What the environment has is read, and named if it is wrong, by who uses it.
        quota=None if os.environ.get("SQUADIQ_QUOTA_URL") else stored.get("quota_url"),
    )


@contextmanager
def quota_named(connection: Connection, profile: str) -> Generator[None]:
    """Let an error about the quota name the setting that the user used."""
    try:
        yield
    except (ConfigurationError, QuotaStoreError) as error:
        if connection.quota is None or "quota=" not in str(error):
            raise
        raise type(error)(str(error).replace("quota=", f"quota_url of the profile {profile!r}")) from None


def client_for(base_url: str | None, profile: str, **options: Any) -> SquadIQ:
    """Return a client made of options, environment and profile, in this order.

    Raises:
        ConfigurationError: a setting is missing or wrong.
        QuotaStoreError: the quota that a setting names cannot be used.
    """
    from squadiq.client import SquadIQ

    found = connection_for(base_url, profile)
    options.setdefault("on_quota_wait", told_now_and_then())
    if found.quota is not None:
        options["quota"] = found.quota
    with quota_named(found, profile):
        return SquadIQ(found.access_token, base_url=found.base_url, campaign_id=found.campaign_id, **options)


def told_now_and_then() -> Callable[[str, float], None]:
    """Return what says that a command waits for the quota, when it is long, and not for each hit of many."""
    quiet_until = 0.0

    def tell(operation: str, seconds: float) -> None:
        nonlocal quiet_until
        now = time.monotonic()
        if seconds > TOLD_WAIT_SECONDS and now >= quiet_until:
            quiet_until = now + LINE_EVERY_SECONDS
            typer.echo(f"squadiq: waiting for a hit of the quota, {seconds:.0f} s at least", err=True)

    return tell


@contextmanager
def opened_campaign(
    campaign: str | None, base_url: str | None, profile: str, **options: Any
) -> Generator[tuple[SquadIQ, Campaign[Any]]]:
    """Open a client and the campaign that is meant.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    lead_type = options.pop("lead_type", None)
    with client_for(base_url, profile, **options) as client:
        kind = {} if lead_type is None else {"lead_type": lead_type}
        yield client, client.campaign(campaign, **kind)


def confirm(client: SquadIQ, what: str, *, yes: bool) -> None:
    """Ask before something is done to people at a live address; a mock on this machine needs no question.

    Raises:
        ConfigurationError: there is nobody to ask.
    """
    from squadiq._network import is_this_machine

    host = client.base_url.host
    if yes or is_this_machine(host):
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{what} at {host}: there is nobody to ask here. Give --yes if that is meant.")
    typer.confirm(f"{what} at {host}. Go on?", abort=True, err=True)
