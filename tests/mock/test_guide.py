"""What docs/mock.md shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from squadiq.mock.server import RunningMock
from squadiq.mock.settings import MockOptions, MockSettings

GUIDE = (Path(__file__).parents[2] / "docs" / "mock.md").read_text("utf-8")
IN_A_TEST, OTHER_SETTINGS, STATE, WITHOUT_A_PORT, FAULTS = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize("block", [IN_A_TEST, STATE, FAULTS], ids=["in a test", "state", "faults"])
def test_the_test_that_it_shows_passes(squadiq_mock: RunningMock, block: str) -> None:
    names: dict[str, Any] = {}
    exec(block, names)
    (shown,) = (name for name in names if name.startswith("test_"))
    names[shown](squadiq_mock)


@pytest.mark.parametrize("block", [OTHER_SETTINGS, WITHOUT_A_PORT], ids=["other settings", "without a port"])
def test_the_code_that_it_shows_runs(block: str) -> None:
    exec(block, {})


def test_the_settings_that_may_be_passed_on_are_those_that_there_are() -> None:
    assert set(MockOptions.__annotations__) == set(MockSettings.__slots__)
