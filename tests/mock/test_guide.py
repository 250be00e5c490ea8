"""What docs/mock.md shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from squadiq.mock.settings import MockOptions, MockSettings
from tests.mock.test_plugin import pytest_in

GUIDE = (Path(__file__).parents[2] / "docs" / "mock.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
TESTS = [block for block in BLOCKS if "def test_" in block]
CODE = [block for block in BLOCKS if block not in TESTS]


def test_the_tests_that_it_shows_pass(tmp_path: Path) -> None:
    assert f"{len(TESTS)} passed" in pytest_in(tmp_path, "\n\n".join(TESTS))


@pytest.mark.parametrize("block", CODE)
def test_the_code_that_it_shows_runs(block: str) -> None:
    exec(block, {})


def test_it_shows_both() -> None:
    assert (len(TESTS), len(CODE)) == (4, 2)


def test_the_settings_that_may_be_passed_on_are_those_that_there_are() -> None:
    assert set(MockOptions.__annotations__) == set(MockSettings.__slots__)
