"""A mapping of columns in a file is read as it was written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.errors import InvalidInputError
from squadiq.push.columns import TYPES, Columns
from squadiq.push.mapping_file import read_mapping, write_mapping

TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "\r", "\x7f", "😀", "a.b"]
)
VALUES = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Columns,
        fields=st.dictionaries(TEXT, TEXT, max_size=3),
        dropped=st.frozensets(TEXT, max_size=3),
        constants=st.dictionaries(TEXT, VALUES, max_size=3),
        types=st.dictionaries(TEXT, st.sampled_from([*TYPES, 'date:%d "%m" %Y']), max_size=3),
        lead_id_from=st.lists(TEXT, max_size=3),
    )
)
def test_whatever_is_written_is_read_back(columns: Columns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_mapping(Path(folder) / "m.toml", columns)
        assert read_mapping(Path(folder) / "m.toml") == columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colums = 1", "has 'colums'"),
        ("columns = 1", "columns in m.toml must be a table of texts"),
        ("[columns]\na = 1", "columns in m.toml must be a table of texts"),
        ("drop = 'x'", "drop in m.toml must be a list of texts"),
        ("lead_id_from = [1]", "lead_id_from in m.toml must be a list of texts"),
        ("constants = 3", "constants in m.toml must be a table"),
        ("constants.a = 2025-01-01", "must be a table of texts, numbers, true and false"),
        ("[types]\na = 'money'", "the type of a must be one of"),
        ("a = ", "is no TOML"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InvalidInputError) as refused:
        read_mapping(tmp_path / "m.toml")
    assert said in str(refused.value)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="is no TOML"):
        read_mapping(tmp_path / "m.toml")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_mapping(tmp_path / "nowhere.toml")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_mapping(tmp_path, Columns())
