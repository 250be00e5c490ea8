"""Which store a setting means, and where its file is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from squadiq._sqlite import use_wal
from squadiq.errors import ConfigurationError
from squadiq.quota import (
    MemoryStore,
    QuotaStore,
    QuotaStoreError,
    RedisStore,
    Reservation,
    SQLiteStore,
    check_reserve,
    factory,
    open_store,
    quota_name,
    reserve_for_bulk,
)
from squadiq.quota.factory import state_directory

NAME = quota_name("https://api.squadiq.in", "test_token")


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[QuotaStore]]:
    """Keep the user's own state out of the tests, and close what they open."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SQUADIQ_QUOTA_URL", raising=False)
    monkeypatch.setattr(factory, "_told", set[object]())
    opened: list[QuotaStore] = []
    yield opened
    for store in opened:
        store.close()


def test_the_default_is_a_file_in_the_users_state_directory(opened: list[QuotaStore], tmp_path: Path) -> None:
    opened.append(open_store(name=NAME))
    assert isinstance(opened[0], SQLiteStore)
    assert [path.name for path in (tmp_path / "squadiq").glob("*.sqlite3")] == [f"quota-{NAME}.sqlite3"]


def test_the_name_tells_neither_token_nor_address_but_tells_them_apart() -> None:
    names = {quota_name("https://one", "token"), quota_name("https://two", "token"), quota_name("https://one", "other")}
    assert len(names) == 3
    assert all("token" not in name and "one" not in name and len(name) == 32 for name in names)
    assert quota_name("https://one/", "token") == quota_name("https://one", "token")


def test_two_processes_of_a_user_share_the_quota_with_no_configuration(opened: list[QuotaStore]) -> None:
    code = f"from squadiq.quota import open_store; s = open_store(name={NAME!r}); s.reserve(5.0); s.close()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    opened.append(open_store(name=NAME))
    assert opened[0].snapshot().in_flight == 1


