"""What is marked `unmeasured` costs no coverage, and all else is measured."""

from __future__ import annotations

import os
import sys

import pytest
from coverage import Coverage

MEASURED = Coverage.current() is not None


@pytest.mark.unmeasured
def test_what_is_marked_runs_without_coverage_and_so_do_its_processes() -> None:
    assert Coverage.current() is None
    assert sys.gettrace() is None
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ


def test_what_is_not_marked_is_measured_if_anything_is() -> None:
    assert (Coverage.current() is not None) is MEASURED
    assert (sys.gettrace() is not None) is MEASURED
    assert ("COVERAGE_PROCESS_CONFIG" in os.environ) is MEASURED
