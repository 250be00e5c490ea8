"""What came of leads, brought to where people work: files of every kind, and tables of a database."""

from squadiq.outcomes.errors import OutcomesError
from squadiq.outcomes.export import ExportResult, export_outcomes
from squadiq.outcomes.sources import CampaignSource, InboxSource

__all__ = ["CampaignSource", "ExportResult", "InboxSource", "OutcomesError", "export_outcomes"]
