"""What goes wrong with an outbox."""

from __future__ import annotations

from squadiq.errors import SquadIQError


class OutboxError(SquadIQError):
    """The outbox's database cannot be reached, read or written."""
