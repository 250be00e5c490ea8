"""The demonstration, run as a user runs it, and the spreadsheet that it reads."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from rich.cells import cell_len

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
DEMO = ROOT / "examples" / "demo.py"


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


make_leads = module(ROOT / "scripts" / "make_leads.py")
demo = module(DEMO)


def test_the_demo_adds_up_and_names_every_broken_row_with_its_reason() -> None:
    """As on a terminal of 80 columns: in colour, nothing wider, no word cut."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SQUADIQ_", "NO_COLOR"))}
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        env={**environment, "COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = CONTROL.sub("", done.stdout)
    assert "\x1b[32m" in done.stdout, "no green"
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    assert "…" not in shown
    assert "Everything adds up." in shown
    refused = shown.partition("Rows that are no leads")[2].partition("Outcomes")[0]
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in refused.splitlines() if line.startswith("│")]
    rows = [cells for cells in lines if cells[0]]
    empty = 377
    assert sorted(int(row[0]) for row in rows) == sorted(index + 2 for index in make_leads.BROKEN if index != empty)
    assert all(code and reason for _, _, code, reason in rows)
    assert "The push was killed in the middle: 750 leads were at the mock." in shown
    assert re.search(r"\d{6}", refused) is None, "a phone number is shown"


def test_the_demo_fails_when_a_count_does_not_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    checks = demo.Checks(httpx.Client())
    checks.equal("leads created", 987, 987)
    assert checks.show() == 0
    checks.equal("leads deleted", 5, 4)
    assert checks.show() == 1
    assert "It does not add up: leads deleted" in capsys.readouterr().out


def test_the_spreadsheet_is_what_its_script_writes_and_has_what_spreadsheets_have() -> None:
    content = (ROOT / "examples" / "leads.csv").read_bytes()
    assert content == make_leads.leads_csv(Random(make_leads.SEED))
    assert content.startswith(b"\xef\xbb\xbflead_id,")
    assert content.count(b"\r\n") == 1 + make_leads.ROWS == 1_001
    text = content.decode("utf-8-sig")
    for form in ("\u00a0", "\u2011", "'9", "+91-", "0091", "(0", ".0,", "9.87654E+09"):
        assert form in text, form
    scripts = {unicodedata.name(character).partition(" ")[0] for character in text if character.isalpha()}
    assert {"LATIN", "DEVANAGARI", "TAMIL", "BENGALI", "TELUGU", "GUJARATI"} <= scripts
