"""Hostile requests get no 5xx and cost no memory, and a good delivery right after them is taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from squadiq.inbox import Inbox
from tests.webhooks.hostile import attack, attacks
from tests.webhooks.payloads import delivery
from tests.webhooks.processes import running
from tests.webhooks.serving import KINDS, send

pytestmark = pytest.mark.unmeasured

SECRET = {"X-Webhook-Secret": "right"}
REASONABLE = {None, 100, 201, 400, 401, 403, 404, 405, 408, 411, 413, 414, 417, 421, 431, 501, 505}
"""No response at all, ours, and what servers themselves say of what is not HTTP (501 and 505 of RFC 9110)."""

LET_GROW_KIB = 64 * 1024


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_requests_get_no_server_error_and_a_good_one_after_them_is_taken(kind: str, tmp_path: Path) -> None:
    with _process(kind, tmp_path) as (port, _):
        statuses = Counter(attack(port, chunks, 0.01) for chunks in attacks(300, seed=1))
        assert send(port, delivery(lead_id="good"), headers=SECRET).status == 201
    assert set(statuses) <= REASONABLE
    assert {201, 400, 405, 413} <= set(statuses)
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        assert inbox.latest("campaign-1", "good") is not None


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_thousand_hostile_requests_leave_memory_as_it_was(kind: str, tmp_path: Path) -> None:
    with _process(kind, tmp_path) as (port, pid):
        with ThreadPoolExecutor(8) as senders:

            def storm(count: int, seed: int) -> Counter[int | None]:
                return Counter(senders.map(partial(attack, port, pause_seconds=0.05), attacks(count, seed)))

            storm(2_000, seed=2)  # what a server keeps for good, it has by then
            before = _resident_kib(pid)
            statuses = storm(20_000, seed=3)
        after = _resident_kib(pid)
        assert send(port, delivery(lead_id="good"), headers=SECRET).status == 201
    print(f"{kind}: {dict(statuses)}, resident {before} KiB before, {after} KiB after")
    assert set(statuses) <= REASONABLE
    assert after < before + LET_GROW_KIB
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        assert inbox.latest("campaign-1", "good") is not None


APPLICATION = """
from squadiq.inbox import Inbox
from squadiq.webhooks import AsgiWebhook, Callers, HeaderSecret, WsgiWebhook

inbox = Inbox("inbox.sqlite3")
callers = Callers(secrets=[HeaderSecret("X-Webhook-Secret", "right")])
asgi, wsgi = AsgiWebhook(inbox, callers), WsgiWebhook(inbox, callers)
"""


@contextmanager
def _process(kind: str, folder: Path) -> Generator[tuple[int, int]]:
    """Run the webhook under uvicorn or gunicorn in a process of its own; give its port and the serving process."""
    (folder / "hostile_app.py").write_text(APPLICATION, "utf-8")
    command = {
        "asgi": ["uvicorn", "hostile_app:asgi", "--port=0", "--no-access-log"],
        "wsgi": ["gunicorn", "hostile_app:wsgi", "--bind=127.0.0.1:0", "--worker-class=gthread", "--threads=8"],
    }[kind]
    with running(*command, folder=folder) as server:
        port = server.port()
        yield port, server.process.pid if kind == "asgi" else int(server.printed(r"worker with pid: (\d+)")[1])


def _resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1])
