"""Pushes that are killed, or broken off, in the middle: the same push again creates each lead once."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from squadiq import AsyncSquadIQ
from tests.inbox.conftest import postgres_database
from tests.push.conftest import CLIENT, csv_file, lead, push_to
from tests.push.killing import Killing, pushed_until_done
from tests.push.test_engine import Service, leads
from tests.servers import acting_server

PUSH = [sys.executable, "-m", "squadiq", "leads", "push"]
ROWS = 3000


def environment(url: str) -> dict[str, str]:
    settings = {"ACCESS_TOKEN": "test_token", "BASE_URL": url, "CAMPAIGN_ID": "c1", "QUOTA_URL": "memory"}
    return {f"SQUADIQ_{name}": value for name, value in settings.items()}


@pytest.mark.unmeasured
@pytest.mark.parametrize(("kind", "pushes"), [("sqlite", 1), ("postgresql", 1), ("postgresql", 2)])
def test_killed_pushes_create_each_lead_once(
    tmp_path: Path, kind: str, pushes: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = leads(ROWS)
    rows[11]["phone_number"] = "12"
    path = csv_file(tmp_path / "leads.csv", rows)
    ledger = str(tmp_path / "ledger.sqlite3")
    if kind == "postgresql":
        ledger = postgres_database(request.getfixturevalue("postgres_url"))
    service = Service()
    killing = Killing(service, kills=5)
    with acting_server(killing) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        command = [*PUSH, str(path), "--ledger", ledger, "--json"]
        pushed_until_done(killing, command, pushes=pushes, done=1, begun={2})
    assert killing.kills < 5
    expected = Counter(str(row["lead_id"]) for row in rows if row["phone_number"] != "12")
    assert service.leads == expected
    assert "phone_number_invalid" in (tmp_path / "leads.csv.rejected.csv").read_text("utf-8-sig")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_push_leaves_its_ledger_consistent_and_closed(tmp_path: Path, backend: str) -> None:
    service = Service()
    path = csv_file(tmp_path / "leads.csv", leads(600))
    scopes: list[anyio.CancelScope] = []

    async def push(url: str, *, cancelled: bool) -> Any:
        async with AsyncSquadIQ("test_token", base_url=url, campaign_id="c1", **CLIENT) as client:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                return await client.campaign().push_leads(path, on_progress=cancel_later if cancelled else ignore)
        return None

    def cancel_later(counts: Any, total: object) -> None:
        if counts.created:
            anyio.from_thread.run_sync(scopes[0].cancel)

    def ignore(counts: object, total: object) -> None: ...

    with acting_server(service) as server:

        async def run(cancelled: bool) -> Any:
            return await push(server.url, cancelled=cancelled)

        assert anyio.run(run, True, backend=backend) is None
        assert scopes[0].cancelled_caught
        assert 0 < len(service.leads) < 600
        done = anyio.run(run, False, backend=backend)
    assert (done.counts.created + done.counts.created_before, done.is_good) == (600, True)
    assert max(service.leads.values()) == 1


def test_a_lead_that_is_lost_to_another_push_is_not_sent(tmp_path: Path, postgres_url: str) -> None:
    """When PostgreSQL forgets a push that still runs, another takes its leads over; the first one must notice."""
    from sqlalchemy import create_engine, text

    from squadiq.push import LedgerError

    service = Service()
    ledger = postgres_database(postgres_url)
    engine = create_engine(ledger.replace("postgresql:", "postgresql+psycopg:"))
    told: list[Any] = []

    def lose_sight(counts: Any, total: object) -> None:
        if not told:
            told.append(None)
            with engine.begin() as connection:
                query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'first'"
                connection.execute(text(query))
            told.append(push_to(server.url, leads(10), ledger=ledger))

    with acting_server(service) as server, pytest.raises(LedgerError, match="took over"):
        push_to(server.url, leads(10), ledger=f"{ledger}&application_name=first", on_progress=lose_sight)
    engine.dispose()
    assert told[1].counts.created == 10
    assert service.batches == [10]
    assert lead(1)["lead_id"] in service.leads
