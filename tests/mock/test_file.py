"""The state in a file: over restarts, and what is left of a deleted lead."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from squadiq.mock.settings import SettingError
from tests.mock.caller import START, Caller, lead

Start = Callable[..., Caller]


def test_everything_survives_a_restart(start_mock: Start, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    mock = start_mock(db=str(tmp_path / "before" / "mock.sqlite3"), tokens=("one", "two"))
    mock.call("create", [lead("a", plan="Lite"), lead("b")], token="one")
    mock.call("convert", {"lead_id": "b", "detail": "PAID"}, token="one")
    mock.advance(5)
    page, lead_state = mock.list(token="one").json, mock.lead_state("b")
    shutil.copytree(tmp_path / "before", tmp_path / "after")  # what a mock that is killed now leaves behind

    mock = start_mock(db=str(tmp_path / "after" / "mock.sqlite3"), tokens=("one", "two"))
    assert mock.core.clock.now() == START + 5, "time does not run backwards"
    assert mock.list(token="one").json == page
    assert mock.lead_state("b") == lead_state
    assert mock.list(token="two").status == 403
    assert mock.call("create", lead("a"), token="one").status == 400


def test_time_goes_on_from_where_a_fast_clock_ended(start_mock: Start, tmp_path: Path) -> None:
    db = str(tmp_path / "mock.sqlite3")
    mock = start_mock(db=db)
    mock.core.clock.advance(1000)  # past the mock, as a fast clock would
    mock.core.close()
    assert start_mock(db=db).core.clock.now() == START + 1000


def test_the_file_is_for_its_owner_only(start_mock: Start, tmp_path: Path) -> None:
    mock = start_mock(db=str(tmp_path / "mock.sqlite3"))
    mock.create("a")
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_an_access_token_is_not_in_the_file(start_mock: Start, tmp_path: Path) -> None:
    mock = start_mock(db=str(tmp_path / "mock.sqlite3"), tokens=("secret_token",))
    mock.call("create", lead("a"), token="secret_token")
    assert b"secret_token" not in _bytes(tmp_path)


def test_nothing_of_a_deleted_lead_is_left_in_the_files(start_mock: Start, tmp_path: Path) -> None:
    mock = start_mock(db=str(tmp_path / "mock.sqlite3"))
    for batch in range(20):
        leads = [
            lead(
                f"id{batch:02}{number:02}zz",
                phone_number=f"9{batch:02}{number:02}12345",
                contact_name=f"Name{batch:02}{number:02}" * (1 + number % 20),
                note=f"Note{batch:02}{number:02}" * (number * 3 % 70),
            )
            for number in range(100)
        ]
        mock.call("create", leads)
    for number in range(100):
        mock.call(
            "update", {"lead_id": f"id05{number:02}zz", "contact_name": f"Name05{number:02}", "note": "n" * number}
        )
        mock.call("convert", {"lead_id": f"id05{number:02}zz", "detail": f"Detail05{number:02}"})
    mock.advance(5)
    mock.list("page_size=1000")
    for number in range(0, 100, 3):
        assert mock.call("delete", {"lead_id": f"id05{number:02}zz"}).status == 202
    left = _bytes(tmp_path)
    for number in range(100):
        traces = [
            trace.encode()
            for trace in (
                f"id05{number:02}zz",
                f"905{number:02}12345",
                f"Name05{number:02}",
                f"Note05{number:02}",
                f"Detail05{number:02}",
            )
            if trace.encode() in left
        ]
        if number % 3 == 0:
            assert traces == []
        else:
            assert len(traces) >= 3


def test_nothing_of_a_replaced_lead_is_left_after_the_new_one_is_deleted(start_mock: Start, tmp_path: Path) -> None:
    mock = start_mock(db=str(tmp_path / "mock.sqlite3"), duplicate_leads="replace")
    mock.create("a", contact_name="First Name")
    mock.create("a", contact_name="Second Name")
    mock.call("delete", {"lead_id": "a"})
    assert b"Name" not in _bytes(tmp_path)


def test_two_mocks_do_not_share_a_file(start_mock: Start, tmp_path: Path) -> None:
    db = str(tmp_path / "mock.sqlite3")
    start_mock(db=db)
    with pytest.raises(SettingError, match=r"^db: .*mock\.sqlite3 cannot be used \(.*locked.*another mock"):
        start_mock(db=db)


def test_a_file_of_something_else_is_left_alone(start_mock: Start, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at" * 10)
    before = other.read_bytes(), text.read_bytes()
    for path in (other, text):
        with pytest.raises(SettingError, match=r"^db: .* cannot be used"):
            start_mock(db=str(path))
    assert (other.read_bytes(), text.read_bytes()) == before


def test_a_file_that_cannot_be_opened_is_told_by_its_name(start_mock: Start, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^db: .*missing/mock\.sqlite3 cannot be opened"):
        start_mock(db=str(tmp_path / "missing" / "mock.sqlite3"))


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
