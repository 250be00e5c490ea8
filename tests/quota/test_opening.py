"""Which store a setting means, and where its file is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from squadiq.errors import ConfigurationError
from squadiq.quota import MemoryStore, RedisStore, SQLiteStore, Store, open_store, quota_name
from squadiq.quota.opening import state_directory

NAME = quota_name("https://api.squadiq.in", "test_token")


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Store]]:
    """Keep the user's own state out of the tests, and close what they open."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SQUADIQ_QUOTA_URL", raising=False)
    opened: list[Store] = []
    yield opened
    for store in opened:
        store.close()


def test_the_default_is_a_file_in_the_users_state_directory(opened: list[Store], tmp_path: Path) -> None:
    opened.append(open_store(name=NAME))
    assert isinstance(opened[0], SQLiteStore)
    assert [path.name for path in (tmp_path / "squadiq").glob("*.sqlite3")] == [f"quota-{NAME}.sqlite3"]


def test_the_name_tells_neither_token_nor_address_but_tells_them_apart() -> None:
    names = {quota_name("https://one", "token"), quota_name("https://two", "token"), quota_name("https://one", "other")}
    assert len(names) == 3
    assert all("token" not in name and "one" not in name and len(name) == 32 for name in names)
    assert quota_name("https://one/", "token") == quota_name("https://one", "token")


def test_two_processes_of_a_user_share_the_quota_with_no_configuration(opened: list[Store]) -> None:
    code = f"from squadiq.quota import open_store; s = open_store(name={NAME!r}); s.reserve(5.0); s.close()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    opened.append(open_store(name=NAME))
    assert opened[0].snapshot().in_flight == 1


def test_a_file_elsewhere(opened: list[Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened += [open_store(f"sqlite:///{tmp_path}/deep/one.db", name=NAME), open_store("sqlite:///two.db", name=NAME)]
    assert (tmp_path / "deep" / "one.db").exists()
    assert (tmp_path / "two.db").exists()


def test_limit_and_window_are_taken_over(opened: list[Store], redis_url: str, redis_name: str) -> None:
    for quota in ("memory", "sqlite", redis_url):
        opened.append(open_store(quota, name=redis_name, limit=7, window_seconds=8.0))
        snapshot = opened[-1].snapshot()
        assert (snapshot.limit, snapshot.window_seconds, snapshot.free_now) == (7, 8.0, 7)


def test_the_environment_says_where_the_quota_is_unless_an_argument_does(
    opened: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "redis://127.0.0.1:9")
    opened += [open_store(name=NAME), open_store("memory", name=NAME)]
    assert isinstance(opened[0], RedisStore)
    assert isinstance(opened[1], MemoryStore)


def test_a_store_of_ones_own_is_used_as_it_is() -> None:
    own = MemoryStore(3, 4.0)
    assert open_store(own, name=NAME) is own


def test_a_directory_that_cannot_be_written_is_told_once_and_memory_used(
    opened: list[Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(in_the_way))
    for _ in range(2):
        assert isinstance(open_store(name=NAME), MemoryStore)
    assert len(caplog.records) == 1
    assert "other processes do not share it" in caplog.text


def test_a_file_that_cannot_be_written_is_told_and_memory_used(
    opened: list[Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened.append(open_store(name=NAME))
    # The tests may run as a user to whom everything is allowed.
    monkeypatch.setattr(os, "access", no_access)
    assert isinstance(open_store(name=NAME), MemoryStore)
    assert "Permission denied" in caplog.text


def no_access(path: Path, mode: int) -> bool:
    return False


@pytest.mark.parametrize("quota", ["postgres://user:s3cret@host", "sqlite://", "sqlite:///", "sqlite://host/x", "disk"])
def test_an_unknown_store_is_refused_without_showing_what_may_be_secret(quota: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite, sqlite:///path, memory, redis://") as refused:
        open_store(quota, name=NAME)
    assert "s3cret" not in str(refused.value)


def test_an_unknown_fallback_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='"local" or none'):
        open_store("memory", name=NAME, fallback="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_the_state_directory_is_that_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    for given in ("", "relative/is/ignored"):
        monkeypatch.setenv("XDG_STATE_HOME", given)
        assert state_directory() == Path("/home/somebody/.local/state/squadiq")
