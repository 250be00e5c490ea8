"""The quota in a file: who may read it, restarts, damage, forks, and clocks of the machine."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from squadiq.quota import QuotaStoreError, Reservation, SQLiteStore
from squadiq.quota.encoding import encode
from squadiq.quota.slots import LONGEST_LEASE_SECONDS, LONGEST_PAUSE_WINDOWS, QuotaRules, fresh
from tests.quota.virtual import Clock

WINDOW = 60.0
CUT_SHORT = encode(fresh(QuotaRules(3, WINDOW), 0.0, 0.0, all_used=True))[:-8]


class Machine:
    """Opens stores on one file with a clock that counts from the machine's start, and one on the wall."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.monotonic = Clock(1000.0)
        self.wall = Clock(1_700_000_000.0)
        self.opened: list[SQLiteStore] = []

    def open(self, limit: int = 2) -> SQLiteStore:
        store = SQLiteStore(self.path, limit, WINDOW, monotonic=self.monotonic, wall=self.wall)
        self.opened.append(store)
        return store

    def pass_time(self, seconds: float) -> None:
        self.monotonic.now += seconds
        self.wall.now += seconds


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "state" / "quota.db")
    yield machine
    for store in machine.opened:
        store.close()


def test_only_the_owner_can_read_the_file_and_its_directory(machine: Machine) -> None:
    old = os.umask(0)
    try:
        machine.open().reserve(5.0)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in machine.path.parent.iterdir()}
    assert modes == {"quota.db": 0o600, "quota.db-wal": 0o600, "quota.db-shm": 0o600}
    assert stat.S_IMODE(machine.path.parent.stat().st_mode) == 0o700


def test_two_stores_on_one_file_share_the_quota(machine: Machine) -> None:
    one, other = machine.open(), machine.open()
    assert [store.reserve(5.0).wait_seconds == 0 for store in (one, other, one)] == [True, True, False]


def test_the_quota_survives_a_restart(machine: Machine) -> None:
    store = machine.open()
    store.completed(store.reserve(5.0))
    store.close()
    assert machine.open().snapshot().free_now == 1


def test_a_closed_store_opens_again_when_it_is_used(machine: Machine) -> None:
    store = machine.open()
    store.completed(store.reserve(5.0))
    store.close()
    assert store.snapshot().free_now == 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0, -86400.0, -1_700_000_001.0, 1e9])
def test_a_step_of_the_wall_clock_frees_nothing_early(machine: Machine, jump: float) -> None:
    store = machine.open(limit=1)
    store.completed(store.reserve(5.0))
    machine.pass_time(1)
    machine.wall.now += jump
    assert store.snapshot().free_now == 0
    machine.pass_time(WINDOW - 2)
    assert store.snapshot().free_now == 0
    machine.pass_time(3)
    assert store.snapshot().free_now == 1


def test_clocks_that_tick_in_turn_do_not_stop_the_time(machine: Machine) -> None:
    store = machine.open(limit=1)
    store.completed(store.reserve(5.0))
    for _ in range(4 * 70):
        machine.monotonic.now += 0.25
        store.snapshot()
        machine.wall.now += 0.25
        store.snapshot()
    assert store.snapshot().free_now == 1


def test_after_the_machine_was_started_anew_the_quota_counts_as_used_at_its_start(machine: Machine) -> None:
    machine.open().close()
    machine.wall.now += 30
    machine.monotonic.now = 20
    assert machine.open().snapshot().next_free_in_seconds == pytest.approx(WINDOW - 20, abs=0.1)
    machine.pass_time(41)
    assert machine.open().snapshot().free_now == 2


def test_a_machine_that_starts_in_1970_waits_for_one_window(machine: Machine) -> None:
    machine.open().close()
    machine.wall.now, machine.monotonic.now = 5.0, 5.0
    store = machine.open()
    assert store.snapshot().free_now == 0
    machine.pass_time(10)
    machine.wall.now = 1_800_000_000.0
    assert store.snapshot().free_now == 0
    machine.pass_time(WINDOW + 1)
    assert store.snapshot().free_now == 2


