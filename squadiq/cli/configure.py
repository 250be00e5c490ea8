"""`squadiq configure`: settings of a profile, in a file that its owner alone reads; the token there or in a keyring."""

from __future__ import annotations

import importlib
import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from squadiq._extras import needs_extra
from squadiq.cli.connection import KEYRING_SERVICE, SETTINGS, ProfileOption, config_file
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

    token = _token(token_file)
    given = {"base_url": base_url, "campaign_id": campaign, "quota_url": quota_url}
    if base_url is not None:
        base_url_from(base_url, ())
    if token and keyring:
        _keep(profile, token)
    elif token:
        given["access_token"] = token
    path = write_profile(profile, {name: value for name, value in given.items() if value})
    typer.echo(f"The profile {profile!r} is in {path}", err=True)
    typer.echo("Next: squadiq doctor", err=True)


def write_profile(profile: str, settings: dict[str, str]) -> Path:
    """Add settings to a profile and return where the file is, which only its owner can read.

    Raises:
        ConfigurationError: the file cannot be written, or what is there is no TOML.
    """
    path = config_file()
    try:
        contents = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        contents[profile] = {**contents.get(profile, {}), **settings}
        partial = path.with_name(path.name + ".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(_lines(contents)))
        os.replace(partial, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is no TOML: mend it or take it away.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}).") from None
    return path


def _lines(contents: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, profile in contents.items():
        known = {key: profile[key] for key in SETTINGS if isinstance(profile.get(key), str)}
        lines += [f"[{json.dumps(name, ensure_ascii=False)}]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in known.items()]
        lines += [""]
    return lines


def _token(file: Path | None) -> str:
    from squadiq.auth import AccessToken

    if file is not None:
        try:
            text = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"--token-file cannot be read ({type(error).__name__}).") from None
    else:
        text = typer.prompt(
            "Access token (nothing is shown; empty keeps what is there)",
            default="",
            hide_input=True,
            show_default=False,
        ).strip()
    return AccessToken(text).reveal() if text else ""


def _keep(profile: str, token: str) -> None:
    try:
        keyring: Any = importlib.import_module("keyring")
        keyring.set_password(KEYRING_SERVICE, profile, token)
    except ModuleNotFoundError:
        raise ConfigurationError("--keyring needs the package keyring: pip install keyring") from None
    except Exception as error:  # of a backend, whatever it is
        raise ConfigurationError(f"The keyring does not take the token ({type(error).__name__}).") from None
