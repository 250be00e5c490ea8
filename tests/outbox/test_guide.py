"""`docs/outbox.md` is so: its programs run, and its codes are those that there are."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from squadiq import settlement
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from tests.outbox.conftest import drain

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "outbox.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page_store_a_lead_with_its_sign_up_and_send_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mock: RunningMock
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", mock.token)
    monkeypatch.setenv("SQUADIQ_BASE_URL", mock.url)
    with closing(sqlite3.connect("app.sqlite3")) as made:
        made.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
    stores, sends = PROGRAMS
    names: dict[str, Any] = {}
    exec(stores, names)
    names["sign_up"]("Asha", "98000 00001")
    outbox: Outbox = names["outbox"]
    assert outbox.counts()["waiting"] == 1
    names["sign_up"]("Ravi", "98000 00002")
    exec(sends.replace("    ...  # serve\n", "    while outbox.counts()['done'] < 2: pass\n"), names)
    assert mock.lead("my-campaign", "person-1") is not None
    assert drain(outbox, mock.url) == 0
    outbox.close()
    names["engine"].dispose()


def test_the_page_lists_the_codes_that_there_are() -> None:
    table = PAGE.partition("| code | why |")[2].partition("##")[0]
    listed = set(re.findall(r"`(\w+)`(?=[, |])", table)) - {"reason", "repeat_creates"}
    fields = settlement._FIXED  # pyright: ignore[reportPrivateUsage]
    refused = {f"refused_{field}" for field in fields} | {"refused", "not_found", "duplicate_phone_number"}
    assert listed == refused | {f"{field}_invalid" for field in (*fields, "field")} | {"unknown", "existing"}
