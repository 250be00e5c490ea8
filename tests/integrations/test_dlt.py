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


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integrations.md").read_text("utf-8")


def rows_in(folder: Path) -> list[Any]:
    columns = "campaign_id, lead_id, processed_at, lead_outcome, lead_responses"
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(f"SELECT {columns} FROM squadiq.outcomes ORDER BY ALL").fetchall()


@pytest.mark.unmeasured
def test_the_program_of_the_page_loads_each_outcome_once_though_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = PAGE.partition("```python\n")[2].partition("```")[0]
    listing = Listing(*map(outcome, range(30)))
    listing.largest_page = 10
    with acting_server(listing) as server:
        for name, value in {"ACCESS_TOKEN": "test_token", "BASE_URL": server.url, "QUOTA_URL": "memory"}.items():
            monkeypatch.setenv(f"SQUADIQ_{name}", value)
        assert killed_until_done(listing, ["-c", program], server.url, every=2, most_kills=1) == 1
    rows = rows_in(tmp_path)
    assert sorted(row[:2] for row in rows) == sorted(("campaign-1", f"L{number}") for number in range(30))
    assert rows[0][2].astimezone(UTC) == datetime.fromtimestamp(FIRST_SECOND, UTC)
    assert rows[0][4] == '{"interested":"Yes"}'


def test_a_run_reads_what_is_new_since_the_last_one(tmp_path: Path) -> None:
    import dlt

    from squadiq.integrations.dlt import outcomes

    listing = Listing(*map(outcome, range(200)))
    destination = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    pipeline = dlt.pipeline("calls", destination=destination, dataset_name="squadiq")
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
