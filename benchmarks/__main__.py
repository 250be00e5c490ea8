"""Measure everything, print a table, and record it: `python -m benchmarks`."""

from __future__ import annotations

import os
import pkgutil
import platform
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Row

RESULTS = Path(__file__).parent / "results"
NAMED = (
    "httpx",
    "pydantic",
    "requests",
    "fastapi",
    "flask",
    "gunicorn",
    "starlette",
    "uvicorn",
    "orjson",
    "jsonschema-rs",
    "sqlalchemy",
    "procrastinate",
)


def main() -> int:
    console = Console()
    measured: list[Row] = []
    for module in measuring_modules():
        with console.status(f"measuring: {module.__name__}"):
            measured += [Row(*row) for row in module.rows()]
    console.print(table(measured))
    today = datetime.now(UTC).date().isoformat()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}.md").write_text(record(measured, today), "utf-8")
    console.print(f"Recorded in benchmarks/results/{today}.md")
    missed = [row.what for row in measured if row.meets_goal() is False]
    if missed:
        console.print(f"[red]Goals missed: {', '.join(missed)}")
    return 1 if missed else 0


def measuring_modules() -> Iterator[Any]:
    """Every module beside this one that has `rows()`."""
    for found in pkgutil.iter_modules(benchmarks.__path__):
        if not found.name.startswith("_"):
            module = import_module(f"benchmarks.{found.name}")
            if hasattr(module, "rows"):
                yield module


def table(rows: Iterable[Row]) -> Table:
    shown = Table("measured", "compared with", title="Ratios, each of one run", title_justify="left")
    shown.add_column("ratio", justify="right")
    shown.add_column("goal", justify="right")
    shown.add_column("figures")
    for row in rows:
        style = {True: "green", False: "bold red", None: ""}[row.meets_goal()]
        shown.add_row(row.what, row.compared_with, f"{row.ratio:.2f}", row.goal, row.figures, style=style)
    return shown


def record(rows: Iterable[Row], today: str) -> str:
    """Return the page that is kept of a run."""
    lines = [
        f"# Measured on {today}",
        "",
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores. " + ", ".join(f"{name} {version(name)}" for name in NAMED) + ".",
        "",
        "Figures are of one machine in one run; go by the ratios.",
        "",
        "| measured | compared with | ratio | goal | figures |",
        "|---|---|---:|---:|---|",
        *(f"| {row.what} | {row.compared_with} | {row.ratio:.2f} | {row.goal} | {row.figures} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
