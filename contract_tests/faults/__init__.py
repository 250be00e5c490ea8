"""Broken servers: each is the mock with one thing wrong, and names the rule for which it must be caught."""

from __future__ import annotations

from contract_tests.faults import of_access, of_leads, of_lists
from contract_tests.faults.planting import FAULTS, Planted

__all__ = ["FAULTS", "Planted", "of_access", "of_leads", "of_lists"]
