"""What hands results over, and the engines' workers, are killed: every result is handled, and no job names anybody."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import procrastinate
import pytest

from squadiq.inbox import Inbox
from squadiq.webhooks import parse
from tests.webhooks.payloads import PERSONAL, delivery
from tests.webhooks.processes import Running, running

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

PROGRAM = """
import os, time
from squadiq.inbox import Inbox

inbox = Inbox(os.environ["DATABASE"], lease_seconds=1.0, max_attempts=50)
log = os.open("handled.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)

def take(lead):
    os.write(log, f"{lead.lead_id}\\n".encode())
    time.sleep(0.02)  # so that some are killed before it is noted that they are done
"""

WITH_PROCRASTINATE = """
import procrastinate
from squadiq.integrations import procrastinate as integration

integration.EACH_MINUTE = "* * * * * *"  # each second: a test has no minutes
integration.STALLED_SECONDS = 2.0
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE"]))
integration.handle_with(app, inbox, take)
"""

WITH_CELERY = """
import celery
from squadiq.integrations.celery import handle_with

app = celery.Celery("program", broker=os.environ["CELERY_BROKER_URL"])
app.conf.broker_transport_options = {"visibility_timeout": 2, "polling_interval": 0.1, "unacked_mutex_expire": 3}
handle_with(app, inbox, take)
"""


RESULTS, KILLS = 60, 4


def storm(database: str, folder: Path, program: str, worker: tuple[str, ...], ready: str, **environment: str) -> str:
    """Receive results while everything else is killed; return what happened, in a line.

    Args:
        worker: the command that handles.
        ready: what it prints when it has begun.
    """
    began = time.monotonic()
    (folder / "program.py").write_text(PROGRAM + program, "utf-8")
    rng = random.Random(7)
    commands = [("squadiq", "inbox", "run", "program:inbox"), worker, worker]
    with Inbox(database) as inbox, ExitStack() as stack:
        logs: list[Path] = []

        def start(command: tuple[str, ...]) -> Running:
            started = stack.enter_context(running(*command, folder=folder, DATABASE=database, **environment))
            logs.append(started.log)
            return started

        at_work = [start(command) for command in commands]
        for one in at_work[1:]:
            one.printed(ready)
        for number in range(RESULTS):
            inbox.receive(parse(delivery(lead_id=f"L{number}"), {}))
        expected = {f"L{number}" for number in range(RESULTS)}
        kills = 0
        while not expected <= (handled := Counter((folder / "handled.log").read_text("ascii").split())).keys():
            assert time.monotonic() < began + 500, (expected - handled.keys(), [log.read_text("utf-8") for log in logs])
            if kills < KILLS and len(handled) > kills * RESULTS / KILLS:  # while it is at work
                place = [1, 2, 0, rng.randrange(3)][kills]
                at_work[place].process.kill()
                at_work[place].process.wait()
                at_work[place] = start(commands[place])
                kills += 1
        counts = inbox.counts()
    assert handled.keys() == expected
    assert counts == {"waiting": 0, "handled": RESULTS, "failed": 0}
    said = "".join(log.read_text("utf-8") for log in logs)
    assert not [secret for secret in PERSONAL if secret in said]
    again = handled.total() - RESULTS
    return f"{RESULTS} results, {kills} kills, {again} handled again; {time.monotonic() - began:.0f} s"


def test_procrastinate_handles_every_result_whoever_is_killed(database: str, tmp_path: Path) -> None:
    async def prepare() -> None:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(prepare())
    worker = ("procrastinate", "--app=program.app", "--verbose", "worker", "--fetch-job-polling-interval=0.2")
    print(storm(database, tmp_path, WITH_PROCRASTINATE, worker, "Starting"))


def test_celery_handles_every_result_whoever_is_killed(broker_url: str, database: str, tmp_path: Path) -> None:
    quick = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    worker = ("celery", "--app=program:app", "worker", "--pool=solo", "--loglevel=INFO", *quick)
    print(storm(database, tmp_path, WITH_CELERY, worker, "ready", CELERY_BROKER_URL=broker_url))
