"""dlt loads outcomes into DuckDB: each once, however often a run is killed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from squadiq import ConfigurationError, SquadIQ
from tests.outcomes.conftest import FIRST_SECOND, Listing, outcome
from tests.outcomes.test_command import killed_until_done
from tests.push.conftest import CLIENT
from tests.servers import acting_server


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """dlt tells nobody of its runs, and writes nowhere else."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


LOAD = """
import sys
import datetime
import dlt
from squadiq import SquadIQ
from squadiq.integrations.dlt import outcomes

url, folder = sys.argv[1:]
destination = dlt.destinations.duckdb(f"{folder}/warehouse.duckdb")
pipeline = dlt.pipeline("calls", destination=destination, dataset_name="calls")
since = datetime.datetime.fromtimestamp(1_760_000_000, datetime.UTC)
with SquadIQ("test_token", base_url=url, quota="memory", quota_window_seconds=0.001, max_attempts=1) as client:
    pipeline.run([outcomes(client.campaign(name), since=since) for name in ("c1", "c2")])
"""


def rows_in(folder: Path) -> list[Any]:
    columns = "campaign_id, lead_id, processed_at, lead_outcome, lead_responses"
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(f"SELECT {columns} FROM calls.outcomes ORDER BY ALL").fetchall()


@pytest.mark.unmeasured
def test_killed_runs_load_each_outcome_once(tmp_path: Path) -> None:
    listing = Listing(*map(outcome, range(30)))
    listing.largest_page = 10
    with acting_server(listing) as server:
        assert killed_until_done(listing, ["-c", LOAD], server.url, str(tmp_path), every=4, most_kills=1) == 1
    rows = rows_in(tmp_path)
    assert [row[:2] for row in rows] == sorted((name, f"L{each}") for name in ("c1", "c2") for each in range(30))
    assert rows[0][2].astimezone(UTC) == datetime.fromtimestamp(FIRST_SECOND, UTC)
    assert rows[0][4] == '{"interested":"Yes"}'


def test_a_run_reads_what_is_new_since_the_last_one(tmp_path: Path) -> None:
    import dlt

    from squadiq.integrations.dlt import outcomes

    listing = Listing(*map(outcome, range(200)))
    destination = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    pipeline = dlt.pipeline("calls", destination=destination, dataset_name="calls")
    read: list[int] = []
    with acting_server(listing) as server, SquadIQ("test_token", base_url=server.url, **CLIENT) as client:
        resource = outcomes(client.campaign("c1"))
        for number in range(2):
            pipeline.run(outcomes(client.campaign("c1")))
            trace: Any = pipeline.last_trace
            read.append(trace.last_normalize_info.row_counts["outcomes"])
            listing.leads[199]["lead_outcome"] = f"Not Connected {number}"
        assert resource.name == "outcomes_c1"
        with pytest.raises(ConfigurationError, match="offset"):
            outcomes(client.campaign("c1"), since=datetime(2026, 1, 1))
    assert read == [200, 61]
    rows = rows_in(tmp_path)
    assert len(rows) == 200
    assert {row[3] for row in rows if row[1] == "L199"} == {"Not Connected 0"}


def test_a_missing_dlt_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from squadiq import MissingExtraError

    monkeypatch.setitem(sys.modules, "dlt", None)
    monkeypatch.delitem(sys.modules, "squadiq.integrations.dlt", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'squadiq\[dlt\]'"):
        import squadiq.integrations.dlt  # noqa: F401  # pyright: ignore[reportUnusedImport]
