"""A million outcomes in each kind of file, in memory that does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest

from squadiq.inbox.store import Arrival, InboxStore
from squadiq.inbox.tables import INBOX
from squadiq.outcomes.sources import moment_of
from squadiq.queue.database import database_url, open_database
from tests.outcomes.conftest import FIRST_SECOND, outcome
from tests.servers import Action, Reply, Seen, acting_server

pd: Any = import_module("pandas")
pq: Any = import_module("pyarrow.parquet")

MANY, FEW = 1_000_000, 20_000
MORE_MIB = {"csv": 10, "jsonl": 10, "xlsx": 10, "parquet": 20}
"""What a million may take beyond what some thousands do."""

PEAK = """
import re
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
"""
"""The most memory of a program itself; that of `getrusage` begins with what its parent had."""

EXPORT = f"""{PEAK}
import sys
from squadiq.cli import app
try:
    app(sys.argv[1:])
finally:
    print(peak(), file=sys.stderr)
"""

OF_SQUADIQ = f"""{PEAK}
import sys
from squadiq import SquadIQ
from squadiq.outcomes import CampaignSource, export_outcomes
url, path = sys.argv[1:]
with SquadIQ("test_token", base_url=url, campaign_id="c1", quota="memory", quota_window_seconds=0.001) as client:
    done = export_outcomes(CampaignSource(client.campaign(), service=url), path)
print(done.hits, peak())
"""


def made(number: int) -> dict[str, Any]:
    said = {"interested": "Yes", "age": number % 90, f"question {number % 7}": "=1+1"}
    return outcome(number, processed_at=FIRST_SECOND + number, lead_responses=said)


def exported(path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The most memory in MiB that an export took, and what it told."""
    command = [sys.executable, "-c", EXPORT, "outcomes", "export", str(path), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stderr.splitlines()[-1]), json.loads(done.stdout)


@pytest.fixture(scope="module")
def inboxes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    folder = tmp_path_factory.mktemp("inboxes")
    return {number: filled(folder / f"{number}.sqlite3", number) for number in (FEW, MANY)}


def filled(path: Path, number: int) -> str:
    engine = open_database(database_url(path, INBOX), INBOX)
    store = InboxStore(engine, lambda: 1_800_000_000.0)
    for first in range(0, number, 5000):
        leads = map(made, range(first, first + 5000))
        store.add(
            [
                Arrival("c1", lead["lead_id"], moment_of(lead["processed_at"]), json.dumps(lead).encode())
                for lead in leads
            ]
        )
    engine.dispose()
    return str(path)


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def rows_of_workbook(path: Path) -> int:
    with closing(openpyxl.load_workbook(path, read_only=True)) as workbook:
        return sum(1 for _ in workbook["outcomes"].values) - 1


READERS: dict[str, Callable[[Path], int]] = {
    "csv": lambda path: len(pd.read_csv(path)),
    "jsonl": lines_of,
    "xlsx": rows_of_workbook,
    "parquet": lambda path: int(pq.read_table(path).num_rows),
}


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ending", READERS)
def test_a_million_outcomes_take_no_more_memory_than_some_thousands(
    inboxes: dict[int, str], tmp_path: Path, ending: str
) -> None:
    taken: dict[int, int] = {}
    for number in (FEW, MANY):
        path = tmp_path / f"{number}.{ending}"
        taken[number], told = exported(path, "--from", inboxes[number])
        assert told["outcomes"] == READERS[ending](path) == number
        assert [name for name in told["columns"] if name.startswith("response.question")] == [
            f"response.question {each}" for each in range(7)
        ]
    print(ending, taken)
    assert taken[MANY] - taken[FEW] < MORE_MIB[ending]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_outcomes_of_squadiq_are_read_in_flat_memory(tmp_path: Path) -> None:
    number = 0

    def listing(seen: Seen) -> Action:
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(seen.target).query).items()}
        first = max(0, query.get("processed_after", 0) - FIRST_SECOND)
        last = min(number - 1, query.get("processed_before", 2**60) - FIRST_SECOND)
        page, count = query.get("page", 1), max(0, last - first + 1)
        start = first + (page - 1) * 1000
        more = f"http://x/?page={page + 1}" if page * 1000 < count else None
        results = [made(each) for each in range(start, min(start + 1000, last + 1))]
        return Reply(200, {"count": count, "next": more, "previous": None, "results": results})

    taken: dict[int, int] = {}
    with acting_server(listing) as server:
        for number in (FEW, MANY):
            path = tmp_path / f"{number}.jsonl"
            command = [sys.executable, "-c", OF_SQUADIQ, server.url, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            hits, taken[number] = map(int, done.stdout.split())
            assert lines_of(path) == number
            print(number, hits, "hits")
    print("SquadIQ", taken)
    assert taken[MANY] - taken[FEW] < 20
