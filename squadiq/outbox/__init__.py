"""The outbox: leads and their changes on their way out, kept from your own commit until SquadIQ has them."""

from __future__ import annotations

from squadiq._extras import needs_extra

with needs_extra("outbox"):
    import sqlalchemy as _  # before the modules that need it  # noqa: F401

from squadiq.outbox.errors import OutboxError
from squadiq.outbox.outbox import Outbox
from squadiq.outbox.store import StoredEntry

__all__ = ["Outbox", "OutboxError", "StoredEntry"]
