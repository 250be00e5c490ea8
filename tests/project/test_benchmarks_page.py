"""docs/benchmarks.md has no figure that was not measured: each line stands in the results that the page names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
RESULTS = ROOT / "benchmarks" / "results"
LINE = re.compile(r"^\| (.+) \| (.+) \| (\d+\.\d\d) \| (.*?) ?\|", re.MULTILINE)


def test_every_ratio_of_the_page_stands_in_the_run_that_it_names() -> None:
    (run,) = re.findall(r"\[one run\]\(\.\./(benchmarks/results/[\d-]+\.md)\)", PAGE)
    measured = LINE.findall((ROOT / run).read_text("utf-8"))
    told = LINE.findall(PAGE)
    assert len(told) > 15
    assert [line for line in told if line not in measured] == []


def test_every_number_of_a_soak_stands_in_its_summary() -> None:
    lines = re.findall(r"^\| \[[^]]+\]\(\.\./benchmarks/results/([\w-]+\.md)\) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(lines) == 7
    for name, told in lines:
        summary = (RESULTS / name).read_text("utf-8")
        assert [number for number in re.findall(r"\d[\d,]*", told) if number not in summary] == [], name
