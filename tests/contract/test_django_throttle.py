"""The client's quota against a throttle that is not ours: a sliding log of Django REST framework, in real time.

All share one quota in a file, as the throttle remembers the hits of the test before.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.attempts import Attempt
from tests.contract.django_server import TOKEN, DjangoServer, django_server

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.skipif(sys.platform == "win32", reason="gunicorn is for POSIX"),
]

LIMIT = 10
HITS = 24
PROCESS = """
import sys
from squadiq import SquadIQ

url, quota, token, hits = sys.argv[1:]
with SquadIQ(token, base_url=url, quota=quota, quota_hits={limit}, quota_window_seconds=1.0, max_attempts=1) as client:
    for _ in range(int(hits)):
        list(client.campaign("c1").get_leads())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[DjangoServer]:
    with django_server(tmp_path_factory.mktemp("django"), rate=f"{LIMIT}/s") as running:
        yield running


@pytest.fixture(scope="module")
def quota(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A quota of the throttle's limit, whoever takes hits of it."""
    return f"sqlite:///{tmp_path_factory.mktemp('quota')}/quota.db"


def options(server: DjangoServer, quota: str, **more: Any) -> dict[str, Any]:
    kept = {"quota_hits": LIMIT, "quota_window_seconds": 1.0, "max_attempts": 1}
    return {"base_url": server.url, "quota": quota, **kept, **more}


def test_threads_of_a_client_are_never_refused(server: DjangoServer, quota: str) -> None:
    with SquadIQ(TOKEN, **options(server, quota)) as client, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(lambda: list(client.campaign("c1").get_leads())) for _ in range(HITS)]
        assert [each.result() for each in calls] == [[]] * HITS


def test_tasks_of_a_client_are_never_refused(server: DjangoServer, quota: str) -> None:
    async def call(client: AsyncSquadIQ) -> list[Any]:
        return [lead async for lead in client.campaign("c1").get_leads()]

    async def all_of_them() -> list[list[Any]]:
        async with AsyncSquadIQ(TOKEN, **options(server, quota)) as client:
            return await asyncio.gather(*(call(client) for _ in range(HITS)))

    assert asyncio.run(all_of_them()) == [[]] * HITS


def test_processes_that_share_the_quota_are_never_refused(server: DjangoServer, quota: str) -> None:
    command = [sys.executable, "-c", PROCESS.format(limit=LIMIT), server.url, quota, TOKEN, str(HITS // 3)]
    running = [subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [each.communicate(timeout=60)[1] for each in running]
    assert ([each.returncode for each in running], "".join(told)) == ([0, 0, 0], "")


def test_callers_that_know_no_limit_wait_as_long_as_its_429_asks(server: DjangoServer) -> None:
    refused: list[float | None] = []

    def look(operation: str, number: int, attempt: Attempt) -> None:
        if attempt.status == 429:
            refused.append(attempt.retry_after_seconds)

    unknown = options(server, "memory", quota_hits=1000, max_attempts=10, after_attempt=look)
    with SquadIQ(TOKEN, **unknown) as client, ThreadPoolExecutor(LIMIT // 2) as pool:
        calls = [pool.submit(lambda: list(client.campaign("c1").get_leads())) for _ in range(HITS)]
        assert [each.result() for each in calls] == [[]] * HITS
    assert refused
    assert all(seconds and seconds >= 1 for seconds in refused)
