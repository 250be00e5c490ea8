"""`squadiq outbox`: running, listing what failed, replaying and discarding it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from tests.inbox.test_command import _signals  # noqa: F401  # pyright: ignore[reportPrivateUsage, reportUnusedImport]
from tests.outbox.conftest import CAMPAIGN, lead
from tests.servers import Reply, acting_server
from tests.webhooks.processes import running

MODULE = """
from squadiq.outbox import Outbox

outbox = Outbox("outbox.sqlite3", linger_seconds=0.001)
not_one = "an outbox"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_app.py").write_text(MODULE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_app", raising=False)
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", "test_token")
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")
    return tmp_path


def squadiq(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["outbox", *arguments])


@pytest.mark.usefixtures("_signals", "folder")
def test_entries_are_sent_refused_listed_replayed_and_discarded() -> None:
    with Outbox("outbox.sqlite3") as outbox:
        outbox.update_lead(CAMPAIGN, "9876501234", city="Pune")
        outbox.convert_lead(CAMPAIGN, "L2", detail="SIGNED")
    with acting_server(Reply(404, {"detail": "Not found."})) as server:
        ran = squadiq("run", "my_app:outbox", "--once", "--base-url", server.url)
    assert (ran.exit_code, "carried out 0 entries" in ran.output) == (0, True)
    listed = squadiq("failed", "my_app:outbox")
    first, second, count = listed.output.splitlines()
    assert first.split("\t") == [
        "1",
        CAMPAIGN,
        "…34",
        "updateLead",
        "refused",
        "not_found",
        "lead is not in this campaign",
    ]
    assert second.split("\t")[:5] == ["2", CAMPAIGN, "L2", "convertLead", "refused"]
    assert count == "2 failed"
    shown = squadiq("show", "my_app:outbox", CAMPAIGN, "L2")
    assert shown.output.splitlines() == [second, "1 entries"]
    [entry] = json.loads(squadiq("show", "outbox.sqlite3", CAMPAIGN, "L2", "--json").output)
    assert (entry["id"], entry["lead_id"], entry["state"], entry["code"]) == (2, "L2", "refused", "not_found")
    assert entry == json.loads(squadiq("failed", "outbox.sqlite3", "--json").output)[1]
    some = squadiq("replay", "outbox.sqlite3", "1", "77")
    assert (some.exit_code, "1 will be sent again" in some.output) == (1, True)
    assert "no entry 77 has failed" in some.output
    gone = squadiq("discard", "my_app:outbox", "2", "1")
    assert (gone.exit_code, "1 erased" in gone.output, "no entry 1 has failed" in gone.output) == (1, True, True)
    assert "0 will be sent again" in squadiq("replay", "my_app:outbox", "--all").output
    assert squadiq("discard", "my_app:outbox", "99").exit_code == 1
    for wrong in (["replay", "my_app:outbox"], ["run", "my_app"], ["run", "my_app:not_one"], ["run", "nowhere:outbox"]):
        assert squadiq(*wrong).exit_code == 2


def test_a_running_command_sends_and_ends_when_it_is_told_to(folder: Path, mock: RunningMock) -> None:
    environment = {"SQUADIQ_BASE_URL": mock.url, "SQUADIQ_ACCESS_TOKEN": "test_token", "SQUADIQ_QUOTA_URL": "memory"}
    with running("squadiq", "outbox", "run", "my_app:outbox", folder=folder, **environment) as worker:
        worker.printed("sending what is in Outbox")
        with Outbox("outbox.sqlite3") as outbox:
            outbox.create_leads(CAMPAIGN, [lead(1)])
            while outbox.counts()["done"] != 1:
                assert worker.process.poll() is None, worker.log.read_text("utf-8")
        assert worker.ends() == 0
    assert "carried out 1 entries" in worker.log.read_text("utf-8")
