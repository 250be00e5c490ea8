"""Programs that sign people up, and workers, are killed: every committed sign-up's lead is sent once."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url
from tests.outbox.conftest import CAMPAIGN
from tests.outbox.test_sending import Service
from tests.servers import Action, Reply, Reset, Seen, acting_server
from tests.webhooks.processes import Running, running

pytestmark = pytest.mark.unmeasured

PROGRAM = """
import os, sys
from sqlalchemy import create_engine, text
from squadiq.outbox import Outbox
from squadiq.outbox.tables import OUTBOX
from squadiq.queue.database import database_url

DATABASE = os.environ["DATABASE"]
outbox = Outbox(DATABASE, lease_seconds=2.0, linger_seconds=0.01)

def stored(connection): ...

def committed(): ...

# more

def sign_up(most):
    engine = create_engine(database_url(DATABASE, OUTBOX))
    outbox.open()
    with engine.connect() as connection:
        number = 1 + connection.execute(text("SELECT coalesce(max(id), 0) FROM signups")).scalar()
    print("signing up", flush=True)
    while number <= most:
        rolls_back = number % 10 == 0
        with engine.connect() as connection:
            connection.execute(text("INSERT INTO signups (id) VALUES (:id)"), {"id": number})
            person = {"lead_id": f"{'R' if rolls_back else 'L'}{number}", "contact_name": "Asha"}
            outbox.create_leads("c1", [{**person, "phone_number": f"98{number:08}"}], connection=connection)
            stored(connection)
            if rolls_back:
                connection.rollback()
                connection.execute(text("INSERT INTO signups (id) VALUES (:id)"), {"id": number})
            connection.commit()
        committed()
        number += 1
    print("all signed up", flush=True)

if __name__ == "__main__":
    sign_up(int(sys.argv[1]))
"""


def misbehaving(seed: int, share: float) -> Service:
    """A service that loses responses, resets connections and answers 5xx."""
    rng = random.Random(seed)

    def disturb(seen: Seen, number: int) -> Action | None:
        service.lose = {number} if rng.random() < share else set()
        chance = rng.random()
        return Reset() if chance < share else Reply(503, {}) if chance < 2 * share else None

    service = Service(disturb)
    return service


WORKER = ("squadiq", "outbox", "run", "program:outbox")


def storm(
    database: str,
    folder: Path,
    *,
    people: int,
    kills: int,
    every_seconds: float,
    more: str = "",
    worker: tuple[str, ...] = WORKER,
    ready: str = "sending what is in",
) -> str:
    """Sign people up while everything is killed; return what happened, in a line.

    Args:
        more: of the program, before people sign up.
        worker: the command that sends.
        ready: what it prints when it has begun.
    """
    began = time.monotonic()
    (folder / "program.py").write_text(PROGRAM.replace("# more", more), "utf-8")
    engine = create_engine(database_url(database, OUTBOX))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE signups (id INTEGER PRIMARY KEY)"))
    service = misbehaving(people, 0.05)
    rng = random.Random(kills)
    with Outbox(database) as outbox, acting_server(service) as server, ExitStack() as stack:
        outbox.open()
        environment = {
            "DATABASE": database,
            "SQUADIQ_ACCESS_TOKEN": "test_token",
            "SQUADIQ_BASE_URL": server.url,
            "SQUADIQ_QUOTA_URL": "memory",
        }
        commands = [("program", str(people)), worker, worker]

        def start(command: tuple[str, ...]) -> Running:
            return stack.enter_context(running(*command, folder=folder, **environment))

        at_work = [start(command) for command in commands]
        for _ in range(kills):
            time.sleep(every_seconds)
            place = rng.randrange(3)
            at_work[place].process.send_signal(signal.SIGKILL)
            at_work[place].process.wait(30)
            at_work[place] = start(commands[place])
        at_work[0].printed("all signed up", within_seconds=600)
        while outbox.counts()["waiting"]:
            pass
        counts = outbox.counts()
        for one in at_work[1:]:
            one.printed(ready)
            one.ends()
    with engine.connect() as connection:
        signed_up = set(connection.execute(text("SELECT id FROM signups")).scalars())
    engine.dispose()
    assert signed_up == set(range(1, people + 1))
    expected = {f"L{number}" for number in signed_up if number % 10}
    assert service.leads == Counter(dict.fromkeys(expected, 1))
    assert counts == {"waiting": 0, "done": len(expected), "refused": 0, "unknown": 0}
    assert not any("Asha" in one.log.read_text("utf-8") for one in at_work)
    return (
        f"{engine.dialect.name}: {len(expected)} sign-ups committed, {people - len(expected)} rolled back, "
        f"{kills} kills, {len(service.requests)} requests, each lead once; {time.monotonic() - began:.0f} s"
    )


def test_every_committed_sign_up_is_sent_once_whoever_is_killed(database: str, tmp_path: Path) -> None:
    print(storm(database, tmp_path, people=200, kills=4, every_seconds=0.7))


@pytest.mark.soak
def test_ten_thousand_sign_ups_survive_kills(database: str, tmp_path: Path) -> None:
    print(storm(database, tmp_path, people=10_000, kills=40, every_seconds=2.0))


def test_the_campaign_of_these_tests_is_the_programs() -> None:
    assert f'create_leads("{CAMPAIGN}"' in PROGRAM
