"""What came of leads, brought to where people work: files of every kind, and tables of a database."""

from __future__ import annotations

from squadiq._extras import needs_extra

with needs_extra("outcomes"):
    import sqlalchemy as _  # before the modules that need it  # noqa: F401

from squadiq.outcomes.errors import OutcomesError
from squadiq.outcomes.export import ExportResult, export_outcomes
from squadiq.outcomes.sources import CampaignSource, InboxSource
from squadiq.outcomes.sync import SyncResult, sync_outcomes
from squadiq.outcomes.target import OutcomeTable

__all__ = [
    "CampaignSource",
    "ExportResult",
    "InboxSource",
    "OutcomeTable",
    "OutcomesError",
    "SyncResult",
    "export_outcomes",
    "sync_outcomes",
]
