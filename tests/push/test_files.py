"""Spreadsheets as people make them: each row restored or refused as it should be. See `make_files.py`."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.push.conftest import push_to
from tests.push.make_files import FILES, MAKERS, main
from tests.push.test_engine import Service
from tests.servers import Action, Seen, acting_server


def outcomes(path: Path) -> dict[str, Any]:
    """What comes of each row of a file, by its number: the lead that is sent, or the code by which it is refused."""
    service, sent = Service(), list[dict[str, Any]]()

    def keep(seen: Seen) -> Action:
        sent.extend(seen.json)
        return service(seen)

    with acting_server(keep) as server:
        done = push_to(server.url, path)
    found: dict[str, Any] = {}
    if done.rejected_file is not None:
        with done.rejected_file.open(encoding="utf-8-sig", newline="") as file:
            found = {row["squadiq_row"]: row["squadiq_reason_code"] for row in csv.DictReader(file)}
    assert done.counts.rows == len(found) + len(sent)
    expected: dict[str, dict[str, Any] | str] = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
    rows: dict[str, str] = {outcome["lead_id"]: row for row, outcome in expected.items() if isinstance(outcome, dict)}
    for each in sent:
        lead_id: str = each["lead_id"]
        found[rows.get(lead_id, lead_id)] = each
    return found


@pytest.mark.parametrize("name", list(MAKERS))
def test_each_row_is_restored_or_refused_as_it_should_be(name: str, tmp_path: Path) -> None:
    for each in (name, f"{name}.json"):
        shutil.copy(FILES / each, tmp_path)
    assert outcomes(tmp_path / name) == json.loads((FILES / f"{name}.json").read_text("utf-8"))


def test_the_files_are_those_that_the_script_makes(tmp_path: Path) -> None:
    main(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in FILES.iterdir()}
    for name in made:
        if Path(name).suffix in (".csv", ".json", ".jsonl", ".ndjson"):  # the others hold the time, or who wrote them
            assert (tmp_path / name).read_bytes() == (FILES / name).read_bytes(), name
