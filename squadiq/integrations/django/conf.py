"""What stands in `settings.SQUADIQ`, and which database the inbox is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import conf as django_conf  # type: ignore[import-untyped]
from sqlalchemy import URL

from squadiq import _checks
from squadiq.errors import ConfigurationError
from squadiq.webhooks import Callers

KNOWN = ("CALLERS", "CLIENT", "INBOX")
_POSTGRES = ("postgresql", "postgis", "psycopg")


def configured() -> Mapping[str, Any]:
    """Return `settings.SQUADIQ`.

    Raises:
        ConfigurationError: it is no mapping, or has a key that does not exist.
    """
    given: object = getattr(django_conf.settings, "SQUADIQ", {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"settings.SQUADIQ must be a mapping, not {_checks.kind_of(given)}.")
    known = cast(Mapping[str, Any], given)
    _checks.known_settings(known, KNOWN, "settings.SQUADIQ has")
    return known


def configured_callers() -> Callers:
    """Return who may deliver, by `CALLERS`: a `Callers`, or a list of secrets.

    Raises:
        ConfigurationError: it is neither.
    """
    callers = configured().get("CALLERS", ())
    return callers if isinstance(callers, Callers) else Callers(secrets=callers)


def inbox_database() -> Any:
    """Return the database that `INBOX` names, or else the one that Django has as its default.

    Raises:
        ConfigurationError: it is of a kind in which no inbox can be.
    """
    given = configured().get("INBOX")
    if given is not None:
        return given
    default: Mapping[str, Any] = django_conf.settings.DATABASES.get("default", {})
    engine = str(default.get("ENGINE", "")).rpartition(".")[2]
    if engine == "sqlite3":
        return URL.create("sqlite", database=str(default["NAME"]))
    if engine in _POSTGRES:
        names = {"username": "USER", "password": "PASSWORD", "host": "HOST", "database": "NAME"}
        values = {argument: str(default.get(name) or "") or None for argument, name in names.items()}
        return URL.create("postgresql", port=int(default.get("PORT") or 0) or None, **values)  # type: ignore[arg-type]
    raise ConfigurationError("Where is the inbox? Set settings.SQUADIQ['INBOX'] to a path or the URL of PostgreSQL.")
