"""The real mock at its worst, two receivers and two workers that are killed: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from squadiq.inbox import Inbox
from squadiq.inbox.tables import INBOX
from squadiq.mock.server import running_mock
from squadiq.mock.settings import Trouble
from squadiq.queue.database import database_url
from tests.deliveries.endpoint import create, helper
from tests.inbox.conftest import postgres_database
from tests.inbox.conftest import postgres_url as postgres_url
from tests.inbox.test_crashes import APPLICATION

pytestmark = pytest.mark.unmeasured

KINDS: tuple[Trouble, ...] = ("duplicates", "reorder", "delays", "bursts", "slow", "cuts")
DEADLINE_SECONDS = 1200
RECEIVER = """
import socket, sys, uvicorn
config = uvicorn.Config("crash_app:app", access_log=False, log_level="error")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""
WORKER = ("-m", "squadiq", "inbox", "run", "crash_app:inbox")


class Fleet:
    """Two receivers that share one port, and two workers; a killed one is started again at once."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, "SQUADIQ_INBOX": database, "PYTHONPATH": str(folder)}
        self._chance = random.Random(7)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        receiver = ("-c", RECEIVER, str(self._listening.fileno()))
        self._commands = [receiver, receiver, WORKER, WORKER]
        self._members: list[subprocess.Popen[bytes]] = []
        self.kills: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/"

    def __enter__(self) -> Fleet:
        self._members = [self._start(command) for command in self._commands]
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.kill()
            member.wait()
        self._listening.close()

    def kill_one(self) -> None:
        """Kill a process with SIGKILL and start another in its place."""
        place = self._chance.randrange(len(self._members))
        self._members[place].kill()
        self._members[place].wait()
        self.kills["receivers" if place < 2 else "workers"] += 1
        self._members[place] = self._start(self._commands[place])

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        descriptor = self._listening.fileno()
        with (self._folder / "fleet.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=self._folder,
                env=self._environment,
                pass_fds=[descriptor],
                stdout=log,
                stderr=log,
            )


def storm(database: str, folder: Path, *, leads: int, speed: float, kill_every_seconds: float) -> str:
    """Deliver leads from the mock while killing, wait until all is handled, check it, and return a summary."""
    (folder / "crash_app.py").write_text(APPLICATION, "utf-8")
    engine = create_engine(database_url(database, INBOX))
    identity = "INTEGER PRIMARY KEY" if engine.dialect.name == "sqlite" else "BIGSERIAL PRIMARY KEY"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE effects (id {identity}, result VARCHAR)"))
    began = time.monotonic()
    with ExitStack() as stack:
        inbox = stack.enter_context(Inbox(database))
        inbox.counts()  # the tables are there before anybody is killed while making them
        fleet = stack.enter_context(Fleet(folder, database))
        mock = stack.enter_context(
            running_mock(
                rate=0,
                webhook_url=fleet.url,
                webhook_trouble=KINDS,
                process_after_seconds=60 * speed,
                speed=speed,
                db=str(folder / "mock.sqlite3"),
            )
        )
        for first in range(0, leads, 500):
            create(mock, range(first, min(leads, first + 500)))
        mock.advance(60 * speed)
        left: dict[str, int] = {"waiting": leads}
        while left["waiting"] or inbox.counts()["waiting"]:
            assert time.monotonic() < began + DEADLINE_SECONDS, (left, inbox.counts())
            time.sleep(kill_every_seconds)  # what is killed when is the point of this
            if mock.core.deliveries.leads_acknowledged() < leads or fleet.kills.total() < 4:
                fleet.kill_one()
            left = helper(mock, "deliveries?limit=1").json()
        deliveries = mock.deliveries()
        counts = inbox.counts()
    return _checked(engine, folder, leads, deliveries, counts) + (
        f"; killed {fleet.kills['receivers']} receivers and {fleet.kills['workers']} workers; "
        f"{time.monotonic() - began:.0f} s"
    )


def _checked(engine: Any, folder: Path, leads: int, deliveries: list[dict[str, Any]], counts: Any) -> str:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT lead_id, processed_at FROM squadiq_inbox_results"))
        stored = Counter(f"{lead_id} {processed_at}" for lead_id, processed_at in found)
        effects: Counter[str] = Counter(connection.execute(text("SELECT result FROM effects")).scalars())
    engine.dispose()
    logged = Counter((folder / "effects.log").read_text("ascii").splitlines())
    assert {key.split()[0] for key in stored} == {str(number) for number in range(leads)}
    assert stored.total() == leads, "a result is stored twice"
    assert counts == {"waiting": 0, "handled": leads, "failed": 0}
    assert effects == stored, "an effect in the transaction did not happen exactly once"
    assert set(stored) <= set(logged), "an effect outside of the transaction did not happen"
    attempts = [attempt for each in deliveries for attempt in each["attempts"]]
    cut = sum(attempt["error"] == "cut on purpose" for attempt in attempts)
    failed = sum(attempt["status"] != 201 for attempt in attempts) - cut
    return (
        f"{engine.dialect.name}: {leads} results in {len(deliveries)} deliveries, {len(attempts)} attempts, "
        f"{cut} cut on purpose, {failed} failed; stored once each; effects in the transaction: each once; "
        f"outside of it: {sum(count - 1 for count in logged.values())} repeated"
    )


def test_the_mock_at_its_worst_loses_and_doubles_nothing(tmp_path: Path) -> None:
    print(storm(str(tmp_path / "inbox.sqlite3"), tmp_path, leads=60, speed=100, kill_every_seconds=1.5))


@pytest.mark.soak
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_ten_thousand_deliveries_of_the_mock_at_its_worst(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        database = str(tmp_path / "inbox.sqlite3")
    else:
        database = postgres_database(request.getfixturevalue("postgres_url"))
    print(storm(database, tmp_path, leads=10_000, speed=20, kill_every_seconds=2.5))
