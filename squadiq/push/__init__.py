"""Leads in: from a spreadsheet, a frame or any rows to SquadIQ, each one once, however often it is broken off."""

from squadiq.push.columns import Columns
from squadiq.push.engine import PushStoppedError
from squadiq.push.ledger import LedgerError
from squadiq.push.report import PushCounts, Rejection
from squadiq.push.run import PushPlan, PushResult

__all__ = ["Columns", "LedgerError", "PushCounts", "PushPlan", "PushResult", "PushStoppedError", "Rejection"]
