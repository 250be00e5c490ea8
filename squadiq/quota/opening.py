"""Which store a setting means, and where its file is."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Literal

from squadiq.errors import ConfigurationError
from squadiq.quota.file import SQLiteStore, make_file
from squadiq.quota.memory import MemoryStore
from squadiq.quota.server import RedisStore
from squadiq.quota.store import Store, log

_told: set[Path] = set()


def open_store(
    quota: str | Store | None = None,
    *,
    name: str,
    limit: int = 100,
    window_seconds: float = 60.0,
    fallback: Literal["local"] | None = None,
) -> Store:
    """Return the store that a setting means.

    Args:
        quota: `sqlite`, a file in the user's state directory; `sqlite:///path`, another file; `memory`;
            `redis://…`, `rediss://…` or `unix://…`; a store of your own; None for `SQUADIQ_QUOTA_URL`,
            or `sqlite` if that is not set.
        name: tells this quota from others: see `quota_name`.
        limit: hits in a window; "Rate Limiting" of the API documentation says 100.
        window_seconds: length of the window; the same says a minute.
        fallback: "local" to go on with a share of the quota while Redis is gone.

    Raises:
        ConfigurationError: there is no such store, or limit or window make no sense.
        QuotaStoreError: the file is there but cannot be used.
        MissingExtraError: the store needs a package that is not installed.
    """
    if quota is not None and not isinstance(quota, str):
        return quota
    if fallback not in (None, "local"):
        raise ConfigurationError('The fallback of the quota is "local" or none.')
    quota = quota if quota is not None else os.environ.get("SQUADIQ_QUOTA_URL") or "sqlite"
    kind, _, rest = quota.partition("://")
    if quota == "memory":
        return MemoryStore(limit, window_seconds)
    if quota == "sqlite":
        return _file_or_memory(state_directory() / f"quota-{name}.sqlite3", limit, window_seconds)
    if kind == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return _file_or_memory(Path(rest[1:]).absolute(), limit, window_seconds)
    if kind in ("redis", "rediss", "unix"):
        return RedisStore(quota, name, limit, window_seconds, fallback=fallback)
    raise ConfigurationError("The quota is kept in one of: sqlite, sqlite:///path, memory, redis://host:port/0.")


def quota_name(base_url: str, access_token: str) -> str:
    """Return a name for the quota of a token at an address that tells neither."""
    return hashlib.sha256(f"{base_url.rstrip('/')}\n{access_token}".encode()).hexdigest()[:32]


def state_directory() -> Path:
    """Return where this system keeps the state of a user's programs (XDG Base Directory Specification)."""
    if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "squadiq"
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "squadiq"
    if sys.platform == "darwin":  # pragma: no cover - the tests run elsewhere
        return Path.home() / "Library" / "Application Support" / "squadiq"
    return Path.home() / ".local" / "state" / "squadiq"


def _file_or_memory(path: Path, limit: int, window_seconds: float) -> Store:
    try:
        make_file(path)
    except OSError as error:
        if path not in _told:
            _told.add(path)
            log.warning(
                "The quota cannot be kept in %s (%s): it is kept in memory, and other processes do not share it.",
                path,
                error.strerror,
            )
        return MemoryStore(limit, window_seconds)
    return SQLiteStore(path, limit, window_seconds)
