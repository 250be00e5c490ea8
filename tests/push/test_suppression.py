"""Lists of numbers that are never to be sent: a number on them that cannot be read is told, not left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadiq.errors import InvalidInputError
from squadiq.push.suppression import suppressed_numbers


@pytest.mark.parametrize("ruined", ["9.87654E+09", "9876543210 / 9876543211"])
def test_a_number_that_a_spreadsheet_ruined_is_told(tmp_path: Path, ruined: str) -> None:
    path = tmp_path / "never.csv"
    path.write_text(f"Name,Mobile\nAsha,98765 43212\nRavi,{ruined}\n", "utf-8")
    with pytest.raises(InvalidInputError, match="its owner would be called") as refused:
        suppressed_numbers(path)
    assert "98765" not in str(refused.value)


def test_other_cells_of_a_list_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "never.csv"
    path.write_text("Name,Mobile,Since\nAsha,98765 43212,2026-11-24\nRavi,0,12345\n", "utf-8")
    assert suppressed_numbers(path) == {"+919876543212"}
