"""The main job: leads from a spreadsheet to SquadIQ, and their outcomes back. Run it by `make demo`.

It starts the mock of the SquadIQ API as a process of its own, pushes a spreadsheet, kills that push in the
middle and lets it go on, and asks the mock in the end whether what it holds adds up. Exit 0 only if it does.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from squadiq import Attempt, Campaign, Lead, ProcessedLead, SquadIQ
from squadiq.push import Columns
from squadiq.push.sources import open_source

LEADS = Path(__file__).with_name("leads.csv")
CAMPAIGN_ID = "demo"
COLUMNS = Columns(
    fields={name: name for name in ("lead_id", "phone_number", "contact_name")},
    types={"loan_amount": "number", "is_squadlead": "boolean"},
)
KILLED_AT_BATCH = 2
PROCESS_AFTER_SECONDS = 3600
STEPS = 12
LONGEST_BAR = 24

console = Console()


@dataclass
class Hits:
    """What was spent of the quota."""

    by_operation: Counter[str] = field(default_factory=Counter[str])
    too_many: int = 0

    def count(self, operation: str, _number: int, attempt: Attempt) -> None:
        self.by_operation[operation] += 1
        self.too_many += attempt.status == 429


def main() -> int:
    if sys.argv[1:2] == ["push"]:
        return push(*sys.argv[2:])
    console.rule("[bold]squadiq: leads out, outcomes back")
    hits = Hits()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_mock() as (url, token),
        httpx.Client(base_url=f"{url}/_mock/") as mock,
        SquadIQ(token, base_url=url, quota="memory", after_attempt=hits.count) as client,
    ):
        leads = Path(shutil.copy(LEADS, folder))
        console.print(f"The mock of the SquadIQ API runs at {url}. The leads are in {LEADS.name}.\n")
        campaign = client.campaign(CAMPAIGN_ID)
        checks = Checks(mock)

        killed = push_in_a_process(url, token, leads, "and die")
        before = mock_counts(mock)["created"]
        console.print(f"The push was killed in the middle: {before} leads were at the mock. Once more:")
        finished = push_in_a_process(url, token, leads)
        checks.equal("pushes: killed, then done with rows to mend", 1, finished if killed < 0 else 0)
        rejected = read_rejected(leads)
        show_rejected(rejected)
        created = read_created(leads, rejected)
        checks.equal("leads created, each once although it was killed", len(created), mock_counts(mock)["created"])

        disabled = [str(lead["lead_id"]) for lead in created[::60]]
        campaign.disable_leads(disabled)
        checks.equal("leads disabled before their first call", len(disabled), mock_counts(mock)["disabled"])

        due = len(created) - len(disabled)
        let_time_pass(mock, due)
        checks.equal("leads processed, disabled ones aside", due, mock_counts(mock)["processed"])

        processed = read_back(campaign, due)
        show_outcomes(processed)
        expected = {lead["lead_id"] for lead in created} - set(disabled)
        checks.equal(
            "outcomes read, each lead once", len(expected), len({lead.lead_id for lead in processed} & expected)
        )
        checks.equal("outcomes read in all", due, len(processed))
        checks.equal("leads that arrived as they were sent", len(created[::25]), checks.same_at_the_mock(created[::25]))

        change_some(campaign, processed, checks)
        checks.equal("answers of 429 (too many requests)", 0, hits.too_many)
    show_hits(hits)
    return checks.show()


def push(url: str, token: str, path: str, *how: str) -> int:
    """Push a file as `squadiq leads push` does; with "and die" kill this process in the middle of it."""

    def die(_operation: str, _number: int, _attempt: Attempt) -> None:
        if how and next(batches) == KILLED_AT_BATCH:
            os.kill(os.getpid(), signal.SIGKILL)

    batches = itertools.count(1)
    with SquadIQ(token, base_url=url, quota="memory", after_attempt=die) as client:
        done = client.campaign(CAMPAIGN_ID).push_leads(
            path, columns=COLUMNS, ledger=Path(path).with_name("ledger.sqlite3")
        )
    console.print(
        f"{done.counts.created} created, {done.counts.created_before} created before, {done.counts.hits} hits\n"
    )
    return 0 if done.is_good else 1


def push_in_a_process(url: str, token: str, path: Path, *how: str) -> int:
    return subprocess.run([sys.executable, __file__, "push", url, token, str(path), *how], check=False).returncode


def read_rejected(leads: Path) -> list[dict[str, str]]:
    """Read the rows that the push could not send, as it wrote them beside the file."""
    with leads.with_name(leads.name + ".rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_created(leads: Path, rejected: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the rows that became leads, as they were sent."""
    wrong = {int(row["squadiq_row"]) for row in rejected}
    return [COLUMNS.lead_of(row) for row in open_source(leads).read() if row.number not in wrong]


