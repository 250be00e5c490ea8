"""Which store a setting means, and where its file is."""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from squadiq_generated.constants import QUOTA_HITS, QUOTA_WINDOW_SECONDS

from squadiq.errors import ConfigurationError, QuotaStoreError
from squadiq.quota.memory import MemoryStore
from squadiq.quota.postgres import PostgresStore
from squadiq.quota.redis import RedisStore
from squadiq.quota.sqlite import SQLiteStore, absolute, make_file
from squadiq.quota.store import QuotaStore, log, rules_for

NumberT = TypeVar("NumberT", int, float)

_told: set[object] = set()

_KINDS = "sqlite, sqlite:///path, memory, redis://host:port/0, rediss://, unix:// or postgresql://user@host/database"
_METHODS: Mapping[str, int] = {
    "reserve": 2,
    "confirm": 2,
    "completed": 1,
    "give_back": 1,
    "throttled": 2,
    "snapshot": 0,
    "reset": 0,
}
"""What a store must have, and how many arguments each takes beside `within_seconds`."""

BULK_RESERVE = 0.1
"""This part of the quota is left free by who sends much, for calls that somebody waits for."""


def open_store(
    quota: str | QuotaStore | None = None,
    *,
    name: str,
    limit: int = QUOTA_HITS,
    window_seconds: float = QUOTA_WINDOW_SECONDS,
    fallback: Literal["local"] | None = None,
) -> QuotaStore:
    """Return the store that a setting means.

    Args:
        quota: `sqlite`, a file in the user's state directory, or memory, with a warning, if that cannot be
            made; `sqlite:///path`, another file, relative to the current folder, with a warning, unless the
            path begins with a slash of its own, `sqlite:////path`; `memory`; `redis://…`, `rediss://…` or
            `unix://…`; `postgresql://…`; a store of your own; None for `SQUADIQ_QUOTA_URL`, or `sqlite` if
            that is not set.
        name: tells this quota from others: see `quota_name`.
        limit: hits in a window; "Rate Limiting" of the API documentation says 100.
        window_seconds: length of the window; the same says a minute.
        fallback: "local" to go on with a share of the quota while its server is gone.

    Raises:
        ConfigurationError: there is no such store, or limit, window or fallback make no sense.
        QuotaStoreError: the file that was asked for by name, or that is there, cannot be used.
        MissingExtraError: the store needs a package that is not installed.
    """
    rules_for(limit, window_seconds)
    if fallback not in (None, "local"):
        raise ConfigurationError('quota_fallback must be "local" or None.')
    setting = "quota=" if quota is not None else "SQUADIQ_QUOTA_URL"
    if quota is not None and not isinstance(quota, str):
        return _checked(quota)
    quota = quota if quota is not None else os.environ.get("SQUADIQ_QUOTA_URL") or "sqlite"
    kind, _, rest = quota.partition("://")
    if quota == "memory":
        return MemoryStore(limit, window_seconds)
    if quota == "sqlite":
        return _default_file(name, limit, window_seconds)
    if kind == "sqlite" and rest.startswith("/") and rest not in ("/", "/:memory:"):
        return _named_file(setting, rest[1:], limit, window_seconds)
    if kind in ("postgresql", "postgres"):
        return PostgresStore(quota, name, limit, window_seconds, fallback=fallback)
    if kind in ("redis", "rediss", "unix"):
        return RedisStore(quota, name, limit, window_seconds, fallback=fallback)
    raise ConfigurationError(f"{setting} must be one of: {_KINDS}.")


def quota_limits() -> tuple[int, float]:
    """Return hits and seconds of the rate limit, as `SQUADIQ_QUOTA_HITS` and `SQUADIQ_QUOTA_WINDOW_SECONDS` say.

    Raises:
        ConfigurationError: one of them is no number, or one that no limit can be.
    """
    hits = _number("SQUADIQ_QUOTA_HITS", int, QUOTA_HITS)
    window_seconds = _number("SQUADIQ_QUOTA_WINDOW_SECONDS", float, QUOTA_WINDOW_SECONDS)
    try:
        rules_for(hits, window_seconds)
    except ConfigurationError as wrong:
        raise ConfigurationError(f"{wrong} It is SQUADIQ_QUOTA_HITS or SQUADIQ_QUOTA_WINDOW_SECONDS.") from None
    return hits, window_seconds


def _number(variable: str, kind: type[NumberT], otherwise: NumberT) -> NumberT:
    try:
        return kind(os.environ.get(variable) or otherwise)
    except ValueError:
        raise ConfigurationError(f"{variable} must be a {'whole ' if kind is int else ''}number.") from None


