"""What pushing a file costs, with all checks and a ledger, beside the shortest script that does without both."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import Row
from benchmarks.processes import server

ROWS = 20_000
ROUNDS = 3

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


def rows() -> list[Row]:
    """Push the same file by turns, each in a process of its own, to one mock without a quota."""
    ours, plain = list[float](), list[float]()
    with TemporaryDirectory() as folder, server("squadiq", "mock", "--rate", "0", "--port", "0") as url:
        path = leads_file(Path(folder) / "leads.csv")
        for turn in range(ROUNDS):
            ours.append(rows_a_second(OURS, url, str(path), f"{folder}/ours{turn}.sqlite3"))
            plain.append(rows_a_second(PLAIN, url, str(path), f"plain{turn}"))
    figures = f"{median(ours):,.0f} rows/s, {median(plain):,.0f} rows/s"
    return [
        Row("pushing a CSV", "csv.DictReader and requests, no checks", median(ours) / median(plain), ">= 1", figures)
    ]


def leads_file(path: Path) -> Path:
    """Write a file of leads as people have them."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lead_id", "phone_number", "contact_name", "city", "amount"])
        for number in range(ROWS):
            writer.writerow([f"L{number}", f"98{number:08}", f"Asha {number % 97}", "Pune", number * 10])
    return path


def rows_a_second(script: str, *arguments: str) -> float:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    for line in rows():
        print(*line, sep=" | ")
