"""Callers that send hits within a quota: threads or tasks, in this process or one of their own.

`python -m tests.quota.sender URL QUOTA NAME LIMIT WINDOW_SECONDS LEASE_SECONDS HITS WAY CALLERS`
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx

from squadiq.quota import QuotaStore, open_store

TIMEOUT_SECONDS = 30.0


def send_by_threads(store: QuotaStore, url: str, hits: int, callers: int, lease_seconds: float) -> None:
    """Send a number of hits from a number of threads, each waiting for its slots."""
    tickets, lock = iter(range(hits)), threading.Lock()

    def caller() -> None:
        while True:
            with lock:
                if next(tickets, None) is None:
                    return
            reservation = store.reserve(lease_seconds)
            wait = reservation.wait_seconds
            while wait > 0:
                time.sleep(wait)
                wait = store.confirm(reservation, lease_seconds)
            client.get(url)
            store.completed(reservation)

    connections = httpx.Limits(max_connections=callers)
    with httpx.Client(timeout=TIMEOUT_SECONDS, limits=connections) as client, ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(caller) for _ in range(callers)]:
            done.result()


async def send_by_tasks(store: QuotaStore, url: str, hits: int, callers: int, lease_seconds: float) -> None:
    """Send a number of hits from a number of tasks; a store that does I/O is called in threads."""
    tickets = iter(range(hits))

    async def caller(client: httpx.AsyncClient, tickets: Iterator[int]) -> None:
        for _ in tickets:
            reservation = await asyncio.to_thread(store.reserve, lease_seconds)
            wait = reservation.wait_seconds
            while wait > 0:
                await asyncio.sleep(wait)
                wait = await asyncio.to_thread(store.confirm, reservation, lease_seconds)
            await client.get(url)
            await asyncio.to_thread(store.completed, reservation)

    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=httpx.Limits(max_connections=callers)) as client:
        await asyncio.gather(*(caller(client, tickets) for _ in range(callers)))


def main(url: str, quota: str, name: str, limit: str, window: str, lease: str, hits: str, way: str, many: str) -> None:
    store = open_store(quota, name=name, limit=int(limit), window_seconds=float(window))
    with closing(store):
        if way == "threads":
            send_by_threads(store, url, int(hits), int(many), float(lease))
        else:
            asyncio.run(send_by_tasks(store, url, int(hits), int(many), float(lease)))


if __name__ == "__main__":
    main(*sys.argv[1:])
