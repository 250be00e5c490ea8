"""Leads in: from a spreadsheet, a frame or any rows to SquadIQ, each one once, however often it is broken off."""

from __future__ import annotations

from squadiq._extras import needs_extra

with needs_extra("push"):
    import sqlalchemy as _  # before the modules that need it  # noqa: F401

from squadiq.push.columns import Columns
from squadiq.push.engine import PushStoppedError
from squadiq.push.ledger import LedgerError
from squadiq.push.report import PushCounts, Rejection
from squadiq.push.run import PushPlan, PushResult

__all__ = ["Columns", "LedgerError", "PushCounts", "PushPlan", "PushResult", "PushStoppedError", "Rejection"]
