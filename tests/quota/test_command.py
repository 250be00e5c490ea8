"""`squadiq quota` on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.quota import QuotaStore, open_store, quota_name

TOKEN = "test_token"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("URL", "HITS", "WINDOW_SECONDS"):
        monkeypatch.delenv(f"SQUADIQ_QUOTA_{name}", raising=False)


@pytest.fixture
def store(surroundings: None) -> Iterator[QuotaStore]:
    """What another program with the same token spends."""
    with closing(open_store(name=quota_name("http://127.0.0.1:9", TOKEN))) as store:
        yield store


def test_it_shows_what_other_programs_left_as_a_bar(store: QuotaStore) -> None:
    for _ in range(37):
        store.completed(store.reserve(5.0))
    shown = CliRunner().invoke(app, ["quota"])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[0] == "Quota at 127.0.0.1: 100 hits in 60 s"
    assert shown.output.splitlines()[1].endswith("63 of 100 hits free now")
    assert "━" in shown.output
    assert TOKEN not in shown.output


def test_the_environment_says_how_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_HITS", "300")
    monkeypatch.setenv("SQUADIQ_QUOTA_WINDOW_SECONDS", "30")
    told = json.loads(CliRunner().invoke(app, ["quota", "--json"]).output)
    assert (told["limit"], told["window_seconds"], told["free_now"]) == (300, 30.0, 300)


def test_it_spends_nothing_and_says_so_when_nobody_else_did() -> None:
    for _ in range(2):
        shown = CliRunner().invoke(app, ["quota"])
        assert shown.output.splitlines()[1:] == [f"{'━' * 50} 100 of 100 hits free now"]


def test_it_tells_what_is_under_way_waiting_paused_and_somebody_elses(store: QuotaStore) -> None:
    sent = [store.reserve(500.0) for _ in range(101)]
    store.throttled(sent[0], 30.0)
    shown = CliRunner().invoke(app, ["quota"])
    lines = [line.strip() for line in shown.output.splitlines()]
    assert lines[1].endswith("0 of 100 hits free now")
    assert lines[2].startswith("next free in ")
    assert lines[3:5] == ["100 under way", "1 waiting"]
    assert lines[5].startswith("paused for ")
    assert lines[6] == "1 refused with a 429 so far"


def test_it_prints_json(store: QuotaStore) -> None:
    store.reserve(5.0)
    shown = CliRunner().invoke(app, ["quota", "--json", "--hits", "200", "--window-seconds", "30"])
    figures = json.loads(shown.output)
    assert (figures["limit"], figures["window_seconds"], figures["in_flight"]) == (200, 30.0, 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--hits", "0"), ("--hits", "-5"), ("--hits", "9" * 30), *(("--window-seconds", x) for x in ("0", "nan", "inf"))],
)
def test_a_limit_that_makes_no_sense_is_said_in_a_line(option: str, value: str) -> None:
    shown = CliRunner().invoke(app, ["quota", option, value])
    assert shown.exit_code == 2
    assert shown.output.startswith("squadiq: ")
    assert f"quota_{option[2:].replace('-', '_')} must " in shown.output
    assert shown.output.count("\n") == 1


def test_without_the_package_for_redis_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "redis://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "redis", None)
    shown = CliRunner().invoke(app, ["quota"])
    assert shown.exit_code == 2
    assert shown.output == "squadiq: redis is not installed. Install it with: pip install 'squadiq[redis]'\n"


@pytest.fixture(params=["file", "redis_url", "postgres_database"])
def shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuotaStore]:
    """A store that another program uses too, which the command finds by the environment."""
    if request.param != "file":
        monkeypatch.setenv("SQUADIQ_QUOTA_URL", request.getfixturevalue(request.param))
    with closing(open_store(name=quota_name("http://127.0.0.1:9", TOKEN))) as store:
        yield store


def test_reset_ends_pauses_and_counts_every_hit_as_used_just_now(shared: QuotaStore) -> None:
    sent = [shared.reserve(500.0) for _ in range(101)]
    shared.throttled(sent[0], 1e9)
    shown = CliRunner().invoke(app, ["quota", "--reset", "--json"])
    assert shown.exit_code == 0
    assert shown.stderr == "The quota was reset: every hit counts as used just now.\n"
    figures = json.loads(shown.stdout)
    assert (figures["free_now"], figures["in_flight"], figures["waiting"]) == (0, 0, 0)
    assert figures["paused_for_seconds"] == 0
    assert 55 < figures["next_free_in_seconds"] < 61
    assert shared.snapshot().in_flight == 0
    again = CliRunner().invoke(app, ["quota", "--reset"])
    assert again.stdout.splitlines()[2].startswith("next free in ")


def test_reset_mends_whatever_stands_under_the_key(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", redis_url)
    key = f"squadiq:quota:1:{quota_name('http://127.0.0.1:9', TOKEN)}"
    kind: Any = redis.Redis
    with kind.from_url(redis_url) as client:
        client.delete(key)
        for stands in (
            "redis.call('LPUSH', KEYS[1], 'x')",
            "redis.call('SET', KEYS[1], 'no state')",
            "redis.call('SET', KEYS[1], cmsgpack.pack({1, 2, 3}))",
            "redis.call('SET', KEYS[1], cmsgpack.pack({1/0, 1/0, 0, 0, 1, 0, 0, {}, {}, {}}))",
        ):
            client.eval(stands, 1, key)
            assert CliRunner().invoke(app, ["quota", "--reset"]).exit_code == 0
            figures = json.loads(CliRunner().invoke(app, ["quota", "--json"]).output)
            assert 50 < figures["next_free_in_seconds"] < 61
            client.delete(key)


@pytest.mark.parametrize("arguments", [[], ["--reset"], ["--reset", "--json"]])
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SQUADIQ_ACCESS_TOKEN", "", "access token"),
        ("SQUADIQ_QUOTA_URL", "memory", "memory of each program"),
        ("SQUADIQ_QUOTA_URL", "sqlite:////dev/null/quota.db", "SQUADIQ_QUOTA_URL names: Not a directory"),
        ("SQUADIQ_QUOTA_URL", "redis://127.0.0.1:9?colour=blue", "quota= or SQUADIQ_QUOTA_URL"),
        ("SQUADIQ_QUOTA_URL", "disk", "SQUADIQ_QUOTA_URL must be one of"),
        ("SQUADIQ_QUOTA_URL", "redis://user:s3cret@127.0.0.1:9", "127.0.0.1:9 cannot be used"),
    ],
)
def test_what_it_cannot_show_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    shown = CliRunner().invoke(app, ["quota", *arguments])
    assert shown.exit_code == 2
    assert said in shown.output
    assert "s3cret" not in shown.output
    assert shown.output.count("\n") == 1