def let_time_pass(mock: httpx.Client, due: int) -> None:
    """Let an hour pass at the mock, in which it calls the leads."""
    with progress("Calling leads ") as bar:
        task = bar.add_task("", total=due)
        for _ in range(STEPS + 1):
            mock.post("advance", json={"seconds": PROCESS_AFTER_SECONDS / STEPS}).raise_for_status()
            bar.update(task, completed=mock_counts(mock)["processed"])


def read_back(campaign: Campaign[Lead], due: int) -> list[ProcessedLead]:
    """Read every outcome, page by page."""
    leads: list[ProcessedLead] = []
    with progress("Reading pages ") as bar:
        task = bar.add_task("", total=due)
        for page in campaign.get_leads().pages():
            leads += page.results
            bar.update(task, completed=len(leads))
    return leads


def change_some(campaign: Campaign[Lead], processed: Sequence[ProcessedLead], checks: Checks) -> None:
    """Update, convert and delete some of the processed leads."""
    met = [lead.lead_id for lead in processed if lead.lead_outcome.endswith("Objective Met")]
    updated, converted, deleted = met[:5], met[5:10], met[10:15]
    for lead_id in updated:
        campaign.update_lead(lead_id, product_plan="Enterprise", follow_up=True)
    for lead_id in converted:
        campaign.convert_lead(lead_id, detail="PAID")
    for lead_id in deleted:
        campaign.delete_lead(lead_id)

    at_the_mock = [checks.lead(lead_id) for lead_id in updated]
    upgraded = [lead for lead in at_the_mock if lead and lead["custom_fields"]["product_plan"] == "Enterprise"]
    checks.equal("leads updated", len(updated), len(upgraded))
    checks.equal("leads converted", len(converted), mock_counts(checks.mock)["converted"])
    checks.equal("leads deleted, nothing left of them", len(deleted), [checks.lead(i) for i in deleted].count(None))
    left = sum(1 for _ in campaign.get_leads(page_size=1000))
    checks.equal("outcomes left after deleting", len(processed) - len(deleted), left)


class Checks:
    """Compares what was counted here with what the mock says."""

    def __init__(self, mock: httpx.Client) -> None:
        self.mock = mock
        self._rows: list[tuple[str, int, int]] = []

    def equal(self, what: str, here: int, there: int) -> None:
        self._rows.append((what, here, there))

    def lead(self, lead_id: str) -> dict[str, Any] | None:
        response = self.mock.get(f"campaigns/{CAMPAIGN_ID}/leads/{lead_id}")
        return None if response.status_code == 404 else response.raise_for_status().json()

    def same_at_the_mock(self, sent: Sequence[Mapping[str, Any]]) -> int:
        """Count the leads whose phone number, name and custom fields, types included, are there."""
        same = 0
        for lead in sent:
            there = self.lead(lead["lead_id"]) or {}
            named = {name: there.get(name) for name in ("lead_id", "phone_number", "contact_name")}
            same += {**there.get("custom_fields", {}), **named} == lead
        return same

    def show(self) -> int:
        table = new_table("Does it add up?")
        table.add_column("count")
        table.add_column("expected", justify="right")
        table.add_column("found", justify="right")
        table.add_column()
        for what, here, there in self._rows:
            table.add_row(what, f"{here:,}", f"{there:,}", "[green]✓[/]" if here == there else "[bold red]✗[/]")
        console.print(table)
        wrong = [what for what, here, there in self._rows if here != there]
        console.print(
            f"[bold red]It does not add up: {'; '.join(wrong)}" if wrong else "[bold green]Everything adds up."
        )
        return 1 if wrong else 0


