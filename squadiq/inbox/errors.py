"""What goes wrong with an inbox."""

from __future__ import annotations

from squadiq.errors import SquadIQError


class InboxError(SquadIQError):
    """The inbox's database cannot be reached, read or written."""
