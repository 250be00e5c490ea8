"""What a slot of the quota costs in each store, and how much of the quota is used beside other limiters.

`python -m benchmarks.quota` measures for about seven minutes, the last three of them at the real 100 hits
in 60 s.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Lock
from typing import Any

import httpx
import limits
import limits.storage
import limits.strategies
import pyrate_limiter
import redis

from benchmarks import Row
from squadiq.quota import MemoryStore, PostgresStore, QuotaStore, RedisStore, SQLiteStore, open_store
from tests import valkey
from tests.inbox import postgres
from tests.quota.counted import counting_server
from tests.quota.sender import send_by_tasks, send_by_threads

LIMIT = 100
WINDOW = 6.0
LEASE = 30.0
CALLERS = 8
HITS = 4 * LIMIT
FULL_WINDOW = 60.0
FULL_HITS = 3 * LIMIT
APART_SECONDS = 5.0
Send = Callable[[str], None]
"""Send hits to a URL, within a quota."""
Take = Callable[[], Callable[[], None]]
"""Wait for a hit; what is returned is called when its response is there."""


def rows() -> Iterator[Row]:
    """Measure all, one row after another."""
    yield from costs()
    for latency in ("30", "300", "falling"):
        yield from uses(latency)
    yield from beside_single_calls()
    yield from full_speed()


def costs() -> Iterator[Row]:
    """Measure acquire + release, with 90 of 100 slots in use, over what each store is built on."""
    with tempfile.TemporaryDirectory() as folder, valkey.running() as redis_url, postgres.running() as postgres_url:
        client: Any = redis.Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]
        file = SQLiteStore(Path(folder) / "quota.db", LIMIT, 3600.0)
        shared = RedisStore(redis_url, "bench", LIMIT, 3600.0)
        table = PostgresStore(postgres.new_database(postgres_url), "bench", LIMIT, 3600.0)
        with closing(client), closing(file), closing(shared), closing(table):
            memory = microseconds(acquire_and_release(MemoryStore(LIMIT, 3600.0)))
            rival = microseconds(other_in_memory())
            on_file, on_server = microseconds(acquire_and_release(file)), microseconds(acquire_and_release(shared))
            pings = 2 * microseconds(client.ping)
            in_table = microseconds(acquire_and_release(table), times=300)
    figures = f"{memory:.0f} µs, {rival:.0f} µs"
    yield Row("quota: acquire + release in memory", "one hit of limits' moving window", memory / rival, "", figures)
    figures = f"{on_file:.0f} µs, {memory:.0f} µs"
    yield Row("quota: acquire + release in a file", "in memory", on_file / memory, "", figures)
    figures = f"{on_server:.0f} µs, {pings:.0f} µs"
    yield Row("quota: acquire + release in Redis", "two pings to it", on_server / pings, "", figures)
    figures = f"{in_table:.0f} µs, {on_server:.0f} µs, {on_file:.0f} µs"
    yield Row("quota: acquire + release in PostgreSQL", "in Redis", in_table / on_server, "", figures)
    yield Row("quota: acquire + release in PostgreSQL", "in a file", in_table / on_file, "", figures)


def acquire_and_release(store: QuotaStore) -> Callable[[], None]:
    for _ in range(90):
        store.completed(store.reserve(LEASE))
    return lambda: store.give_back(store.reserve(LEASE))


def other_in_memory() -> Callable[[], object]:
    limiter = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
    many = limits.RateLimitItemPerSecond(1_000_000, 1)
    return lambda: limiter.hit(many, "bench")


def microseconds(call: Callable[[], object], times: int = 3000) -> float:
    """The best of five averages."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, (time.perf_counter() - began) / times * 1e6)
    return best


def uses(latency: str) -> Iterator[Row]:
    """Measure hits per window once the first is full, and refusals, of each limiter on the same server."""
    names = {"30": "0–30 ms", "300": "0–300 ms", "falling": "300 ms falling to 0"}
    ours, refused = use(latency, of_store(MemoryStore(LIMIT, WINDOW)))
    rivals = {"pyrate-limiter": of_pyrate_limiter(), "limits": of_limits()}
    what = f"quota: use at {names[latency]}, {LIMIT} per {WINDOW:g} s"
    goal = ">= 0.99" if latency == "30" else ""
    yield Row(what, "all of it", ours, goal, f"{refused} refused")
    for name, take in rivals.items():
        theirs, refused = use(latency, take)
        yield Row(what, name, ours / theirs, "", f"{theirs:.1%} used by {name}, {refused} refused")


def beside_single_calls() -> Iterator[Row]:
    """Measure bulk work with a reserve beside single calls without: what is used of the rest, and how calls wait."""
    reserve, singles, every_seconds = 10, 60, 1.4
    store, over, waited = MemoryStore(LIMIT, WINDOW), Event(), list[float]()

    def sent(client: httpx.Client, url: str, keep_free: int) -> None:
        began = time.perf_counter()
        reservation = store.reserve(LEASE, keep_free=keep_free)
        wait = reservation.wait_seconds
        while wait > 0:
            time.sleep(wait)
            wait = store.confirm(reservation, LEASE)
        if keep_free == 0:
            waited.append(time.perf_counter() - began)
        client.get(url)
        store.completed(reservation)

    def send(url: str) -> None:
        def bulk() -> None:
            while not over.is_set():
                sent(client, url, reserve)

        with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CALLERS) as pool:
            at_work = [pool.submit(bulk) for _ in range(CALLERS)]
            for _ in range(singles):
                time.sleep(every_seconds)
                sent(client, url, 0)
            over.set()
            for done in at_work:
                done.result()

    used, refused = measured(send, "30", WINDOW)
    in_time = sum(each < 1.0 for each in waited) / singles
    what = f"quota: use beside single calls, {reserve} of {LIMIT} per {WINDOW:g} s left free"
    yield Row(what, "all but the reserve", used * LIMIT / (LIMIT - reserve), ">= 0.99", f"{refused} refused")
    longest = f"{max(waited) * 1000:.0f} ms at most"
    yield Row("quota: single calls beside bulk work", "within a second", in_time, ">= 0.99", longest)


