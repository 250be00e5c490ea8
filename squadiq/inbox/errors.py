"""What goes wrong with an inbox."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from squadiq.errors import SquadIQError


class InboxError(SquadIQError):
    """The inbox's database cannot be reached, read or written."""


@contextmanager
def database_errors() -> Generator[None]:
    """Turn errors of the database into one of ours that holds nothing of what is stored."""
    try:
        yield
    except SquadIQError:
        raise
    except (SQLAlchemyError, ValueError, OverflowError) as error:  # a driver has errors of its own for odd values
        origin = getattr(error, "orig", None) or error
        said = f": {str(origin).partition(chr(10))[0]}" if isinstance(error, OperationalError) else ""
        raise InboxError(f"The inbox's database failed ({type(origin).__name__}{said}).") from None
