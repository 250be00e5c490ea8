"""The cases that the mock is asked: those of a live service, and those that only the mock can run."""

from __future__ import annotations

from contract_tests.cases import access, leads
from squadiq.contract import suite

SUITE = (*suite.SUITE, *suite.cases_in(leads, access))
