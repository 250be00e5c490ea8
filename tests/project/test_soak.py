"""What takes minutes is left out, unless it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = "tests/facade/test_faults.py"
SOAK = "test_no_call_outlives_its_deadline"


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("arguments", "soak", "others"),
    [([FILE], False, True), ([f"{FILE}::{SOAK}"], True, False)],
    ids=["a file", "by its name"],
)
def test_soak_tests_run_only_when_they_are_asked_for(arguments: list[str], soak: bool, others: bool) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    assert any(SOAK in line for line in collected) is soak
    assert any(SOAK not in line for line in collected) is others