def mock_counts(mock: httpx.Client) -> dict[str, int]:
    counts: dict[str, int] = mock.get(f"campaigns/{CAMPAIGN_ID}").raise_for_status().json()
    return counts


def show_rejected(rejected: Sequence[Mapping[str, str]]) -> None:
    table = new_table("Rows that are no leads")
    table.add_column("row", justify="right")
    table.add_column("lead")
    table.add_column("code", style="yellow")
    table.add_column("what is wrong")
    for row in rejected:
        lead_id = row["lead_id"] or "[dim]none[/]"
        table.add_row(row["squadiq_row"], lead_id, row["squadiq_reason_code"], row["squadiq_reason"])
    console.print(table)


def show_outcomes(processed: Sequence[ProcessedLead]) -> None:
    outcomes = Counter(lead.lead_outcome for lead in processed)
    most = max(outcomes.values(), default=1)
    table = new_table("Outcomes")
    table.add_column("lead outcome")
    table.add_column("leads", justify="right")
    table.add_column("share", justify="right")
    table.add_column()
    for outcome, count in outcomes.most_common():
        colour = colour_of(outcome)
        bar = "█" * round(LONGEST_BAR * count / most)
        table.add_row(f"[{colour}]{outcome}[/]", f"{count:,}", f"{count / len(processed):.0%}", f"[{colour}]{bar}[/]")
    console.print(table)

    table = new_table("Some of them")
    for column in ("lead", "name", "outcome", "responses"):
        table.add_column(column, overflow="fold")
    for lead in islice((lead for lead in processed if lead.lead_responses), 0, 40, 10):
        outcome = lead.lead_outcome.replace(" : ", " :\n")
        responses = "\n".join(f"{key}: {value}" for key, value in lead.lead_responses.items())
        table.add_row(lead.lead_id, lead.contact_name, f"[{colour_of(lead.lead_outcome)}]{outcome}[/]", responses)
    console.print(table)


def colour_of(outcome: str) -> str:
    """Return what shows an outcome at a glance: met, called in vain, or in between."""
    if outcome.endswith("Objective Met"):
        return "green"
    return "yellow" if outcome.startswith("Connected") else "red"


def show_hits(hits: Hits) -> None:
    table = new_table("Hits of the quota")
    table.add_column("operation")
    table.add_column("hits", justify="right")
    for operation, count in hits.by_operation.items():
        table.add_row(operation, str(count))
    table.add_section()
    table.add_row("in all, of 100 a minute", str(hits.by_operation.total()))
    console.print(table)


def new_table(title: str) -> Table:
    """Return a table that fits into 80 columns as long as its words do."""
    return Table(title=f"\n[bold]{title}", title_justify="left", title_style="", header_style="bold cyan")


def progress(what: str) -> Progress:
    return Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


@contextmanager
def running_mock() -> Iterator[tuple[str, str]]:
    """Run the mock as a process on a free port; give its address and its access token."""
    token = "demo-token"
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", "--token", token, "--seed", "4"]
    process = subprocess.Popen(
        [*command, "--process-after", str(PROCESS_AFTER_SECONDS)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        address = next((found for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line))), None)
        if address is None:
            sys.exit("The mock did not start.")
        yield address[0], token
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
