"""A web application signs people up beside a push, and all are killed: each committed lead once, forms in time."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from squadiq.mock.core import Mock
from squadiq.mock.settings import MockSettings
from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url
from tests.push.conftest import csv_file, lead
from tests.push.killing import Killing
from tests.push.test_soak import CAMPAIGN, Service, scaled
from tests.servers import Action, Reply, Seen, acting_server
from tests.webhooks.processes import Running, running

PEOPLE, ROWS, KILL_EVERY_SECONDS, WINDOW_SECONDS = 10_000, 100_000, 3.0, 10.0
LARGEST = 100
"""Leads in a request, so that the push needs every hit that is left to it for as long as people sign up."""
FORM_EVERY_SECONDS = 1.4
"""Seven in a window, and those that are sent again: fewer than the ten that the others leave free."""

PROGRAM = """
import os, sys, time
import uvicorn
from fastapi import FastAPI, HTTPException
from sqlalchemy import create_engine, text
from squadiq import SquadIQ
from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url

DATABASE, WINDOW_SECONDS = os.environ["DATABASE"], float(os.environ["WINDOW_SECONDS"])
outbox = Outbox(DATABASE, lease_seconds=5.0)
client = SquadIQ(campaign_id="c1", quota_window_seconds=WINDOW_SECONDS, timeout_seconds=5.0)
engine = create_engine(database_url(DATABASE, OUTBOX))
app = FastAPI()

@app.post("/signups/{number}", status_code=201)
def sign_up(number: int):
    with engine.connect() as connection:
        if connection.execute(text("SELECT 1 FROM signups WHERE id = :id"), {"id": number}).all():
            return {}
        connection.execute(text("INSERT INTO signups (id) VALUES (:id)"), {"id": number})
        kind = "R" if number % 10 == 0 else "L"
        person = {"lead_id": f"{kind}{number}", "phone_number": f"91{number:08}", "contact_name": "Asha"}
        outbox.create_leads("c1", [person], connection=connection)
        if kind == "R":
            connection.rollback()
            raise HTTPException(409)
        connection.commit()
    return {}

@app.post("/forms")
def form():
    sent, began = [], time.monotonic()
    hurried = client.with_options(before_attempt=lambda operation, number: sent.append(time.monotonic()))
    try:
        next(iter(hurried.campaign().get_leads(page_size=1).pages()), None)
    finally:
        print("waited", sent[0] - began, flush=True)
    return {}

if __name__ == "__main__":
    outbox.open()
    if sys.argv[1] == "web":
        print("serving", flush=True)
        uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
    elif sys.argv[1] == "worker":
        print("working", flush=True)
        outbox.run(client, concurrency=2)
    else:
        print("pushing", flush=True)
        client.campaign().push_leads(sys.argv[2], ledger=sys.argv[3])
        print("pushed", flush=True)
"""


def in_small_parts(service: Service) -> Callable[[Seen], Action]:
    """Refuse what is larger than that."""

    def respond(seen: Seen) -> Action:
        leads: Any = seen.json if seen.target.endswith("/create/") else []
        return Reply(413, {"detail": "Too large."}) if len(leads) > LARGEST else service(seen)

    return respond


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Site:
    """The web workers, as a browser sees them: one that does not answer is tried again."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = itertools.cycle(ports)
        self.client = httpx.Client(timeout=30)

    def sign_up(self, number: int) -> None:
        while True:
            try:
                response = self.client.post(f"http://127.0.0.1:{next(self._ports)}/signups/{number}")
            except httpx.HTTPError:
                time.sleep(0.05)
                continue
            if response.status_code in (201, 409):
                time.sleep(0.08)
                return

    def fill_forms(self, until: threading.Event, every_seconds: float) -> None:
        while not until.wait(every_seconds):
            try:
                self.client.post(f"http://127.0.0.1:{next(self._ports)}/forms")
            except httpx.HTTPError:
                continue


