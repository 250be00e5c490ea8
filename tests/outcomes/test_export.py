"""Outcomes in files, read back by what people use."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from squadiq import BadRequestError, ConfigurationError, InvalidInputError, SquadIQ
from squadiq.inbox import Inbox
from squadiq.outcomes import CampaignSource, InboxSource, OutcomesError, export_outcomes
from squadiq.outcomes.cells import csv_cell, excel_cell, is_formula
from squadiq.outcomes.formats import ExcelFormat
from squadiq.outcomes.rows import COLUMNS
from squadiq.outcomes.spool import Spool
from tests.outcomes.conftest import FIRST_SECOND, Listing, outcome, source_of
from tests.servers import Reply

pd: Any = import_module("pandas")
pq: Any = import_module("pyarrow.parquet")

KOLKATA = ZoneInfo("Asia/Kolkata")
ODD: list[dict[str, Any]] = [
    outcome(
        0, contact_name='=HYPERLINK("http://x","y")', city="Pune", lead_responses={"age": 41, "why": ["a", {"b": 1}]}
    ),
    outcome(1, created_at="2025-10-09T12:00:00", lead_responses={"age": -5, "big": 12345678901234567, "ok": True}),
    outcome(2, contact_name="#N/A\x07", lead_responses="said nothing", latest_called_at="one day"),
    outcome(3, lead_responses=None, created_at="1890-01-01T00:00:00Z"),
]
HEADINGS = [*COLUMNS, "field.city", "response.", "response.age", "response.big", "response.ok", "response.why"]


def moment(number: int) -> datetime:
    return datetime.fromtimestamp(FIRST_SECOND + 60 * number, UTC)


@pytest.fixture
def listing() -> Listing:
    return Listing(*ODD)


def test_a_csv_has_its_columns_in_order_its_times_in_india_and_no_formula(
    source: CampaignSource, tmp_path: Path
) -> None:
    path = tmp_path / "outcomes.csv"
    done = export_outcomes(source, path)
    assert (done.outcomes, done.unreadable, done.hits, done.resumed) == (4, 0, 1, 0)
    assert list(done.columns) == HEADINGS
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["lead_id"] for row in rows] == ["L0", "L1", "L2", "L3"]
    assert rows[0]["contact_name"] == '\'=HYPERLINK("http://x","y")'
    assert rows[0]["phone_number"] == "+919800000000"
    assert rows[0]["processed_at"] == moment(0).astimezone(KOLKATA).isoformat(sep=" ")
    assert rows[0]["response.why"] == '["a", {"b": 1}]'
    assert rows[1]["created_at"] == "2025-10-09 17:30:00+05:30"
    assert (rows[1]["response.age"], rows[1]["response.ok"]) == ("-5", "true")
    assert (rows[2]["response."], rows[2]["latest_called_at"]) == ("said nothing", "one day")
    frame = pd.read_csv(path, parse_dates=["processed_at"])
    assert list(frame.columns) == HEADINGS
    assert frame["processed_at"][1] == moment(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["outcomes.csv"]


def test_a_workbook_has_dates_numbers_and_texts_that_are_no_formulas(source: CampaignSource, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.xlsx"
    export_outcomes(source, path, zone="UTC")
    sheet: Any = openpyxl.load_workbook(path)["outcomes"]
    rows = [dict(zip(HEADINGS, row, strict=True)) for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in sheet[1]] == HEADINGS
    first, second, third, fourth = rows
    assert (first["contact_name"].value, first["contact_name"].data_type) == (ODD[0]["contact_name"], "s")
    assert first["contact_name"].quotePrefix
    assert first["processed_at"].value == moment(0).replace(tzinfo=None)
    assert (first["response.age"].value, first["phone_number"].value) == (41, "+919800000000")
    assert (second["response.big"].value, second["response.ok"].value) == ("12345678901234567", True)
    assert (third["contact_name"].value, third["contact_name"].data_type) == ("#N/A\N{REPLACEMENT CHARACTER}", "s")
    assert fourth["created_at"].value == "1890-01-01 00:00:00+00:00"
    frame = pd.read_excel(path, engine="openpyxl")
    assert list(frame["lead_id"]) == ["L0", "L1", "L2", "L3"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_parquet_has_timestamps_in_utc_and_text(
    source: CampaignSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outcomes.parquet"
    export_outcomes(source, path)
    table = pq.read_table(path)
    assert table.column_names == HEADINGS
    assert str(table.schema.field("processed_at").type) == "timestamp[us, tz=UTC]"
    monkeypatch.setattr("squadiq.outcomes.formats._BATCH", 2)
    export_outcomes(source, path)
    rows = pq.read_table(path).to_pylist()
    assert rows[1]["processed_at"] == moment(1)
    assert [row["response.age"] for row in rows] == ["41", "-5", None, None]
    assert rows[2]["latest_called_at"] is None
    assert pd.read_parquet(path)["response.ok"][1] == "true"


def test_json_lines_keep_what_was_said_as_it_was(source: CampaignSource, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    done = export_outcomes(source, path, responses="json", zone="Asia/Kolkata")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert list(rows[0]) == list(done.columns) == [*COLUMNS, "field.city", "lead_responses"]
    assert rows[0]["lead_responses"] == ODD[0]["lead_responses"]
    assert rows[0]["processed_at"] == moment(0).astimezone(KOLKATA).isoformat()
    export_outcomes(source, path)
    assert json.loads(path.read_text("utf-8").splitlines()[0])["response.why"] == ["a", {"b": 1}]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_all_responses_in_one_column_and_no_outcomes_at_all(
    source: CampaignSource, listing: Listing, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"outcomes.{ending}"
    listing.leads = listing.leads[:1]
    done = export_outcomes(source, path, responses="json")
    assert done.columns[-1] == "lead_responses"
    listing.leads = []
    done = export_outcomes(source, path)
    assert (done.outcomes, done.columns) == (0, COLUMNS)
    read: Any = {"csv": pd.read_csv, "xlsx": partial(pd.read_excel, engine="openpyxl"), "parquet": pd.read_parquet}[
        ending
    ]
    assert list(read(path).columns) == list(COLUMNS)


def test_only_what_was_processed_in_between(source: CampaignSource, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    done = export_outcomes(source, path, since=moment(1), until=moment(2))
    assert done.outcomes == 2
    with pytest.raises(InvalidInputError, match="offset"):
        export_outcomes(source, path, since=moment(1).replace(tzinfo=None))
    with pytest.raises(InvalidInputError, match="since is later than until"):
        export_outcomes(source, path, since=moment(2), until=moment(1))


def test_what_cannot_be_known_again_is_counted_and_left_out(
    source: CampaignSource, listing: Listing, tmp_path: Path
) -> None:
    listing.leads.append(outcome(5, processed_at="one day"))
    done = export_outcomes(source, tmp_path / "outcomes.csv")
    assert (done.outcomes, done.unreadable) == (4, 1)


@pytest.mark.parametrize("newest_first", [False, True])
def test_many_leads_are_read_in_spans_and_none_is_passed_over(
    client: SquadIQ, listing: Listing, tmp_path: Path, newest_first: bool
) -> None:
    listing.leads = [*map(outcome, range(30)), *(outcome(15, lead_id=f"M{number}") for number in range(20))]
    listing.newest_first = newest_first
    heard: list[tuple[int, int]] = []
    source = source_of(client, span_leads=10)
    done = export_outcomes(
        source, tmp_path / "o.csv", since=moment(0), on_progress=lambda outcomes, hits: heard.append((outcomes, hits))
    )
    assert done.outcomes == 50
    assert heard[-1][1] == done.hits == listing.hits


def test_an_export_that_was_broken_off_goes_on_from_its_last_whole_span(
    client: SquadIQ, listing: Listing, tmp_path: Path
) -> None:
    listing.leads, listing.largest_page = [*map(outcome, range(40))], 10
    path = tmp_path / "outcomes.jsonl"
    path.write_text("the one before", "utf-8")
    source = source_of(client, span_leads=10)
    whole = export_outcomes(source, tmp_path / "whole.jsonl", since=moment(0))
    listing.before = lambda hit: Reply(400, {"detail": "no"}) if hit > whole.hits * 3 // 2 else None
    with pytest.raises(BadRequestError):
        export_outcomes(source, path, since=moment(0))
    assert path.read_text("utf-8") == "the one before"
    assert stat.S_IMODE((tmp_path / ".outcomes.jsonl.squadiq-spool").stat().st_mode) == 0o600
    listing.before = lambda hit: None
    listing.leads.append(outcome(40))
    done = export_outcomes(source, path, since=moment(0))
    assert 0 < done.resumed < 40
    assert done.hits < whole.hits
    assert done.outcomes == 41
    rows = [json.loads(line)["lead_id"] for line in path.read_text("utf-8").splitlines()]
    assert rows == [f"L{number}" for number in range(41)]
    assert sorted(os.listdir(tmp_path)) == ["outcomes.jsonl", "whole.jsonl"]


def test_a_file_is_whole_or_as_it_was(
    source: CampaignSource, listing: Listing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outcomes.xlsx"
    path.write_text("the one before", "utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    listing.leads = [outcome(1, lead_responses={"said": "x" * 40_000})]
    with pytest.raises(OutcomesError, match=r"response\.said.*32,767"):
        export_outcomes(source, path)
    assert path.read_text("utf-8") == "the one before"
    assert sorted(os.listdir(tmp_path)) == [".outcomes.xlsx.squadiq-spool", "outcomes.xlsx"]


def test_too_many_rows_for_excel_are_told_before_anything_is_written(
    source: CampaignSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ExcelFormat.most_rows == 1_048_575
    monkeypatch.setattr(ExcelFormat, "most_rows", 3)
    with pytest.raises(OutcomesError, match=r"4 outcomes.*csv or \.parquet"):
        export_outcomes(source, tmp_path / "outcomes.xlsx")


def test_too_many_different_responses_are_for_json(source: CampaignSource, listing: Listing, tmp_path: Path) -> None:
    listing.leads = [outcome(0, lead_responses={f"q{number}": 1 for number in range(2001)})]
    with pytest.raises(InvalidInputError, match="--responses json"):
        export_outcomes(source, tmp_path / "outcomes.csv")
    assert export_outcomes(source, tmp_path / "outcomes.csv", responses="json").outcomes == 1


def test_an_inbox_is_exported_without_a_hit(inbox: Inbox, listing: Listing, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    assert export_outcomes(InboxSource(inbox), path).outcomes == 4
    done = export_outcomes(InboxSource(inbox, "c1"), path, since=moment(1), until=moment(1))
    assert (done.outcomes, done.hits, listing.hits) == (1, 0, 0)
    inbox.erase("c1", "L1")
    assert export_outcomes(InboxSource(inbox, "c1"), path, since=moment(1), until=moment(1)).outcomes == 0


@pytest.mark.parametrize(
    ("name", "zone"), [("o.doc", None), ("o.csv", "Asia/Atlantis"), ("o.parquet", "Asia/Kolkata"), ("no/o.csv", None)]
)
def test_a_file_or_zone_that_cannot_be_is_refused_at_once(
    source: CampaignSource, listing: Listing, tmp_path: Path, name: str, zone: str | None
) -> None:
    with pytest.raises(ConfigurationError):
        export_outcomes(source, tmp_path / name, zone=zone)
    assert listing.hits == 0


def test_two_exports_of_one_file_do_not_mix(source: CampaignSource, tmp_path: Path) -> None:
    with Spool(tmp_path / ".o.csv.squadiq-spool", "another"), pytest.raises(OutcomesError, match="Another export"):
        export_outcomes(source, tmp_path / "o.csv")


def test_a_spool_that_is_old_or_of_something_else_or_broken_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    path.write_bytes(b"not a database" * 100)
    for what, at, kept in [("a", 0.0, 0), ("a", 1.0, 1), ("b", 2.0, 0), ("b", 100_000.0, 0), ("b", 100_001.0, 1)]:
        with Spool(path, what, lambda at=at: at) as spool:  # type: ignore[misc]
            assert spool.count() == kept
            spool.add([arrival()])
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE about (other)")
    with pytest.raises(OutcomesError, match=r"cannot be used \(OperationalError\)"):
        Spool(path, "b")


def arrival() -> Any:
    from squadiq.inbox.store import Arrival

    return Arrival("c1", "L1", moment(0), b"{}")


@pytest.mark.parametrize("text", ["=1", " =1", "+1+1", "-1-cmd", "@x", "\tx", "\r", "\uff1d1", "-", "+91 98"])
def test_what_a_spreadsheet_would_run_is_known(text: str) -> None:
    assert is_formula(text)
    assert csv_cell(text, UTC) == f"'{text}"
    assert excel_cell(text, UTC) == text


@pytest.mark.parametrize("text", ["", "Asha", "1/2", "+919876543210", "-5", "-5.25", "a=b", "12"])
def test_what_it_would_not_run_stays_as_it_is(text: str) -> None:
    assert not is_formula(text)
    assert csv_cell(text, UTC) == text
