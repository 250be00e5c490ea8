"""`squadiq quota` on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.quota import Reservation, SQLiteStore, Store, open_store, quota_name
from tests.quota.virtual import Clock

TOKEN = "test_token"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("SQUADIQ_QUOTA_URL", raising=False)


@pytest.fixture
def store(surroundings: None) -> Iterator[Store]:
    """What another program with the same token spends."""
    with closing(open_store(name=quota_name("http://127.0.0.1:9", TOKEN))) as store:
        yield store


def test_it_shows_what_other_programs_left_as_a_bar(store: Store) -> None:
    for _ in range(37):
        store.answered(store.reserve(5.0))
    shown = CliRunner().invoke(app, ["quota"])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[0] == "Quota at 127.0.0.1: 100 hits in 60 s"
    assert shown.output.splitlines()[1].endswith("63 of 100 hits free now")
    assert "━" in shown.output
    assert TOKEN not in shown.output


def test_it_spends_nothing_and_says_so_when_nobody_else_did() -> None:
    for _ in range(2):
        shown = CliRunner().invoke(app, ["quota"])
        assert shown.output.splitlines()[1:] == [f"{'━' * 50} 100 of 100 hits free now"]


def test_it_tells_what_is_under_way_waiting_paused_and_somebody_elses(store: Store) -> None:
    sent = [store.reserve(500.0) for _ in range(101)]
    store.throttled(sent[0], 30.0)
    shown = CliRunner().invoke(app, ["quota"])
    lines = [line.strip() for line in shown.output.splitlines()]
    assert lines[1].endswith("0 of 100 hits free now")
    assert lines[2].startswith("next free in ")
    assert lines[3:5] == ["100 under way", "1 waiting"]
    assert lines[5].startswith("paused for ")


def test_it_tells_of_a_lowered_share(tmp_path: Path) -> None:
    path = tmp_path / "squadiq" / f"quota-{quota_name('http://127.0.0.1:9', TOKEN)}.sqlite3"
    monotonic, wall = Clock(time.monotonic() - 61), Clock(time.time() - 61)
    with closing(SQLiteStore(path, monotonic=monotonic, wall=wall)) as a_minute_ago:
        a_minute_ago.throttled(Reservation(1, 0.0, 0.0), 0.0)
        monotonic.now, wall.now = time.monotonic(), time.time()
        a_minute_ago.throttled(Reservation(1, 0.0, 0.0), 0.0)
    shown = CliRunner().invoke(app, ["quota"])
    assert "only 75 are ours for now, as somebody else spends the same quota" in shown.output


def test_it_prints_json(store: Store) -> None:
    store.reserve(5.0)
    shown = CliRunner().invoke(app, ["quota", "--json", "--hits", "200", "--window-seconds", "30"])
    figures = json.loads(shown.output)
    assert (figures["limit"], figures["window_seconds"], figures["in_flight"]) == (200, 30.0, 1)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SQUADIQ_ACCESS_TOKEN", "", "access token"),
        ("SQUADIQ_QUOTA_URL", "memory", "memory of each program"),
        ("SQUADIQ_QUOTA_URL", "redis://user:s3cret@127.0.0.1:9", "127.0.0.1:9 cannot be used"),
    ],
)
def test_what_it_cannot_show_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    shown = CliRunner().invoke(app, ["quota"])
    assert shown.exit_code == 2
    assert said in shown.output
    assert "s3cret" not in shown.output
    assert shown.output.count("\n") == 1
