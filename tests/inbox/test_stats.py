"""How inbox and outbox stand, as commands and for Prometheus; dead letters replayed by time and handler."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner, Result

from squadiq import ConfigurationError, InvalidInputError, SquadIQ
from squadiq.cli import app
from squadiq.config import BASE_URL
from squadiq.inbox import Inbox
from squadiq.integrations.prometheus import SquadIQCollector
from squadiq.outbox import Outbox
from squadiq.queue.figures import QueueFigures
from squadiq.quota import open_store, quota_name
from squadiq.webhooks import parse
from tests.inbox.conftest import Clock, OpenInbox
from tests.servers import Reply, acting_server, scripted
from tests.webhooks.payloads import delivery

PERSONAL = ("98765", "43210", "Asha", "Rao")


def receive(inbox: Inbox, *lead_ids: str) -> None:
    for lead_id in lead_ids:
        inbox.receive(parse(delivery(lead_id=lead_id), {}))


def good(_lead: Any) -> None: ...


def bad(_lead: Any) -> None:
    raise ValueError


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="squadiq")


def test_an_inbox_tells_what_waits_and_for_how_long(open_inbox: OpenInbox, clock: Clock) -> None:
    inbox = open_inbox(max_attempts=1)
    assert inbox.stats() == QueueFigures(0, 0.0, 0, 0)
    receive(inbox, "a")
    inbox.on_processed(bad)
    inbox.run(once=True)
    receive(inbox, "b", "c")
    clock.time += 90
    receive(inbox, "d")
    store = inbox._open()  # pyright: ignore[reportPrivateUsage]
    assert len(store.claim(1, lease_seconds=60, max_attempts=1)) == 1
    assert inbox.stats() == QueueFigures(waiting=2, oldest_waiting_seconds=90.0, in_hand=1, failed=1)


def test_dead_letters_are_replayed_by_time_and_by_handler(open_inbox: OpenInbox, clock: Clock) -> None:
    inbox = open_inbox(max_attempts=1)
    inbox.on_processed(bad)
    start = clock.time
    for lead_id in ("a", "b", "c"):
        receive(inbox, lead_id)
        inbox.run(once=True)
        clock.time += 100
    inbox = open_inbox(max_attempts=1)
    inbox.on_processed(good)
    inbox.on_processed(bad)
    at = [datetime.fromtimestamp(start + seconds, UTC) for seconds in (0, 100, 200, 300)]
    assert inbox.replay(since=at[1], until=at[1]) == 1
    with pytest.raises(InvalidInputError, match="since is later than until"):
        inbox.replay(since=at[2], until=at[1])
    assert inbox.replay(until=at[0]) == 1
    assert inbox.counts()["waiting"] == 2
    inbox.run(once=True)  # a and b: good has handled them now
    names = {function.__name__: f"{function.__module__}.{function.__qualname__}" for function in (good, bad)}
    assert inbox.replay(handler=names["good"]) == 1  # c was never given to it
    assert inbox.replay(handler=names["bad"], since=at[3]) == 0
    assert inbox.replay(handler=names["bad"]) == 2
    wrong: list[dict[str, Any]] = [{"ids": [1], "since": at[0]}, {"handler": "nobody"}]
    for options in wrong:
        with pytest.raises(ConfigurationError):
            inbox.replay(**options)
    with pytest.raises(InvalidInputError):
        inbox.replay(since=at[0].replace(tzinfo=None))


def test_the_commands_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Inbox(tmp_path / "inbox.sqlite3") as inbox, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        receive(inbox, "a")
        lead = {"lead_id": "a", "phone_number": "9876543210", "contact_name": "Asha Rao"}
        outbox.create_leads("c1", [lead, {**lead, "lead_id": "b", "phone_number": "9876543211"}])
        assert outbox.stats().waiting == 2
    done = run("inbox", "stats", tmp_path / "inbox.sqlite3")
    assert re.fullmatch(r" +1  waiting\n +\d+  oldest waiting seconds\n +0  in hand\n +0  failed\n", done.stdout), (
        done.output
    )
    done = run("outbox", "stats", tmp_path / "outbox.sqlite3", "--json")
    told = json.loads(done.stdout)
    assert (told["waiting"], told["in_hand"], told["failed"]) == (2, 0, 0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    own = "from squadiq.inbox import Inbox\ninbox = Inbox('inbox.sqlite3')\n@inbox.on_processed\ndef store(lead): ...\n"
    (tmp_path / "own_stats.py").write_text(own, "utf-8")
    done = run("inbox", "replay", "own_stats:inbox", "--since", "2026-01-01", "--handler", "own_stats.store")
    assert (done.exit_code, done.stderr) == (0, "0 will be handled anew\n")
    done = run("inbox", "replay", "own_stats:inbox", "--since", "2026-11-25T08:00", "--until", "2026-11-25T10:00")
    assert (done.exit_code, done.stderr) == (0, "0 will be handled anew\n")
    assert run("inbox", "replay", "own_stats:inbox", "--since", "2026-11-26", "--until", "2026-11-25").exit_code == 2
    done = run("inbox", "replay", "own_stats:inbox", "1", "--until", "2026-01-01")
    assert done.exit_code == 2
    assert json.loads(run("inbox", "stats", "own_stats:inbox", "--json").stdout)["waiting"] == 1
    assert run("outbox", "stats", tmp_path / "none.sqlite3").exit_code == 2


def scraped(collector: SquadIQCollector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def test_a_collector_has_figures_of_queues_and_quota_and_counts_429s(tmp_path: Path) -> None:
    with (
        Inbox(tmp_path / "inbox.sqlite3") as inbox,
        Outbox(tmp_path / "outbox.sqlite3") as outbox,
        acting_server(scripted(Reply(429, {}, {"Retry-After": "0"}), Reply(200, {}))) as server,
    ):
        receive(inbox, "9876543210")
        options: dict[str, Any] = {"base_url": server.url, "quota": "memory", "quota_window_seconds": 0.001}
        counting = SquadIQCollector()
        with SquadIQ("s3cret", campaign_id="c1", after_attempt=counting.after_attempt, **options) as client:
            client.campaign().delete_lead("9876543210")
            said = scraped(SquadIQCollector(inbox=inbox, outbox=outbox, quota=client.quota))
    for line in (
        "squadiq_inbox_waiting 1.0",
        "squadiq_inbox_failed 0.0",
        "squadiq_outbox_oldest_waiting_seconds 0.0",
        "squadiq_quota_hits_limit 100.0",
        "squadiq_quota_refused_hits_total 1.0",
        'squadiq_up{place="inbox"} 1.0',
        'squadiq_up{place="quota"} 1.0',
    ):
        assert f"{line}\n" in said
    assert not [word for word in (*PERSONAL, "s3cret") if word in said]
    counted = scraped(counting)
    assert 'squadiq_responses_total{operation="deleteLead",status="429"} 1.0' in counted
    assert 'squadiq_responses_total{operation="deleteLead",status="200"} 1.0' in counted


def test_what_cannot_be_looked_at_is_down_and_the_rest_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite3").write_bytes(b"no database" * 1000)
    with Inbox(tmp_path / "broken.sqlite3") as broken, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        said = scraped(SquadIQCollector(inbox=broken, outbox=outbox))
    assert 'squadiq_up{place="inbox"} 0.0' in said
    assert "squadiq_outbox_waiting 0.0" in said


@contextmanager
def serving(*words: str) -> Generator[str]:
    command = [sys.executable, "-m", "squadiq", "metrics", *words, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    yield line
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    process.stderr.close()


def test_the_endpoint_serves_them_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, outbox = str(tmp_path / "inbox.sqlite3"), str(tmp_path / "outbox.sqlite3")
    with Inbox(inbox) as made, Outbox(outbox) as also:
        receive(made, "a")
        also.counts()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SQUADIQ_ACCESS_TOKEN", raising=False)
    assert run("metrics").exit_code == 2
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", "test_token")
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", f"sqlite:////{tmp_path}/quota.sqlite3")
    with closing(open_store(name=quota_name(BASE_URL, "test_token"))) as of_another:
        of_another.throttled(of_another.reserve(5.0), 0.0)
    with serving("--inbox", inbox, "--outbox", outbox) as line:
        found = re.fullmatch(r"inbox, outbox, quota at (http://127\.0\.0\.1:\d+/metrics)\n", line)
        assert found, line
        with urllib.request.urlopen(found[1]) as response:
            said = response.read().decode()
    assert "squadiq_inbox_waiting 1.0" in said
    assert "squadiq_quota_hits_used 1.0" in said  # that of another program: none was spent here
    assert "squadiq_quota_refused_hits_total 1.0" in said
