"""What is raised when outcomes cannot be written."""

from __future__ import annotations

from squadiq.errors import SquadIQError


class OutcomesError(SquadIQError):
    """Outcomes cannot be written to a file or a table, or what is there cannot be read."""
