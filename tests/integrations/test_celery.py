"""Outbox and inbox on Celery: at least once, and what a broker loses is found again, on a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery  # type: ignore[import-untyped]
import pytest

from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.integrations.celery import handle_with, send_with
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from squadiq.webhooks import DeliveredLead, parse
from tests.outbox.conftest import CAMPAIGN, lead
from tests.outbox.test_crashes import storm
from tests.webhooks.payloads import PERSONAL, delivery


@pytest.fixture
def app() -> Iterator[Any]:
    made: Any = celery.Celery("test", broker="memory://")
    made.conf.task_always_eager = True
    made.conf.task_store_eager_result = False
    yield made
    made.close()


def test_a_task_sends_what_is_stored_and_beat_does_so_every_minute(app: Any, tmp_path: Path, mock: RunningMock) -> None:
    app.conf.beat_schedule = {"mine": {"task": "mine", "schedule": 5.0}}
    with Outbox(tmp_path / "app.sqlite3") as outbox:
        sending = send_with(app, outbox, lambda: SquadIQ("test_token", base_url=mock.url, quota="memory"))
        outbox.create_leads(CAMPAIGN, [lead(1)])
        sending.delay()
        assert outbox.counts()["done"] == 1
    assert app.conf.beat_schedule == {
        "mine": {"task": "mine", "schedule": 5.0},
        "squadiq.send_outbox": {"task": "squadiq.send_outbox", "schedule": 60.0},
    }


def test_results_are_handled_by_tasks_that_name_nobody(app: Any, tmp_path: Path) -> None:
    seen: list[str] = []
    sent: list[str] = []

    def take(lead: DeliveredLead) -> None:
        seen.append(str(lead.lead_id))

    with Inbox(tmp_path / "app.sqlite3") as inbox:
        handle_with(app, inbox, take)
        [task] = [task for name, task in app.tasks.items() if name.startswith("squadiq.handle")]
        run = task.run

        def note(*arguments: object) -> Any:
            sent.append(repr(arguments))
            return run(*arguments)

        task.run = note
        inbox.receive(parse(delivery(lead_id="L1"), {}))
        inbox.receive(parse(delivery(lead_id="L1", processed_at="2026-11-25T10:00:00Z"), {}))
        assert inbox.run(once=True) == 2
        task.delay("campaign-1", "L9", "2026-11-25T10:00:00+00:00")  # it was erased meanwhile
    assert seen == ["L1", "L1"]
    assert len(sent) == 3
    assert not [secret for secret in PERSONAL if secret in str(sent)]


TASKS = """
import celery
from squadiq import SquadIQ
from squadiq.integrations import celery as integration

integration.EACH_MINUTE_SECONDS = 1.0  # a test has no minutes
app = celery.Celery("program", broker=os.environ["CELERY_BROKER_URL"])
sending = integration.send_with(app, outbox, SquadIQ)

def committed():
    sending.delay()
"""


@pytest.mark.unmeasured
def test_every_committed_sign_up_is_sent_once_whoever_is_killed(
    broker_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)
    quick = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    worker = ("celery", "--app=program:app", "worker", "--pool=solo", "--beat", "--loglevel=INFO", *quick)
    print(storm(database, tmp_path, people=120, kills=3, every_seconds=1.5, more=TASKS, worker=worker, ready="ready"))
