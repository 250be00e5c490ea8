"""What to say when a part of squadiq needs a package that is not installed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

from squadiq.errors import MissingExtraError


def needs_extra(extra: str) -> AbstractContextManager[None]:
    """Turn a missing third-party module within the block into an error that names the extra.

    Raises:
        MissingExtraError: a module is not installed.
    """
    return needs_package(f"'squadiq[{extra}]'")


@contextmanager
def needs_package(requirement: str) -> Generator[None]:
    """Do `needs_extra` for what is installed by itself, as a framework is.

    Raises:
        MissingExtraError: a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in {"squadiq", "squadiq_generated"}:
            raise
        raise MissingExtraError(
            f"{missing.name} is not installed. Install it with: pip install {requirement}", name=missing.name
        ) from None
