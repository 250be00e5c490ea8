"""What to say when a part of squadiq needs a package that is not installed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from squadiq.errors import MissingExtraError


@contextmanager
def needs_extra(extra: str) -> Generator[None]:
    """Turn a missing third-party module within the block into an error that names the extra.

    Raises:
        MissingExtraError: a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in {"squadiq", "squadiq_generated"}:
            raise
        raise MissingExtraError(
            f"{missing.name} is not installed. Install it with: pip install 'squadiq[{extra}]'", name=missing.name
        ) from None
