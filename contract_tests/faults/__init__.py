"""Broken servers: each is the mock with one thing wrong, and names the rule for which it must be caught."""

from __future__ import annotations

from contract_tests.faults import mutants_access, mutants_field, mutants_leads, mutants_lists, mutants_overlap
from contract_tests.faults.mutants import FAULTS, Planted

__all__ = ["FAULTS", "Planted", "mutants_access", "mutants_field", "mutants_leads", "mutants_lists", "mutants_overlap"]
