"""drt finds its destination by the entry point, and makes each row a lead once, however often a run is killed."""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from drt.config.models import FileDestinationConfig, SyncOptions  # pyright: ignore[reportMissingTypeStubs]
from drt.connectors.registry import destination_config_class  # pyright: ignore[reportMissingTypeStubs]

from squadiq import ConfigurationError, SquadIQError
from squadiq.integrations.drt import SquadIQDestination, SquadIQDestinationConfig
from squadiq.mock.server import RunningMock
from tests.push.conftest import lead, mock, own_environment  # noqa: F401  # pyright: ignore[reportUnusedImport] - fixtures
from tests.push.killing import Killing, pushed_until_done
from tests.push.test_engine import Service
from tests.servers import Reply, acting_server, scripted

DRT = "import sys; from drt.cli.main import app; sys.argv = ['drt', *sys.argv[1:]]; app()"
SYNC = """
name: leads
model: SELECT lead_id, phone_number, contact_name FROM leads ORDER BY lead_id
destination:
  type: squadiq
  campaign_id: c1
  quota: memory
  ledger: ledger.sqlite3
sync:
  mode: full
  batch_size: 100
  on_error: fail
"""
ROWS = 300


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project of drt whose source is a table in SQLite; drt tells nobody of its runs."""
    for name, value in {"HOME": str(tmp_path), "DO_NOT_TRACK": "1", "SQUADIQ_ACCESS_TOKEN": "test_token"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".drt").mkdir()
    profile = f"default:\n  type: sqlite\n  database: {tmp_path}/warehouse.sqlite3\n"
    (tmp_path / ".drt" / "profiles.yml").write_text(profile, "utf-8")
    (tmp_path / "drt_project.yml").write_text("name: leads\nprofile: default\n", "utf-8")
    (tmp_path / "syncs").mkdir()
    (tmp_path / "syncs" / "leads.yml").write_text(SYNC, "utf-8")
    rows = [(each["lead_id"], each["phone_number"], each["contact_name"]) for each in map(lead, range(ROWS))]
    with closing(sqlite3.connect(tmp_path / "warehouse.sqlite3")) as made, made:
        made.execute("CREATE TABLE leads (lead_id, phone_number, contact_name)")
        made.executemany("INSERT INTO leads VALUES (?, ?, ?)", rows)
    return tmp_path


@pytest.mark.unmeasured
def test_killed_runs_create_each_lead_once(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    killing = Killing(service, kills=1, kill_share=1.0, trouble_share=0.0)
    with acting_server(killing) as server:
        monkeypatch.setenv("SQUADIQ_BASE_URL", server.url)
        rounds = pushed_until_done(killing, [sys.executable, "-c", DRT, "run"], pushes=1, done=0, begun={1})
    assert rounds == 2
    assert service.leads == Counter(f"L{number}" for number in range(ROWS))


def load(records: Sequence[dict[str, Any]], *, url: str, on_error: str = "skip", **options: Any) -> Any:
    config = SquadIQDestinationConfig(campaign_id="c1", base_url=url, quota="memory", **options)
    assert "c1" in config.describe()
    return SquadIQDestination().load(list(records), config, SyncOptions.model_validate({"on_error": on_error}))


def test_a_row_that_does_not_become_a_lead_is_an_error_of_that_row(mock: RunningMock) -> None:  # noqa: F811
    rows = [lead(1), {**lead(2), "phone_number": "12"}, lead(3)]
    done = load(rows, url=mock.url, ledger="ledger.sqlite3")
    assert (done.success, done.failed) == (2, 1)
    [wrong] = done.row_errors
    assert wrong.batch_index == 1
    assert wrong.error_message.startswith("phone_number_invalid: ")
    assert done.errors == ["1 rows: phone_number_invalid"]
    assert "98000" not in repr(done)
    assert (load(rows[:1], url=mock.url, ledger="ledger.sqlite3").success, load([], url=mock.url).total) == (1, 0)
    with pytest.raises(SquadIQError, match="1 of 3 rows"):
        load(rows, url=mock.url, ledger="ledger.sqlite3", on_error="fail")


def test_what_nobody_knows_of_is_no_success() -> None:
    from squadiq.integrations.drt import _reasons, _row_errors  # pyright: ignore[reportPrivateUsage]
    from squadiq.push.report import PushCounts
    from squadiq.push.rows import Row

    counts = PushCounts(unknown=1, elsewhere=2)
    assert [number for _, number in _reasons(counts)] == [1, 2]

    class Done:
        rejected = ()
        unknown = (Row(3, {"contact_name": "Asha"}),)

    [wrong] = _row_errors(Done())
    assert (wrong.batch_index, wrong.record_preview) == (2, "")


def test_squadiq_that_cannot_be_asked_ends_the_sync() -> None:
    with acting_server(scripted(Reply(401, {"detail": "no"}))) as server, pytest.raises(SquadIQError):
        load([lead(1)], url=server.url)


def test_drt_finds_it_by_the_entry_point() -> None:
    assert destination_config_class("squadiq") is SquadIQDestinationConfig
    assert SquadIQDestinationConfig().describe() == "squadiq (the campaign of SQUADIQ_CAMPAIGN_ID)"
    config = FileDestinationConfig(type="file", path="x", format="csv")
    with pytest.raises(ConfigurationError, match="no file"):
        SquadIQDestination().load([], config, SyncOptions())
