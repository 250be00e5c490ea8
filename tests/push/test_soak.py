"""200,000 rows through kills, lost responses and failures: each good lead once, each other row told."""

from __future__ import annotations

import csv
import random
import sys
import time
from bisect import bisect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest
from squadiq.mock.settings import MockSettings
from squadiq.spec import Spec
from tests.inbox.conftest import postgres_database
from tests.push.conftest import csv_file, lead
from tests.push.killing import Killing, pushed_until_done
from tests.servers import Action, Reply, Seen, acting_server

ROWS, KILLS, CAMPAIGN = 200_000, 20, "c1"
HITS, WINDOW_SECONDS = 100, 2.0

PUSH = """
import sys
from squadiq import SquadIQ
url, path, ledger, quota, repeats = sys.argv[1:]
settings = {"quota": quota, "quota_window_seconds": 2.0, "max_attempts": 4, "repeat_creates": repeats == "repeat"}
with SquadIQ("test_token", base_url=url, campaign_id="c1", **settings) as client:
    client.campaign().push_leads(path, ledger=ledger)
"""

BROKEN: dict[str, dict[str, str]] = {
    "phone_number_invalid": {"phone_number": "12"},
    "phone_number_lost_digits": {"phone_number": "9.87654E+09"},
    "phone_number_several": {"phone_number": "9876543210 / 9845012345"},
    "phone_number_missing": {"phone_number": ""},
    "contact_name_missing": {"contact_name": " "},
    "contact_name_invalid": {"contact_name": "N/A"},
    "field_invalid": {"city": "#REF!"},
}


@dataclass
class Service:
    """The mock with its quota scaled, which counts how often it refused a hit."""

    core: Mock = field(default_factory=lambda: Mock(MockSettings(process_after_seconds=1e9), spec=scaled()))
    refused: int = 0

    def __call__(self, seen: Seen) -> Action:
        target = urlsplit(seen.target)
        request = MockRequest(seen.method, target.path, target.query, seen.headers, seen.body, "http://x")
        response = self.core.respond(request)
        self.refused += response.status == 429
        return Reply(response.status, response.body, dict(response.headers))

    def has(self, lead_id: str) -> bool:
        return self.core.lead_state(CAMPAIGN, lead_id) is not None


def scaled(window_seconds: float = WINDOW_SECONDS) -> Spec:
    contents = dict(Spec.installed().contents)
    return Spec({**contents, "x-rate-limit": {"hits": HITS, "window_seconds": window_seconds}})


def spoiled(count: int) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """Rows of which 1 % are broken and 1 % stand twice, and by row number the reason of each that is not to be sent."""
    rng = random.Random(11)
    rows = [lead(number, city="Pune") for number in range(count)]
    reasons: dict[int, str] = {}
    odd = rng.sample(range(1, count), count // 50)
    good = sorted({*range(count)} - {*odd})
    for place in odd[: count // 100]:
        code = rng.choice(list(BROKEN))
        rows[place] |= BROKEN[code]
        reasons[place + 2] = code
    for place in odd[count // 100 :]:
        name = rng.choice(["lead_id", "phone_number"])
        earlier = good[rng.randrange(bisect(good, place))]  # of two rows, it is the later one that is told
        rows[place][name] = rows[earlier][name]
        reasons[place + 2] = f"duplicate_{name}"
    return rows, reasons


def told(path: Path) -> dict[int, dict[str, str]]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {int(row["squadiq_row"]): row for row in csv.DictReader(file)}


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kind", "pushes", "repeats"),
    [("sqlite", 1, True), ("sqlite", 1, False), ("postgresql", 1, True), ("postgresql", 2, True)],
)
def test_two_hundred_thousand_rows_survive_kills_and_a_bad_network(
    tmp_path: Path, kind: str, pushes: int, repeats: bool, request: pytest.FixtureRequest
) -> None:
    rows, reasons = spoiled(ROWS)
    path = csv_file(tmp_path / "leads.csv", rows)
    ledger = str(tmp_path / "ledger.sqlite3")
    if kind == "postgresql":
        ledger = postgres_database(request.getfixturevalue("postgres_url"))
    service = Service()
    killing = Killing(service, KILLS, kill_share=0.15, later_seconds=0.2)
    began = time.monotonic()

    def push(url: str, mode: str) -> int:
        command = [sys.executable, "-c", PUSH, url, str(path), ledger, f"sqlite:///{tmp_path}/quota.sqlite3", mode]
        return pushed_until_done(killing, command, pushes=pushes, done=0, begun={1})

    with acting_server(killing) as server:
        rounds = push(server.url, "repeat" if repeats else "once")
        unknown = {row["lead_id"] for row in told(tmp_path / "leads.csv.unknown.csv").values()}
        good = [str(row["lead_id"]) for number, row in enumerate(rows, 2) if number not in reasons]
        missing = [each for each in good if each not in unknown and not service.has(each)]
        assert missing == []
        assert bool(unknown) is not repeats
        if not repeats:
            rounds += push(server.url, "repeat")
    assert killing.kills == 0
    counts = service.core.counts(CAMPAIGN)
    assert sum(counts.values()) == len(set(good)) == len(good), counts
    assert all(map(service.has, good))
    assert {
        number: row["squadiq_reason_code"] for number, row in told(tmp_path / "leads.csv.rejected.csv").items()
    } == (reasons)
    print(
        f"{kind}, {pushes} at once, {'repeating' if repeats else 'not repeating'}: {ROWS} rows, {len(good)} leads each"
        f" once, {len(reasons)} rows rejected for their reason, {len(unknown)} unknown and told; {rounds} rounds,"
        f" {KILLS} kills; {killing.requests} hits, {killing.lost} responses lost, {killing.failed} times 503,"
        f" {service.refused} times 429; {time.monotonic() - began:.0f} s"
    )
