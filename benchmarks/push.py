"""What pushing a file costs, with all checks and a ledger, beside the shortest script that does without both.

And what does not depend on the machine: that memory does not grow with the file, and how many hits it takes.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from squadiq_generated.constants import QUOTA_HITS, QUOTA_WINDOW_SECONDS

from benchmarks import Row
from benchmarks.processes import server

ROWS = 20_000
ROUNDS = 3
FEW, SOME, MANY = 10_000, 100_000, 1_000_000
STARTS = 15
HITS_A_MINUTE, LARGEST_BATCH = QUOTA_HITS * 60 / QUOTA_WINDOW_SECONDS, 1000

OURS = """
import sys, time
from squadiq import SquadIQ
import squadiq.push.run  # the other one has all that it needs imported too when its clock begins
url, path, ledger = sys.argv[1:]
with SquadIQ("test_token", base_url=url, quota="memory", quota_window_seconds=0.001) as client:
    began = time.perf_counter()
    done = client.campaign(ledger.rpartition("/")[2].partition(".")[0]).push_leads(path, ledger=ledger)
    print(done.counts.created / (time.perf_counter() - began))
"""
PEAK = """
import resource, sys
from squadiq import SquadIQ
url, path, ledger = sys.argv[1:]
with SquadIQ("test_token", base_url=url, quota="memory", quota_window_seconds=0.001) as client:
    done = client.campaign("c1").push_leads(path, ledger=ledger)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, done.counts.hits)
"""
PLAIN = """
import csv, itertools, sys, time
import requests
url, path, campaign = sys.argv[1:]
began, count = time.perf_counter(), 0
with open(path, newline="") as file:
    rows = csv.DictReader(file)
    while batch := list(itertools.islice(rows, 500)):
        address = f"{url}/api/v4/leads/create/{campaign}/"
        requests.post(address, json=batch, headers={"Authorization": "Bearer test_token"}).raise_for_status()
        count += len(batch)
print(count / (time.perf_counter() - began))
"""


def rows() -> Iterable[Row]:
    yield speed()
    yield from memory_and_hits()
    yield starting()


def speed() -> Row:
    """Push the same file by turns, each in a process of its own, to one mock without a quota."""
    ours, plain = list[float](), list[float]()
    with TemporaryDirectory() as folder, server("squadiq", "mock", "--rate", "0", "--port", "0") as url:
        path = leads_file(Path(folder) / "leads.csv", ROWS)
        for turn in range(ROUNDS):
            ours.append(figures_of(OURS, url, str(path), f"{folder}/ours{turn}.sqlite3")[0])
            plain.append(figures_of(PLAIN, url, str(path), f"plain{turn}")[0])
    figures = f"{median(ours):,.0f} rows/s, {median(plain):,.0f} rows/s"
    return Row("pushing a CSV", "csv.DictReader and requests, no checks", median(ours) / median(plain), ">= 1", figures)


def memory_and_hits() -> Iterable[Row]:
    """Push files of three sizes, each in a process of its own, to a server that takes all."""
    peaks, hits = dict[int, float](), dict[int, float]()
    with TemporaryDirectory() as folder, server("benchmarks.canned") as url:
        for count in (FEW, SOME, MANY):
            path = leads_file(Path(folder) / f"{count}.csv", count)
            peaks[count], hits[count] = figures_of(PEAK, url, str(path), f"{folder}/{count}.sqlite3")
            path.unlink()
    figures = f"{peaks[MANY] / 1024:.0f} MB, {peaks[FEW] / 1024:.0f} MB"
    yield Row(f"peak memory, pushing {MANY:,} rows", f"{FEW:,} rows", peaks[MANY] / peaks[FEW], "<= 1.3", figures)
    least = ceil(SOME / LARGEST_BATCH)
    yield Row(
        f"hits, pushing {SOME:,} rows",
        "the least possible",
        hits[SOME] / least,
        "<= 1.03",
        f"{hits[SOME]:.0f}, {least}",
    )
    minutes, one_by_one = hits[SOME] / HITS_A_MINUTE, SOME / HITS_A_MINUTE
    figures = f"{minutes:.2f} min, {one_by_one:,.0f} min"
    yield Row(f"minutes of the real quota, {SOME:,} rows", "a lead a hit", minutes / one_by_one, "", figures)


def starting() -> Row:
    """Whole processes, taking turns."""
    ours, typer = list[float](), list[float]()
    for _ in range(STARTS):
        for taken, words in ((ours, ("-m", "squadiq", "--version")), (typer, ("-c", "import typer"))):
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            taken.append(time.perf_counter() - began)
    figures = f"{min(ours) * 1e3:.0f} ms, {min(typer) * 1e3:.0f} ms"
    return Row("squadiq --version", "python -c 'import typer'", min(ours) / min(typer), "<= 2", figures)


def leads_file(path: Path, rows: int) -> Path:
    """Write a file of leads as people have them."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lead_id", "phone_number", "contact_name", "city", "amount"])
        for number in range(rows):
            writer.writerow([f"L{number}", f"98{number:08}", f"Asha {number % 97}", "Pune", number * 10])
    return path


def figures_of(script: str, *arguments: str) -> list[float]:
    """Run a script in a process of its own, and return the numbers that it prints."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


if __name__ == "__main__":
    for line in rows():
        print(*line, sep=" | ")
