"""What the facade costs over the HTTP library alone, and over the code of the API documentation."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterable
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import requests

from benchmarks import Row
from benchmarks.canned import page
from benchmarks.processes import server
from squadiq import SquadIQ
from squadiq.responses import Differences, read_page

CALLS = 200
ROUNDS = 15
IMPORTS = 25
LEAD: dict[str, Any] = {
    "lead_id": "u1",
    "phone_number": "98765 43210",
    "contact_name": "John Doe",
    "is_KYC": "YES",
    "product_plan": "Lite",
    "is_squadlead": True,
}
HEADERS = {"Authorization": "Bearer test_token", "Content-Type": "application/json"}


def rows() -> Iterable[Row]:
    with server("benchmarks.canned") as url:
        yield from calls(url)
    yield decoding()
    yield from importing()


def calls(url: str) -> Iterable[Row]:
    """CPU time of this process per call: user and system, of all threads; the server is another process."""
    create, get = f"{url}/api/v4/leads/create/c1/", f"{url}/api/v4/leads/responses/c1/"
    # A window of a millisecond: as many slots as in earnest, and never a wait.
    quota: dict[str, Any] = {"quota_window_seconds": 0.001, "base_url": url}
    with (
        TemporaryDirectory() as folder,
        httpx.Client(headers=HEADERS) as bare,
        SquadIQ("test_token", quota="memory", **quota) as client,
        SquadIQ("test_token", quota=f"sqlite:///{folder}/quota.sqlite3", **quota) as shared,
    ):
        campaign, shared_campaign = client.campaign("c1"), shared.campaign("c1")
        cost = cpu_per_call(
            {
                "httpx create": lambda: bare.post(create, json=[LEAD]).raise_for_status().json(),
                "httpx get": lambda: bare.get(get, params={"lead_id": "u1"}).raise_for_status().json(),
                "squadiq create": lambda: campaign.create_leads([LEAD]),
                "squadiq get": lambda: list(campaign.get_leads(lead_id="u1")),
                "squadiq create, quota in a file": lambda: shared_campaign.create_leads([LEAD]),
                "requests create": lambda: requests.post(create, json=[LEAD], headers=HEADERS, timeout=10).json(),
                "requests get": lambda: requests.get(get, params={"lead_id": "u1"}, headers=HEADERS, timeout=10).json(),
            }
        )

    def row(what: str, ours: str, theirs: str, library: str, goal: str) -> Row:
        figures = f"{cost[ours] * 1e6:.0f} µs, {cost[theirs] * 1e6:.0f} µs"
        return Row(f"CPU per call, {what}", library, cost[ours] / cost[theirs], goal, figures)

    yield row("create 1 lead", "squadiq create", "httpx create", "bare httpx", "<= 1.15")
    yield row("get 1 lead", "squadiq get", "httpx get", "bare httpx", "<= 1.15")
    yield row("create 1 lead, quota in a file", "squadiq create, quota in a file", "httpx create", "bare httpx", "")
    yield row("create 1 lead", "squadiq create", "requests create", "the documentation's code", "<= 1")
    yield row("get 1 lead", "squadiq get", "requests get", "the documentation's code", "<= 1")


def cpu_per_call(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Take the median over rounds, in each of which every call has its turn."""
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS + 1):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(CALLS):
                call()
            if round_:  # the first round warms up
                measured[name].append((time.process_time() - began) / CALLS)
    return {name: median(times) for name, times in measured.items()}


def decoding() -> Row:
    """Read a page of 100 processed leads into models, as `get_leads` does."""
    content, differences = page(100), Differences()
    ours, plain = list[float](), list[float]()
    for _ in range(ROUNDS):
        ours.append(timeit.timeit(lambda: read_page(content, "getLeads", differences), number=CALLS))
        plain.append(timeit.timeit(lambda: json.loads(content), number=CALLS))
    figures = f"{min(ours) / CALLS * 1e6:.0f} µs, {min(plain) / CALLS * 1e6:.0f} µs"
    return Row("decoding a page of 100 leads", "json.loads", min(ours) / min(plain), "<= 2.3", figures)


def importing() -> Iterable[Row]:
    """Time within fresh processes, taking turns. Most is imported when it is asked for, so a client is opened too."""
    theirs = "import httpx, pydantic; pydantic.BaseModel"
    taken = seconds(
        {
            "import squadiq": "import squadiq",
            "import httpx, pydantic": theirs,
            "import squadiq, and open a client": "import squadiq; squadiq.SquadIQ('token', quota='memory')",
            "the same with httpx, pydantic": f"{theirs}; httpx.Client()",
        }
    )
    for (ours, our_seconds), (name, their_seconds) in zip(taken[::2], taken[1::2], strict=True):
        figures = f"{our_seconds * 1e3:.0f} ms, {their_seconds * 1e3:.0f} ms"
        goal = "<= 1.15" if ours == "import squadiq" else ""
        yield Row(ours, name, our_seconds / their_seconds, goal, figures)


def seconds(statements: dict[str, str]) -> list[tuple[str, float]]:
    """The least time of each statement over many processes."""
    taken: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(IMPORTS):
        for name, statement in statements.items():
            script = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            taken[name].append(float(done.stdout))
    return [(name, min(times)) for name, times in taken.items()]


if __name__ == "__main__":
    for line in rows():
        print(*line, sep=" | ")