class Killer(threading.Thread):
    """Kills one process after the other, and starts it anew."""

    def __init__(self, start: Callable[[tuple[str, ...]], Running], commands: list[tuple[str, ...]]) -> None:
        super().__init__()
        self._start, self._commands, self._rng = start, commands, random.Random(5)
        self.at_work = [start(command) for command in commands]
        self.logs = [each.log for each in self.at_work]
        self.enough = threading.Event()
        self.kills = 0

    def run(self) -> None:
        while not self.enough.wait(KILL_EVERY_SECONDS):
            place = self._rng.randrange(len(self.at_work))
            if self.at_work[place].process.poll() == 0:
                continue  # a push that is done
            self.at_work[place].printed("serving|working|pushing")  # one that has not begun has nothing to lose
            self.at_work[place].process.kill()
            self.at_work[place].process.wait()
            self.kills += 1
            self._begin(place)
        for place, one in enumerate(self.at_work):
            if one.process.poll() not in (None, 0):
                self._begin(place)

    def _begin(self, place: int) -> None:
        self.at_work[place] = self._start(self._commands[place])
        self.logs.append(self.at_work[place].log)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_ten_thousand_sign_ups_beside_a_push_survive_kills(database: str, tmp_path: Path) -> None:
    began = time.monotonic()
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    path = csv_file(tmp_path / "leads.csv", [lead(number, lead_id=f"P{number}") for number in range(ROWS)])
    engine = create_engine(database_url(database, OUTBOX))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE signups (id INTEGER PRIMARY KEY)"))
    settings = MockSettings(process_after_seconds=1e9)
    service = Service(Mock(settings, spec=scaled(WINDOW_SECONDS)))
    killing = Killing(in_small_parts(service), 0, trouble_share=0.1)
    over = threading.Event()
    with Outbox(database) as outbox, acting_server(killing) as server, ExitStack() as stack:
        outbox.open()
        environment = {
            "DATABASE": database,
            "SQUADIQ_ACCESS_TOKEN": "test_token",
            "SQUADIQ_BASE_URL": server.url,
            "SQUADIQ_QUOTA_URL": database if "://" in database else f"sqlite:///{tmp_path}/quota.sqlite3",
            "WINDOW_SECONDS": str(WINDOW_SECONDS),
        }

        def start(command: tuple[str, ...]) -> Running:
            return stack.enter_context(running("program", *command, folder=tmp_path, **environment))

        ports = [free_port(), free_port()]
        ledger = database if "://" in database else str(tmp_path / "ledger.sqlite3")
        webs = [("web", str(port)) for port in ports]
        killer = Killer(start, [*webs, ("worker",), ("worker",), ("push", str(path), ledger)])
        killer.start()
        site = Site(ports)
        stack.callback(site.client.close)
        forms = threading.Thread(target=site.fill_forms, args=(over, FORM_EVERY_SECONDS))
        forms.start()
        with ThreadPoolExecutor(8) as people:
            for done in people.map(site.sign_up, range(1, PEOPLE + 1)):
                assert done is None
        while outbox.counts()["waiting"] or killer.at_work[4].process.poll() != 0:
            time.sleep(0.1)
        killer.enough.set()
        killer.join()
        over.set()
        forms.join()
        counts = outbox.counts()
    with engine.connect() as connection:
        signed_up = set(connection.execute(text("SELECT id FROM signups")).scalars())
    engine.dispose()
    expected = {f"L{number}" for number in range(1, PEOPLE + 1) if number % 10}
    assert {f"L{number}" for number in signed_up} == expected
    assert counts == {"waiting": 0, "done": len(expected), "refused": 0, "unknown": 0}
    assert all(map(service.has, expected))
    assert all(service.has(f"P{number}") for number in range(ROWS))
    assert sum(service.core.counts(CAMPAIGN).values()) == len(expected) + ROWS  # each once, and none that rolled back
    said = [log.read_text("utf-8") for log in killer.logs]
    assert not any("Asha" in each for each in said)
    waited = sorted(float(line.split()[1]) for each in said for line in each.splitlines() if line.startswith("waited"))
    in_time = sum(each < 1.0 for each in waited) / len(waited)
    print(
        f"{engine.dialect.name}: {len(expected)} sign-ups committed, {PEOPLE - len(expected)} rolled back, {ROWS} rows "
        f"pushed, each once; {killer.kills} kills, {killing.requests} requests, {killing.lost} responses lost, "
        f"{killing.failed} times 503, {service.refused} times 429; {len(waited)} forms, {in_time:.1%} had their hit "
        f"within a second, the slowest after {waited[-1]:.2f} s; {time.monotonic() - began:.0f} s"
    )
    assert service.refused == 0
    assert in_time >= 0.99
