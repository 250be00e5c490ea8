"""`squadiq configure`: settings of a profile, in a file that its owner alone reads; the token there or in a keyring."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from squadiq._extras import needs_extra
from squadiq.cli.connection import KEYRING_SERVICE, SETTINGS, ProfileOption, config_file
from squadiq.cli.secret import SecretError, secrets_of
from squadiq.errors import ConfigurationError

with needs_extra("cli"):
    import typer


def configure(
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where SquadIQ is; the live service if unset.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="The campaign that commands use.")] = None,
    quota_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the quota is kept.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with the access token; else it is asked for.")
    ] = None,
    keyring: Annotated[bool, typer.Option("--keyring", help="Keep the token in the system's keyring.")] = False,
    profile: ProfileOption = "default",
) -> None:
    """Write the settings of a profile; what is not given stays as it is, and the token is asked for."""
    from squadiq.config import base_url_from

    given = {"base_url": base_url, "campaign_id": campaign, "quota_url": quota_url}
    settings = {name: value for name, value in given.items() if value}
    if base_url is not None:
        base_url_from(base_url, ())
    token = _token(token_file)
    if not token and (keyring or not settings):
        raise ConfigurationError("There is nothing to write: no access token and no setting was given.")
    if token and keyring:
        _keep(profile, token)
    elif token:
        settings["access_token"] = token
    # One that was in the file before would go before that of the keyring.
    path = write_profile(profile, settings, without={"access_token"} if keyring else frozenset())
    typer.echo(f"The profile {profile!r} is in {path}", err=True)
    typer.echo("Next: squadiq doctor", err=True)


def write_profile(profile: str, settings: Mapping[str, str], *, without: Collection[str] = ()) -> Path:
    """Add settings to a profile and return where the file is, which only its owner can read.

    Args:
        profile: its name.
        settings: what is to be there afterwards, beside what was.
        without: settings that are to be taken out.

    Raises:
        ConfigurationError: the file cannot be written, what is there is no TOML, or it would be lost.
    """
    path = config_file()
    try:
        contents = _profiles(path)
        kept = {name: value for name, value in contents.get(profile, {}).items() if name not in without}
        text = "\n".join(_lines({**contents, profile: {**kept, **settings}})).encode()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(Path(os.path.realpath(path)), text)
    except UnicodeEncodeError:
        raise ConfigurationError("A setting or the profile's name is not UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}).") from None
    return path


def _profiles(path: Path) -> dict[str, dict[str, str]]:
    """What the file holds, if all of it can be written again."""
    import tomllib

    try:
        contents = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is no TOML: mend it or take it away.") from None
    for name, profile in contents.items():
        values = cast(dict[str, Any], profile) if isinstance(profile, dict) else {"": profile}
        if not all(key in SETTINGS and isinstance(value, str) for key, value in values.items()):
            settings = ", ".join(SETTINGS)
            raise ConfigurationError(f"{path} has in {name!r} something else than {settings}: take it out first.")
    return contents


def _write_private(path: Path, text: bytes) -> None:
    """Write a file whole or not at all; it is its owner's alone from the first byte."""
    import tempfile

    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(text)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def _lines(contents: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, profile in contents.items():
        yield f"[{_toml(name)}]"
        yield from (f"{key} = {_toml(profile[key])}" for key in SETTINGS if key in profile)
        yield ""


def _toml(text: str) -> str:
    """Write a text as TOML does: as JSON, but for one more character that must be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _token(file: Path | None) -> str:
    """The token of a file, or what is typed at a terminal; "" if nothing is."""
    from squadiq.auth import AccessToken

    if file is not None:
        try:
            lines, _ = secrets_of("--token", "", (), (file,))
        except SecretError as error:
            raise ConfigurationError(str(error)) from None
        text = "\n".join(lines)
    elif sys.stdin.isatty():
        question = "Access token (nothing is shown; empty keeps what is there)"
        text = typer.prompt(question, default="", hide_input=True, show_default=False, err=True).strip()
    else:
        text = ""
    return AccessToken(text).reveal() if text else ""


def _keep(profile: str, token: str) -> None:
    try:
        keyring: Any = importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise ConfigurationError("--keyring needs the package keyring: pip install keyring") from None
    try:
        keyring.set_password(KEYRING_SERVICE, profile, token)
    except Exception as error:  # of a backend, whatever it is
        raise ConfigurationError(f"The keyring does not take the token ({type(error).__name__}).") from None
