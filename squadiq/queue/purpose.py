"""What a database is kept for: how it is called in messages, what it holds, and what is raised when it fails."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import MetaData
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from squadiq.errors import SquadIQError


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a database is kept for.

    Attributes:
        name: how messages and loggers call it, such as `inbox`.
        error: is raised when it cannot be reached, read or written.
        metadata: its tables.
        after_loss: what to do once a file of it was taken away.
    """

    name: str
    error: type[SquadIQError]
    metadata: MetaData
    after_loss: str

    @property
    def log(self) -> logging.Logger:
        """Where it is told what goes wrong with it."""
        return logging.getLogger(f"squadiq.{self.name}")

    @contextmanager
    def errors(self) -> Generator[None]:
        """Turn errors of the database into one of ours that holds nothing of what is stored."""
        try:
            yield
        except SquadIQError:
            raise
        except (SQLAlchemyError, ValueError, OverflowError) as error:  # a driver has errors of its own for odd values
            origin = getattr(error, "orig", None) or error
            said = f": {str(origin).partition(chr(10))[0]}" if isinstance(error, OperationalError) else ""
            raise self.error(f"The {self.name}'s database failed ({type(origin).__name__}{said}).") from None
