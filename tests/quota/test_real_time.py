"""Never a 429 from a server that counts, in real time, with the window scaled down.

The server keeps a sliding log and a fixed window at once and refuses what is too much for either. What
is checked holds however slow the machine is: nothing is refused, and everything arrives.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from squadiq.quota import MemoryStore, QuotaStore, SQLiteStore, open_store
from tests.quota.counted import Server, counting_server
from tests.quota.sender import send_by_tasks, send_by_threads

pytestmark = pytest.mark.unmeasured

LIMIT = 30
WINDOW = 0.8
LEASE = 30.0
HITS = 80


def sender(
    url: str, quota: str, *, lease: float = LEASE, hits: int = HITS, callers: int = 4, name: str = "it"
) -> subprocess.Popen[str]:
    words = [url, quota, name, LIMIT, WINDOW, lease, hits, "threads", callers]
    return subprocess.Popen([sys.executable, "-m", "tests.quota.sender", *map(str, words)], text=True)


def all_is_well(server: Server, hits: int) -> None:
    figures = server.figures()
    assert (figures["refused"], figures["counted"]) == (0, hits)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QuotaStore]:
    memory = request.param == "memory"
    store = MemoryStore(LIMIT, WINDOW) if memory else SQLiteStore(tmp_path / "quota.db", LIMIT, WINDOW)
    with closing(store):
        yield store


def test_a_thread_alone_is_never_refused(tmp_path: Path) -> None:
    with (
        counting_server("0", LIMIT, WINDOW) as server,
        closing(SQLiteStore(tmp_path / "quota.db", LIMIT, WINDOW)) as store,
    ):
        send_by_threads(store, server.url, HITS, 1, LEASE)
        all_is_well(server, HITS)


def test_threads_are_never_refused(store: QuotaStore) -> None:
    with counting_server("falling", LIMIT, WINDOW) as server:
        send_by_threads(store, server.url, HITS, 8, LEASE)
        all_is_well(server, HITS)


def test_tasks_are_never_refused(store: QuotaStore) -> None:
    with counting_server("falling", LIMIT, WINDOW) as server:
        asyncio.run(send_by_tasks(store, server.url, HITS, 50, LEASE))
        all_is_well(server, HITS)


@pytest.fixture(params=["file", "redis", "postgresql"])
def quota(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The setting for a quota that processes share."""
    if request.param == "file":
        return f"sqlite:///{tmp_path}/quota.db"
    url: str = request.getfixturevalue("redis_url" if request.param == "redis" else "postgres_database")
    return url


def test_processes_are_never_refused(quota: str, redis_name: str) -> None:
    with counting_server("falling", LIMIT, WINDOW) as server:
        senders = [sender(server.url, quota, hits=HITS // 4, name=redis_name) for _ in range(4)]
        assert [one.wait(60) for one in senders] == [0] * 4
        all_is_well(server, HITS)


def test_a_restart_after_a_burst_is_never_refused(tmp_path: Path) -> None:
    with counting_server("0", LIMIT, WINDOW) as server:
        for _ in range(2):
            assert sender(server.url, f"sqlite:///{tmp_path}/quota.db", hits=LIMIT, callers=8).wait(60) == 0
        all_is_well(server, 2 * LIMIT)


@pytest.mark.parametrize("in_flight", [4, LIMIT], ids=["some slots", "every slot"])
def test_a_sender_killed_with_slots_leaves_a_quota_that_holds(quota: str, redis_name: str, in_flight: int) -> None:
    # The lease is what a request can take to arrive: here 300 ms at most.
    with counting_server("300", LIMIT, WINDOW) as server:
        victim = sender(f"{server.url}/stall", quota, lease=2.0, callers=in_flight, name=redis_name)
        try:
            server.wait_until_seen(in_flight)
        finally:
            victim.send_signal(signal.SIGKILL)
            victim.wait(30)
        with closing(open_store(quota, name=redis_name, limit=LIMIT, window_seconds=WINDOW)) as store:
            send_by_threads(store, server.url, 2 * LIMIT, 8, LEASE)
        all_is_well(server, in_flight + 2 * LIMIT)


@pytest.mark.soak
@pytest.mark.parametrize("latency", ["30", "300", "falling"])
def test_hundreds_of_hits_by_all_ways_at_once_are_never_refused(latency: str, quota: str, redis_name: str) -> None:
    hits = 40 * LIMIT
    with counting_server(latency, LIMIT, WINDOW) as server:
        senders = [sender(server.url, quota, hits=hits // 4, callers=16, name=redis_name) for _ in range(4)]
        assert [one.wait(300) for one in senders] == [0] * 4
        all_is_well(server, hits)


@pytest.mark.soak
def test_senders_killed_again_and_again_are_never_refused(quota: str, redis_name: str) -> None:
    with counting_server("falling", LIMIT, WINDOW) as server:
        for killed in range(1, 21):
            victim = sender(server.url, quota, lease=2.0, hits=10_000, callers=16, name=redis_name)
            server.wait_until_seen(killed * LIMIT)
            victim.send_signal(signal.SIGKILL)
            victim.wait(30)
        assert server.figures()["refused"] == 0