def test_a_second_start_soon_after_the_first_is_noticed_by_what_the_clocks_say(machine: Machine) -> None:
    machine.monotonic.now = 10
    store = machine.open()
    store.completed(store.reserve(5.0))
    machine.wall.now += 300
    machine.monotonic.now = 30  # later than before, and yet of another start
    anew = machine.open()
    assert anew.snapshot().free_now == 0
    assert anew.snapshot().next_free_in_seconds == pytest.approx(WINDOW - 30, abs=0.1)


def test_a_machine_that_started_long_ago_has_its_quota_free(machine: Machine) -> None:
    store = machine.open()
    store.completed(store.reserve(5.0))
    machine.wall.now += 300
    machine.monotonic.now = 200
    assert machine.open().snapshot().free_now == 2


def test_a_damaged_file_is_set_aside_and_the_quota_counts_as_used(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.path.parent.mkdir()
    machine.path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    store = machine.open()
    assert store.snapshot().free_now == 0
    machine.pass_time(WINDOW + 1)
    assert store.snapshot().free_now == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert machine.path.with_name("quota.db.damaged").read_bytes().startswith(b"not a database")


def test_a_file_that_is_replaced_under_us_is_noticed(machine: Machine) -> None:
    store, other = machine.open(), machine.open()
    store.reserve(5.0)
    for path in machine.path.parent.iterdir():
        path.unlink()
    machine.path.write_bytes(bytes(range(256)) * 100)
    assert other.snapshot().free_now == 0
    assert store.reserve(5.0).wait_seconds > 0
    assert other.snapshot().waiting == 1


@pytest.mark.parametrize("state", [b"", b"short", bytes(96), "text", CUT_SHORT])
def test_a_state_that_makes_no_sense_is_begun_anew_as_used(
    machine: Machine, caplog: pytest.LogCaptureFixture, state: object
) -> None:
    machine.open().close()
    with sqlite3.connect(machine.path) as db:
        db.execute("UPDATE quota SET state = ?", (state,))
    db.close()
    store = machine.open()
    assert store.snapshot().free_now == 0
    assert store.snapshot().free_now == 0
    assert len(caplog.records) == 1


@pytest.mark.parametrize("until", [1e9, 1e300])
def test_a_pause_of_decades_that_stands_in_the_file_already_ends_in_a_few_windows(
    machine: Machine, until: float
) -> None:
    """As an older version kept it, uncapped; and slots that were taken for as long."""
    rules = QuotaRules(2, WINDOW)
    state = fresh(rules, machine.monotonic.now, machine.wall.now)
    machine.open().close()
    with closing(sqlite3.connect(machine.path)) as db, db:
        stored = encode(state._replace(paused_until=until, flying=((until, 1), (until, 2))))
        db.execute("UPDATE quota SET state = ?", (stored,))
    store = machine.open()
    assert store.snapshot().paused_for_seconds <= LONGEST_PAUSE_WINDOWS * WINDOW * 1.01
    machine.pass_time(LONGEST_PAUSE_WINDOWS * WINDOW * 1.01)
    assert store.snapshot().paused_for_seconds == 0
    machine.pass_time(LONGEST_LEASE_SECONDS)
    assert store.snapshot().free_now == 2


@pytest.mark.parametrize("field", ["clock", "anchor", "paused_until"])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_no_clock_has_is_begun_anew(machine: Machine, field: str, value: float) -> None:
    machine.open().close()
    changes: dict[str, Any] = {field: value}
    state = fresh(QuotaRules(2, WINDOW), machine.monotonic.now, machine.wall.now)._replace(**changes)
    with closing(sqlite3.connect(machine.path)) as db, db:
        db.execute("UPDATE quota SET state = ?", (encode(state),))
    store = machine.open()
    assert store.snapshot().next_free_in_seconds == pytest.approx(WINDOW, rel=0.01)
    machine.pass_time(WINDOW * 1.01)
    assert store.snapshot().free_now == 2


def test_a_file_that_vanishes_is_made_anew_as_used(machine: Machine) -> None:
    store, other = machine.open(), machine.open()
    for path in machine.path.parent.iterdir():
        path.unlink()
    assert store.snapshot().free_now == 0
    assert other.reserve(5.0).wait_seconds > 0
    assert store.snapshot().waiting == 1


def test_a_directory_that_vanishes_for_good_is_a_clear_error(machine: Machine) -> None:
    store = machine.open()
    for path in machine.path.parent.iterdir():
        path.unlink()
    machine.path.parent.rmdir()
    machine.path.parent.write_text("in the way")
    with pytest.raises(QuotaStoreError, match=r"quota\.db cannot be read or written: .*(directory|exists)"):
        store.reserve(5.0)


def test_a_file_that_is_replaced_again_and_again_is_a_clear_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine.open()
    inodes = iter(range(1, 100))

    def another_each_time(path: Path) -> int:
        return next(inodes)

    monkeypatch.setattr("squadiq.quota.sqlite._inode", another_each_time)
    with pytest.raises(QuotaStoreError, match="again and again"):
        store.reserve(5.0)


def test_a_file_that_another_process_holds_too_long_is_a_clear_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("squadiq.quota.sqlite.BUSY_SECONDS", 0.01)
    store = machine.open()
    sent = store.reserve(5.0)
    holder = sqlite3.connect(machine.path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(QuotaStoreError, match="locked"):
            store.reserve(5.0)
        store.completed(sent)  # what a request has brought is not lost over the quota
    finally:
        holder.close()
    assert "stays taken until its lease ends" in caplog.text
    assert store.snapshot().in_flight == 1


def test_an_error_of_the_caller_leaves_the_file_usable(machine: Machine) -> None:
    store = machine.open()

    def broken() -> float:
        raise ZeroDivisionError

    broken_store = SQLiteStore(machine.path, 2, WINDOW)
    machine.opened.append(broken_store)
    broken_store._monotonic = broken  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ZeroDivisionError):
        broken_store.completed(Reservation(1, 0.0, 0.0))
    assert store.snapshot().limit == 2


def test_threads_never_take_more_than_there_is(machine: Machine) -> None:
    store = machine.open(limit=20)
    got: list[float] = []
    threads = [threading.Thread(target=lambda: got.extend(take(store, 10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(0.0) == 20
    assert len(got) == 80


def take(store: SQLiteStore, times: int) -> list[float]:
    return [store.reserve(5.0).wait_seconds for _ in range(times)]


FORKING = """
import os, sys, threading
from pathlib import Path
from squadiq.quota import MemoryStore, SQLiteStore

store, memory = SQLiteStore(Path(sys.argv[1]), 100, 60.0), MemoryStore(100, 60.0)
stop = threading.Event()

def use() -> None:
    while not stop.is_set():
        store.give_back(store.reserve(5.0))
        memory.give_back(memory.reserve(5.0))

threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            store.completed(store.reserve(5.0))
            memory.completed(memory.reserve(5.0))
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
stop.set()
for thread in threads:
    thread.join()
print(store.snapshot().free_now, memory.snapshot().free_now)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_in_the_middle_of_everything_share_one_quota(machine: Machine) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(machine.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("50 100\n", "")


CARRIED_OVER = """
import os, sys
from pathlib import Path
from squadiq.quota import SQLiteStore

store = SQLiteStore(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    with os.scandir("/proc/self/fd") as opened:
        os._exit(sum("quota.db" in os.readlink(one.path) for one in opened))
print(os.waitpid(child, 0)[1])
store.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's open files under /proc")
def test_no_open_file_of_sqlite_is_carried_over_a_fork(machine: Machine) -> None:
    command = [sys.executable, "-c", CARRIED_OVER, str(machine.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_nothing_is_logged_in_the_ordinary_course(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        store = machine.open()
        store.completed(store.reserve(5.0))
    assert caplog.records == []
