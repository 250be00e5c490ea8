"""How fast the mock is beside FastAPI with pydantic, the barest server, and Prism; and with a million leads."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import Any

import httpx

from benchmarks import Row
from benchmarks.load import TOKEN, request, requests_per_second
from benchmarks.processes import prism, server

CONNECTIONS = 16
SECONDS = 4.0
ROUNDS = 3
GOALS_BESIDE_FASTAPI = (">= 1.8", ">= 1.8", ">= 1.8")
GOALS_BESIDE_THE_BAREST = (">= 1.8", ">= 0.95", ">= 0.95")
GOALS_BESIDE_PRISM = (">= 5", ">= 5", ">= 2")
FEW, MANY = 1_000, 1_000_000
BATCH = 10_000
GETS = 101

Numbers = Iterator[int]


def rows() -> Iterable[Row]:
    yield from beside(server("benchmarks.rival"), "FastAPI with pydantic", GOALS_BESIDE_FASTAPI)
    yield from beside(server("benchmarks.barest"), "the barest server", GOALS_BESIDE_THE_BAREST)
    yield from beside(prism("mock"), "Prism", GOALS_BESIDE_PRISM)
    yield many_leads()


def beside(rival: AbstractContextManager[str], name: str, goals: Sequence[str]) -> Iterable[Row]:
    """Requests per second at 16 connections, the two servers taking turns; the best round of each."""
    with mock() as ours, rival as theirs:
        for url in (ours, theirs):
            fill(url, "listed", 200)
        advance(ours)
        numbers = itertools.count()
        works: list[tuple[str, int, Callable[[str], Callable[[], bytes]]]] = [
            ("list 100 leads", 200, lambda url: constantly(request(url, "/api/v4/leads/responses/listed/"))),
            ("create 1 lead", 201, lambda url: creating(url, numbers, 1)),
            ("create 100 leads", 201, lambda url: creating(url, numbers, 100)),
        ]
        for (what, status, work), goal in zip(works, goals, strict=True):
            best = {ours: 0.0, theirs: 0.0}
            for _ in range(ROUNDS):
                for url in best:
                    reached = requests_per_second(url, status, work(url), CONNECTIONS, SECONDS)
                    best[url] = max(best[url], reached)
            figures = f"{best[ours]:,.0f}/s, {best[theirs]:,.0f}/s"
            yield Row(f"mock: {what}, requests/s", name, best[ours] / best[theirs], goal, figures)


def many_leads() -> Row:
    """Time of the first page, one request at a time."""
    with mock() as url:
        fill(url, "few", FEW)
        fill(url, "many", MANY)
        advance(url)
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            took: dict[str, list[float]] = {"few": [], "many": []}
            for campaign, expected in (("few", FEW), ("many", MANY)):
                count = (
                    client.get(f"/api/v4/leads/responses/{campaign}/", timeout=60).raise_for_status().json()["count"]
                )
                assert count == expected, f"{count} leads are processed, not {expected}"
            for _ in range(GETS):
                for campaign, times in took.items():
                    began = time.perf_counter()
                    client.get(f"/api/v4/leads/responses/{campaign}/").raise_for_status()
                    times.append(time.perf_counter() - began)
    few, many = median(took["few"]), median(took["many"])
    figures = f"{many * 1e3:.2f} ms, {few * 1e3:.2f} ms"
    return Row("mock: first page of 1,000,000 leads", "of 1,000 leads", many / few, "<= 3", figures)


@contextmanager
def mock() -> Generator[str]:
    options = ["--port", "0", "--rate", "0", "--token", TOKEN, "--process-after", "1"]
    with server("squadiq", "mock", *options) as url:
        yield url


def fill(url: str, campaign: str, leads: int) -> None:
    """Create leads through the API."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        for start in range(0, leads, BATCH):
            batch = [lead(number) for number in range(start, min(start + BATCH, leads))]
            client.post(f"/api/v4/leads/create/{campaign}/", json=batch).raise_for_status()


def advance(url: str) -> None:
    """Let the mock process what it has."""
    httpx.post(f"{url}/_mock/advance", json={"seconds": 60}, timeout=60).raise_for_status()


def lead(number: int) -> dict[str, Any]:
    return {
        "lead_id": f"lead-{number}",
        "phone_number": f"98{number:08}",
        "contact_name": "Asha",
        "product_plan": "Lite",
    }


def constantly(message: bytes) -> Callable[[], bytes]:
    return lambda: message


def creating(url: str, numbers: Numbers, size: int) -> Callable[[], bytes]:
    """Make requests that create leads whose identifiers were never used; cheap, as it runs beside the server."""
    item = json.dumps(lead(0)).replace("lead-0", "lead-%d")
    body = "[" + ", ".join([item] * size) + "]"

    def next_request() -> bytes:
        filled = body % tuple(itertools.islice(numbers, size))
        return request(url, "/api/v4/leads/create/created/", "POST", filled.encode())

    return next_request


if __name__ == "__main__":
    for line in rows():
        print(*line, sep=" | ")