def test_a_file_elsewhere(opened: list[QuotaStore], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened.append(open_store(f"sqlite:///{tmp_path}/deep/one.db", name=NAME))
    assert (tmp_path / "deep" / "one.db").exists()
    assert caplog.text == ""


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_file_relative_to_the_current_folder_is_told_with_its_whole_path_once(
    opened: list[QuotaStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///var/two.db"
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", url)
    opened += [open_store(url if by == "argument" else None, name=NAME) for _ in range(2)]
    opened[0].reserve(5.0)
    monkeypatch.chdir("/")
    opened[1].close()
    assert opened[1].snapshot().in_flight == 1, "it stays the same file"
    [said] = caplog.messages
    assert said.startswith(f"{'quota=' if by == 'argument' else 'SQUADIQ_QUOTA_URL'} names a file relative to")
    assert f": {tmp_path}/var/two.db." in said
    opened.append(open_store(f"sqlite:///{tmp_path}/var/two.db", name=NAME))
    assert f"sqlite:///{tmp_path}/var/two.db" in said, "what to write is in the message"
    assert opened[2].snapshot().in_flight == 1


def a_folder_is_a_file(path: Path) -> None:
    path.parent.write_text("in the way")


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def a_pipe(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to("/dev/full")


def a_folder_that_cannot_be_made(path: Path) -> None:
    path.parent.symlink_to("/proc/nothing")


def a_circle(path: Path) -> None:
    path.parent.symlink_to(path.parent)


@pytest.mark.parametrize("by", ["argument", "environment"])
@pytest.mark.parametrize(
    "make", [a_folder_is_a_file, a_folder, a_pipe, a_device, a_folder_that_cannot_be_made, a_circle]
)
def test_a_file_by_name_that_cannot_be_used_is_an_error_never_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], by: str
) -> None:
    path = tmp_path / "folder" / "quota.db"
    make(path)
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", f"sqlite:///{path}")
    with pytest.raises(QuotaStoreError) as refused:
        open_store(f"sqlite:///{path}" if by == "argument" else None, name=NAME)
    assert str(path) in str(refused.value)
    assert ("quota=" if by == "argument" else "SQUADIQ_QUOTA_URL") in str(refused.value)


@pytest.mark.parametrize("quota", ["sqlite:///a\0b", "sqlite:///\ud800", "sqlite:////\0"])
def test_what_cannot_be_a_path_is_refused(quota: str) -> None:
    with pytest.raises(ConfigurationError, match="no path that this system can have: check quota="):
        open_store(quota, name=NAME)


FULL = """
import resource, sys
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
from squadiq import SquadIQError
from squadiq.quota import open_store
try:
    print(type(open_store(sys.argv[1], name="full")).__name__)
except SquadIQError as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


def test_on_a_full_disk_only_the_default_is_kept_in_memory(tmp_path: Path) -> None:
    def done(quota: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", FULL, quota]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    default = done("sqlite")
    assert default.stdout == "MemoryStore\n"
    assert "other processes do not share it" in default.stderr
    named = done(f"sqlite:///{tmp_path}/named.db")
    assert named.stdout.startswith(f"QuotaStoreError The quota in {tmp_path}/named.db cannot be read or written: ")


def test_a_file_of_another_program_is_an_error_by_name_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE quota (theirs TEXT)")
        db.execute("INSERT INTO quota VALUES ('kept')")
    with pytest.raises(QuotaStoreError, match=r"theirs\.db cannot be read or written: no such column: state"):
        open_store(f"sqlite:///{path}", name=NAME)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT theirs FROM quota").fetchall() == [("kept",)]


NEW_FILES = """
import multiprocessing, os, sys
from squadiq.quota import MemoryStore, open_store

PROCESSES, FILES = 8, 75

def work(barrier, failures):
    for number in range(FILES):
        os.environ["XDG_STATE_HOME"] = f"{sys.argv[1]}/{number}"
        barrier.wait()
        try:
            store = open_store(name="new")
            assert not isinstance(store, MemoryStore)
            store.reserve(60.0)
            store.close()
        except BaseException as error:
            failures.put(repr(error))

fork = multiprocessing.get_context("fork")
barrier, failures = fork.Barrier(PROCESSES, timeout=60), fork.SimpleQueue()
processes = [fork.Process(target=work, args=[barrier, failures]) for _ in range(PROCESSES)]
for process in processes:
    process.start()
for process in processes:
    process.join()
while not failures.empty():
    print(failures.get())
for number in range(FILES):
    os.environ["XDG_STATE_HOME"] = f"{sys.argv[1]}/{number}"
    store = open_store(name="new")
    print(store.snapshot().in_flight, end=" ")
    store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_many_processes_that_open_a_new_file_at_the_same_moment_share_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NEW_FILES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.split(), done.stderr) == (["8"] * 75, "")


@pytest.mark.parametrize("within_seconds", [0.0, 20.0])
def test_a_file_that_another_process_switches_is_tried_again(tmp_path: Path, within_seconds: float) -> None:
    """SQLite does not wait there, whatever its busy timeout; which is none here."""
    path = tmp_path / "new.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
        closing(sqlite3.connect(path, timeout=0)) as one,
    ):
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE t (x)")
        if not within_seconds:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                use_wal(one, within_seconds)
            return
        release = Timer(0.05, other.execute, ["COMMIT"])
        release.start()
        use_wal(one, within_seconds)
        release.join()
        assert one.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_locked_default_file_is_waited_for_and_never_given_up_for_memory(
    opened: list[QuotaStore], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "squadiq" / f"quota-{NAME}.sqlite3"
    opened.append(open_store(name=NAME))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        opened.append(open_store(name=NAME))
        with pytest.raises(QuotaStoreError, match="locked"):
            opened[1].snapshot(within_seconds=0.01)
    assert isinstance(opened[1], SQLiteStore)
    opened[0].reserve(5.0)
    assert opened[1].snapshot().in_flight == 1
    assert caplog.text == ""


def test_limit_and_window_are_taken_over(
    opened: list[QuotaStore], redis_url: str, redis_name: str, postgres_database: str
) -> None:
    for quota in ("memory", "sqlite", redis_url, postgres_database):
        opened.append(open_store(quota, name=redis_name, limit=7, window_seconds=8.0))
        snapshot = opened[-1].snapshot()
        assert (snapshot.limit, snapshot.window_seconds, snapshot.free_now) == (7, 8.0, 7)


def test_the_environment_says_where_the_quota_is_unless_an_argument_does(
    opened: list[QuotaStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "redis://127.0.0.1:9")
    opened += [open_store(name=NAME), open_store("memory", name=NAME)]
    assert isinstance(opened[0], RedisStore)
    assert isinstance(opened[1], MemoryStore)


def test_a_store_of_ones_own_is_used_as_it_is() -> None:
    own = MemoryStore(3, 4.0)
    assert open_store(own, name=NAME) is own


def older_confirm(reservation: Reservation, lease_seconds: float) -> float:
    """As it was before the deadline was handed in."""
    return 0.0


def changed(**attributes: Any) -> Any:
    store: Any = MemoryStore()
    store.__dict__.update(attributes)
    return store


@pytest.mark.parametrize(
    "quota", [5, True, b"memory", Path("quota.db"), object(), MemoryStore, ["memory"], changed(confirm=older_confirm)]
)
def test_what_is_no_store_is_refused_with_what_it_lacks(quota: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"quota= must be one of: .* has no (reserve|confirm)\(\) that takes 2"
    ):
        open_store(quota, name=NAME)


def test_a_store_that_does_not_say_whether_it_reads_or_writes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="this MemoryStore does not say in does_io"):
        open_store(changed(does_io=None), name=NAME)


@pytest.mark.parametrize(
    "quota", ["memory", "sqlite", "redis://127.0.0.1:9", "postgresql://127.0.0.1:9", MemoryStore()]
)
@pytest.mark.parametrize("value", [True, "5", 0, -1, float("nan"), float("inf"), 1e308, 10**400, None, [100], 2.5])
def test_a_limit_or_a_window_of_a_wrong_kind_is_refused_by_its_name(quota: Any, value: Any) -> None:
    with pytest.raises(ConfigurationError, match="quota_hits must be a whole number from 1 to"):
        open_store(quota, name=NAME, limit=value)
    if value != 2.5:
        with pytest.raises(ConfigurationError, match="quota_window_seconds must be a number from"):
            open_store(quota, name=NAME, window_seconds=value)


@pytest.mark.parametrize("value", [True, "Local", "", 0, b"local", ["local"]])
def test_another_fallback_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(ConfigurationError, match='quota_fallback must be "local" or None'):
        open_store("memory", name=NAME, fallback=value)


def test_a_directory_that_cannot_be_written_is_told_once_and_memory_used(
    opened: list[QuotaStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(in_the_way))
    for _ in range(2):
        assert isinstance(open_store(name=NAME), MemoryStore)
    assert len(caplog.records) == 1
    assert "other processes do not share it" in caplog.text


def test_a_file_that_cannot_be_written_is_told_and_memory_used(
    opened: list[QuotaStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened.append(open_store(name=NAME))
    # The tests may run as a user to whom everything is allowed.
    monkeypatch.setattr(os, "access", no_access)
    assert isinstance(open_store(name=NAME), MemoryStore)
    assert "Permission denied" in caplog.text


def no_access(path: Path, mode: int) -> bool:
    return False


@pytest.mark.parametrize(
    "quota", ["mysql://user:s3cret@host", "sqlite://", "sqlite:///", "sqlite://host/x", "disk", "sqlite:///:memory:"]
)
def test_an_unknown_store_is_refused_without_showing_what_may_be_secret(quota: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite, sqlite:///path, memory, redis://") as refused:
        open_store(quota, name=NAME)
    assert "s3cret" not in str(refused.value)


def test_without_a_home_directory_the_default_is_kept_in_memory_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert isinstance(open_store(name=NAME), MemoryStore)
    assert "There is no home directory: set HOME, or XDG_STATE_HOME" in caplog.text
    assert "kept in memory" in caplog.text


def nobody(number: int) -> None:
    raise KeyError(number)


def test_the_state_directory_is_that_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    for given in ("", "relative/is/ignored"):
        monkeypatch.setenv("XDG_STATE_HOME", given)
        assert state_directory() == Path("/home/somebody/.local/state/squadiq")


class Older(MemoryStore):
    """A store of a user's own from before there were two classes."""

    def reserve(  # type: ignore[override]
        self, lease_seconds: float, max_wait_seconds: float | None = None, *, within_seconds: float | None = None
    ) -> Reservation:
        return super().reserve(lease_seconds, max_wait_seconds, within_seconds=within_seconds)


@pytest.mark.parametrize(("limit", "reserve"), [(1, 0), (2, 1), (10, 1), (11, 2), (100, 10), (300, 30)])
def test_who_sends_much_leaves_a_tenth_of_the_limit_free_rounded_up_and_sends_all_the_same(
    limit: int, reserve: int
) -> None:
    assert reserve_for_bulk(MemoryStore(limit)) == reserve


def test_a_store_of_ones_own_need_not_know_of_a_reserve_until_there_is_one() -> None:
    older: Any = Older()
    assert open_store(older, name=NAME) is older
    assert reserve_for_bulk(older) == 0
    check_reserve(older, 0)
    with pytest.raises(ConfigurationError, match=r"quota_reserve=5: the reserve\(\) of this Older \(quota=\) has no"):
        check_reserve(older, 5)


def test_a_store_of_ones_own_that_tells_no_limit_is_taken_to_have_that_of_the_document() -> None:
    class Silent(MemoryStore):
        limit = None  # type: ignore[assignment]

    assert reserve_for_bulk(Silent(20)) == 10
    with pytest.raises(ConfigurationError, match="below the limit, 100"):
        check_reserve(Silent(20), 100)
