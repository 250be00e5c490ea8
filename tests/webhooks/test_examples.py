"""The examples as a user runs them: each framework under a real server, and Celery with a real broker."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import cast

import pytest
import redis

from squadiq.inbox import Inbox
from tests.webhooks.payloads import PERSONAL, delivery
from tests.webhooks.processes import ROOT, Running, running
from tests.webhooks.serving import send

pytestmark = pytest.mark.unmeasured

SECRET = {"X-Webhook-Secret": "example-secret"}
ENVIRONMENT = {"WEBHOOK_SECRET": "example-secret"}
UVICORN = ("uvicorn", "--port=0")
GUNICORN = ("gunicorn", "--bind=127.0.0.1:0", "--threads=2", "--no-control-socket")


def deliver(server: Running) -> None:
    """Deliver well and badly to an example."""
    port = server.port()
    responses = [
        send(port, delivery(lead_id="from-squadiq"), path="/hooks/squadiq", headers=SECRET),
        send(port, delivery(), path="/hooks/squadiq"),
        send(port, b"[]", path="/hooks/squadiq", headers=SECRET),
        send(port, path="/hooks/squadiq", headers=SECRET, method="GET"),
        send(port, path="/elsewhere", headers=SECRET),
    ]
    assert [response.status for response in responses] == [201, 403, 400, 405, 404]


def test_fastapi_receives_and_handles_in_one_process(tmp_path: Path) -> None:
    with running(*UVICORN, "webhook_fastapi:app", folder=tmp_path, **ENVIRONMENT) as server:
        deliver(server)
        server.printed("processed: from-squadiq")
    assert not [secret for secret in PERSONAL if secret in server.log.read_text("utf-8")]
    with Inbox(tmp_path / "squadiq-inbox.sqlite3") as inbox:
        assert inbox.counts() == {"waiting": 0, "handled": 1, "failed": 0}


@pytest.mark.parametrize("application", ["webhook_flask:app", "webhook_django:application"])
def test_flask_and_django_receive_and_the_command_handles_beside_them(application: str, tmp_path: Path) -> None:
    with running(*GUNICORN, application, folder=tmp_path, **ENVIRONMENT) as server:
        deliver(server)
        target = f"{application.partition(':')[0]}:inbox"
        with running("squadiq", "inbox", "run", target, folder=tmp_path, **ENVIRONMENT) as worker:
            worker.printed("processed: from-squadiq")
            assert worker.ends() == 0
    assert "handled 1 results" in worker.log.read_text("utf-8")


def test_celery_gets_each_result_and_its_broker_nothing_about_a_person(tmp_path: Path, broker_url: str) -> None:
    environment = {**ENVIRONMENT, "CELERY_BROKER_URL": broker_url}
    worker_command = ("celery", "--app=webhook_celery:celery", "worker", "--pool=solo")
    quick = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    with running(*UVICORN, "webhook_celery:app", folder=tmp_path, **environment) as server:
        deliver(server)
        with redis.Redis.from_url(broker_url) as broker:  # pyright: ignore[reportUnknownMemberType]
            queued = _until_queued(broker)
        with running(*worker_command, *quick, folder=tmp_path, **environment) as worker:
            worker.printed("processed: from-squadiq")
    carried = b"".join(base64.b64decode(json.loads(message)["body"]) for message in queued).decode()
    assert "from-squadiq" in carried
    seen = [carried, *queued, server.log.read_text("utf-8"), worker.log.read_text("utf-8")]
    assert not [secret for secret in PERSONAL for text in seen if secret in str(text)]


def _until_queued(broker: redis.Redis) -> list[bytes]:
    """Wait for the task in Celery's queue, and leave it there."""
    deadline = time.monotonic() + 20
    while not (queued := cast(list[bytes], broker.lrange("celery", 0, -1))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return queued


def test_the_five_minute_start_of_the_documentation_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    body = page.partition("-d '")[2].partition("'\n")[0].encode()
    (tmp_path / "leads.py").write_text(program, "utf-8")
    with running(*UVICORN, "leads:app", folder=tmp_path, WEBHOOK_SECRET="s3cret") as server:
        port = server.port()
        responses = [send(port, body, path="/hooks/squadiq", headers={"X-Webhook-Secret": "s3cret"}) for _ in range(2)]
        server.printed("processed: test_lead_id")
    assert [response.status for response in responses] == [201, 201]
    assert server.log.read_text("utf-8").count("processed:") == 1