def ends_in_time(store: QuotaStore) -> bool:
    """Tell whether a store surely keeps `within_seconds`; one of the user's own that reads or writes may not."""
    return not store.does_io or type(store) in (SQLiteStore, RedisStore, PostgresStore)


def reserve_for_bulk(store: QuotaStore) -> int:
    """Return how many hits a push or an outbox leaves free, unless it is told: a tenth of the limit, rounded up."""
    if not _keeps_free(store):
        return 0
    limit = _limit_of(store)
    return min(limit - 1, math.ceil(limit * BULK_RESERVE))


def check_reserve(store: QuotaStore, reserve: int) -> None:
    """Look whether a store can leave so many hits free.

    Raises:
        ConfigurationError: it has no more than those, or is one of the user's own that knows nothing of it.
    """
    if reserve and not _keeps_free(store):
        raise ConfigurationError(
            f"quota_reserve={reserve}: the reserve() of this {type(store).__name__} (quota=) has no keep_free=."
        )
    if reserve and reserve >= _limit_of(store):
        raise ConfigurationError(
            f"quota_reserve={reserve} would leave no hit to send: it must be below the limit, {_limit_of(store)}."
        )


def _keeps_free(store: QuotaStore) -> bool:
    try:
        inspect.signature(store.reserve).bind(None, None, within_seconds=None, keep_free=0)
    except (TypeError, ValueError):
        return False
    return True


def _limit_of(store: QuotaStore) -> int:
    """The limit of a store of ours; one of the user's own may not say, and would have to be asked."""
    limit = getattr(store, "limit", None)
    return limit if isinstance(limit, int) else QUOTA_HITS


def quota_name(base_url: str, business: str) -> str:
    """Return a name for the quota of a business at an address that tells neither; its access token will do for it."""
    return hashlib.sha256(f"{base_url.rstrip('/')}\n{business}".encode()).hexdigest()[:32]


def state_directory() -> Path:
    """Return where this system keeps the state of a user's programs (XDG Base Directory Specification).

    Raises:
        ConfigurationError: this user has no home directory, and `XDG_STATE_HOME` names no other.
    """
    try:
        return _state_directory()
    except RuntimeError:
        raise ConfigurationError("There is no home directory: set HOME, or XDG_STATE_HOME to another.") from None


def _state_directory() -> Path:
    if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "squadiq"
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "squadiq"
    if sys.platform == "darwin":  # pragma: no cover - the tests run elsewhere
        return Path.home() / "Library" / "Application Support" / "squadiq"
    return Path.home() / ".local" / "state" / "squadiq"


def _default_file(name: str, limit: int, window_seconds: float) -> QuotaStore:
    """The file that nobody asked for by name; if it cannot be made, the quota is kept in memory, and that is told."""
    path = None
    try:
        path = state_directory() / f"quota-{name}.sqlite3"
        make_file(path)
        return SQLiteStore(path, limit, window_seconds)
    except OSError as error:
        why = f"The quota cannot be kept in {path} ({error.strerror})."
    except (ConfigurationError, QuotaStoreError) as error:
        why = str(error)
    _tell_once(path, f"{why} It is kept in memory, and other processes do not share it.")
    return MemoryStore(limit, window_seconds)


def _named_file(setting: str, text: str, limit: int, window_seconds: float) -> SQLiteStore:
    path = absolute(Path(text))
    if not Path(text).is_absolute():
        _tell_once(
            (setting, path),
            f"{setting} names a file relative to the current folder: {path}. Programs that start in another folder "
            f"do not share it; with its whole path, sqlite:///{path}, they do.",
        )
    try:
        make_file(path)
        return SQLiteStore(path, limit, window_seconds)
    except OSError as error:
        raise QuotaStoreError(
            f"The quota cannot be kept in {path}, which {setting} names: {error.strerror}."
        ) from error


def _checked(store: QuotaStore) -> QuotaStore:
    """Return a user's own store.

    Raises:
        ConfigurationError: it is none.
    """
    for name, arguments in _METHODS.items():
        method = None if isinstance(store, type) else getattr(store, name, None)
        try:
            inspect.signature(method).bind(*[None] * arguments, within_seconds=None)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"quota= must be one of: {_KINDS}; or a store with the methods of squadiq.quota.QuotaStore: "
                f"this {type(store).__name__} has no {name}() that takes {arguments} arguments and within_seconds=."
            ) from None
    if not isinstance(getattr(store, "does_io", None), bool):
        raise ConfigurationError(f"quota=: this {type(store).__name__} does not say in does_io if it reads or writes.")
    return store


def _tell_once(what: object, message: str) -> None:
    if what not in _told:
        _told.add(what)
        log.warning("%s", message)