def full_speed() -> Iterator[Row]:
    """Measure the same at the real quota, by every way of sharing it: two windows after the first are full.

    All ways at once, since they mostly wait, but each some seconds after the one before.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        valkey.running() as redis_url,
        postgres.running() as postgres_url,
        ThreadPoolExecutor(9) as pool,
    ):

        def file(name: str) -> str:
            return f"sqlite:///{folder}/{name}.db"

        ways: dict[str, Send] = {
            "8 threads, in memory": by_threads("memory", 8),
            "1 thread, a file": by_threads(file("thread"), 1),
            "8 threads, a file": by_threads(file("threads"), 8),
            "50 tasks, a file": by_tasks(file("tasks"), 50),
            "8 threads, Redis": by_threads(redis_url, 8),
            "4 processes, a file": by_processes(file("processes"), 4),
            "4 processes, Redis": by_processes(redis_url, 4),
            "8 threads, PostgreSQL": by_threads(postgres.new_database(postgres_url), 8),
            "4 processes, PostgreSQL": by_processes(postgres.new_database(postgres_url), 4),
        }
        under_way: list[Future[tuple[float, int]]] = []
        for send in ways.values():
            under_way.append(pool.submit(measured, send, "30", FULL_WINDOW))
            time.sleep(APART_SECONDS)
        for name, one in zip(ways, under_way, strict=True):
            used, refused = one.result()
            figures = f"{used:.2%}, {refused} of {FULL_HITS} refused"
            yield Row(f"quota: use at full speed, 100 per 60 s: {name}", "all of it", used, ">= 0.99", figures)


def by_threads(quota: str, callers: int) -> Send:
    def send(url: str) -> None:
        with closing(open_store(quota, name="threads", limit=LIMIT, window_seconds=FULL_WINDOW)) as store:
            send_by_threads(store, url, FULL_HITS, callers, LEASE)

    return send


def by_tasks(quota: str, callers: int) -> Send:
    def send(url: str) -> None:
        with closing(open_store(quota, name="tasks", limit=LIMIT, window_seconds=FULL_WINDOW)) as store:
            asyncio.run(send_by_tasks(store, url, FULL_HITS, callers, LEASE))

    return send


def by_processes(quota: str, processes: int) -> Send:
    def send(url: str) -> None:
        words = map(str, [url, quota, "processes", LIMIT, FULL_WINDOW, LEASE, FULL_HITS // processes, "threads", 4])
        command = [sys.executable, "-m", "tests.quota.sender", *words]
        for started in [subprocess.Popen(command) for _ in range(processes)]:
            if started.wait():
                raise SystemExit("a sender failed")

    return send


def use(latency: str, take: Take) -> tuple[float, int]:
    """Send hits from threads; return the part of the quota used after the first window, and the number refused."""

    def send(url: str) -> None:
        tickets, lock = iter(range(HITS)), Lock()

        def caller() -> None:
            while True:
                with lock:
                    if next(tickets, None) is None:
                        return
                completed = take()
                client.get(url)
                completed()

        with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CALLERS) as pool:
            for done in [pool.submit(caller) for _ in range(CALLERS)]:
                done.result()

    return measured(send, latency, WINDOW)


def measured(send: Send, latency: str, window_seconds: float) -> tuple[float, int]:
    """Let a way of sending send; return the part of the quota used after the first window, and the number refused."""
    with counting_server(latency, LIMIT, window_seconds) as server:
        send(server.url)
        figures = server.figures()
    arrivals: list[float] = figures["arrivals"]
    windows = (arrivals[-1] - arrivals[LIMIT - 1]) / window_seconds
    return (len(arrivals) - LIMIT) / LIMIT / windows, figures["refused"]


def of_store(store: QuotaStore) -> Take:
    def take() -> Callable[[], None]:
        reservation = store.reserve(LEASE)
        wait = reservation.wait_seconds
        while wait > 0:
            time.sleep(wait)
            wait = store.confirm(reservation, LEASE)
        return lambda: store.completed(reservation)

    return take


def of_pyrate_limiter() -> Take:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(LIMIT, int(WINDOW * 1000)))

    def take() -> Callable[[], None]:
        limiter.try_acquire("bench")
        return nothing

    return take


def of_limits() -> Take:
    limiter = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
    quota = limits.RateLimitItemPerSecond(LIMIT, int(WINDOW))

    def take() -> Callable[[], None]:
        while not limiter.hit(quota, "bench"):
            time.sleep(max(0.001, limiter.get_window_stats(quota, "bench").reset_time - time.time()))
        return nothing

    return take


def nothing() -> None:
    """Do nothing: these limiters ask for no news of the response."""


if __name__ == "__main__":
    for row in rows():
        print(f"{row.what} / {row.compared_with}: {row.ratio:.3f} {row.goal} ({row.figures})", flush=True)
