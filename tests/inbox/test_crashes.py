"""Receivers and workers are killed while SquadIQ delivers at its worst: nothing is lost and nothing is doubled."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from squadiq.inbox import Inbox
from squadiq.inbox.tables import INBOX
from squadiq.queue.database import database_url
from tests.inbox.deliverer import Deliverer, results_of
from tests.webhooks.processes import Running, running

pytestmark = pytest.mark.unmeasured

APPLICATION = """
import os
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, insert

from squadiq.inbox import Inbox
from squadiq.webhooks import AsgiWebhook

inbox = Inbox(os.environ["SQUADIQ_INBOX"], lease_seconds=1.5, max_attempts=50)
app = AsgiWebhook(inbox)
effects = Table("effects", MetaData(), Column("id", Integer, primary_key=True), Column("result", String))
log = os.open("effects.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)


def key_of(lead):
    return f"{lead.lead_id} {int(lead.processed_at.timestamp())}"


@inbox.on_processed(in_transaction=True)
def exactly_once(lead, connection):
    connection.execute(insert(effects).values(result=key_of(lead)))


@inbox.on_processed
def at_least_once(lead):
    os.write(log, f"{key_of(lead)}\\n".encode())
"""

RECEIVER = ("uvicorn", "crash_app:app", "--port=0", "--no-access-log")
WORKER = ("squadiq", "inbox", "run", "crash_app:inbox")


class Fleet:
    """Two receivers and two workers, each started again as soon as it is killed."""

    def __init__(self, folder: Path, database: str, rng: random.Random) -> None:
        self._folder = folder
        self._environment = {"SQUADIQ_INBOX": database}
        self._rng = rng
        self._running = ExitStack()
        self._members: list[tuple[tuple[str, ...], Running]] = []
        self._ports: dict[int, int] = {}
        self.kills: Counter[str] = Counter()

    @contextmanager
    def started(self) -> Generator[None]:
        with self._running:
            for command in (RECEIVER, RECEIVER, WORKER, WORKER):
                self._members.append((command, self._start(command)))
            for place in (0, 1):
                self._ports[place] = self._members[place][1].port()
            for _, worker in self._members[2:]:
                worker.printed("handling results")
            yield

    def ports(self) -> list[int]:
        return list(self._ports.values())

    def kill_one(self) -> None:
        """Kill a process with SIGKILL and start another in its place."""
        place = self._rng.randrange(len(self._members))
        command, member = self._members[place]
        member.process.kill()
        member.process.wait()
        self.kills[command[0]] += 1
        self._members[place] = command, self._start(command)
        if place in self._ports:
            self._ports[place] = self._members[place][1].port()

    def _start(self, command: tuple[str, ...]) -> Running:
        return self._running.enter_context(running(*command, folder=self._folder, **self._environment))


async def _deliver_while_killing(fleet: Fleet, deliverer: Deliverer, leads: int, kills: Iterator[float]) -> None:
    delivering = asyncio.create_task(deliverer.deliver(results_of(leads, deliverer.rng)))
    for seconds in kills:
        if (await asyncio.wait([delivering], timeout=seconds))[0]:
            break
        await asyncio.to_thread(fleet.kill_one)
    await delivering


def _storm(database: str, folder: Path, *, leads: int, kills: Iterator[float], seed: int = 7) -> str:
    """Deliver, kill after so many seconds each, wait until all is handled, check it, and return a summary."""
    (folder / "crash_app.py").write_text(APPLICATION, "utf-8")
    engine = create_engine(database_url(database, INBOX))
    identity = "INTEGER PRIMARY KEY" if engine.dialect.name == "sqlite" else "BIGSERIAL PRIMARY KEY"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE effects (id {identity}, result VARCHAR)"))
    rng = random.Random(seed)
    fleet = Fleet(folder, database, rng)
    deliverer = Deliverer(fleet.ports, rng)
    began = time.monotonic()
    with Inbox(database) as inbox, fleet.started():
        asyncio.run(_deliver_while_killing(fleet, deliverer, leads, kills))
        while inbox.counts()["waiting"]:
            assert time.monotonic() < began + 900, inbox.counts()
            until_kill = next(kills, None)
            time.sleep(until_kill or 0.05)
            if until_kill:
                fleet.kill_one()
        counts = inbox.counts()
    with engine.connect() as connection:
        stored = list(
            connection.execute(text("SELECT lead_id || ' ' || processed_at FROM squadiq_inbox_results")).scalars()
        )
        effects = Counter(connection.execute(text("SELECT result FROM effects")).scalars())
    engine.dispose()
    logged = Counter((folder / "effects.log").read_text("ascii").split("\n"))
    expected = {result.key for result in results_of(leads, random.Random(seed))}
    assert set(deliverer.acknowledged) == expected
    assert sorted(stored) == sorted(expected), "an acknowledged result is missing, or one is stored twice"
    assert counts == {"waiting": 0, "handled": len(expected), "failed": 0}
    assert effects == Counter(expected), "an effect in the transaction did not happen exactly once"
    assert expected <= set(logged), "an effect outside of the transaction did not happen"
    again = sum(count - 1 for key, count in logged.items() if key in expected)
    return (
        f"{engine.dialect.name}: {len(expected)} results, {deliverer.sent} deliveries sent, {deliverer.cut} cut, "
        f"{deliverer.failed} failed, {deliverer.acknowledged.total()} acknowledged; "
        f"killed {fleet.kills['uvicorn']} receivers and {fleet.kills['squadiq']} workers; "
        f"effects in the transaction: each once; outside of it: {again} repeated; "
        f"{time.monotonic() - began:.0f} s"
    )


def test_nothing_is_lost_or_doubled_when_receivers_and_workers_are_killed(database: str, tmp_path: Path) -> None:
    print(_storm(database, tmp_path, leads=75, kills=iter([0.3] * 3)))


@pytest.mark.soak
def test_ten_thousand_deliveries_survive_kills_of_receivers_and_workers(database: str, tmp_path: Path) -> None:
    print(_storm(database, tmp_path, leads=5_000, kills=repeat(2.5)))
