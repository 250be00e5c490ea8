"""The inbox: processed leads on their way in, kept until you have handled them."""

from __future__ import annotations

from squadiq._extras import needs_extra

with needs_extra("inbox"):
    import sqlalchemy as _  # before the modules that need it  # noqa: F401

from squadiq.inbox.backfill import Backfill
from squadiq.inbox.errors import InboxError
from squadiq.inbox.inbox import Inbox
from squadiq.inbox.store import StoredResult

__all__ = ["Backfill", "Inbox", "InboxError", "StoredResult"]
