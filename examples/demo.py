"""The main job: leads from a spreadsheet to SquadIQ, and their outcomes back. Run it by `make demo`.

It starts the mock of the SquadIQ API as a process of its own, and asks it in the end whether what
it holds adds up with what was sent. Exit 0 only if every count does.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from squadiq import Attempt, BadRequestError, Campaign, InvalidInputError, Lead, ProcessedLead, SquadIQ

LEADS = Path(__file__).with_name("leads.csv")
CAMPAIGN_ID = "demo"
BATCH = 100
PROCESS_AFTER_SECONDS = 3600
STEPS = 12

console = Console()


@dataclass(frozen=True)
class Refused:
    """A row that did not become a lead, and why."""

    row: int
    lead_id: str
    reason: str
    said_by: str


@dataclass
class Row:
    """A row of the spreadsheet: its number as the spreadsheet counts, and its values."""

    number: int
    values: dict[str, Any]


@dataclass
class Hits:
    """What was spent of the quota."""

    by_operation: Counter[str] = field(default_factory=Counter[str])
    too_many: int = 0

    def count(self, operation: str, _number: int, attempt: Attempt) -> None:
        self.by_operation[operation] += 1
        self.too_many += attempt.status == 429


def main() -> int:
    rows, refused = read_rows(LEADS)
    total = len(rows) + len(refused)
    console.rule("[bold]squadiq: leads out, outcomes back")
    hits = Hits()
    with (
        running_mock() as (url, token),
        httpx.Client(base_url=f"{url}/_mock/") as mock,
        SquadIQ(token, base_url=url, quota="memory", after_attempt=hits.count) as client,
    ):
        console.print(f"The mock of the SquadIQ API runs at {url}. {total} rows are in {LEADS.name}.\n")
        campaign = client.campaign(CAMPAIGN_ID)
        checks = Checks(mock)

        created, refused_later = create(campaign, rows)
        refused = sorted(refused + refused_later, key=lambda broken: broken.row)
        show_refused(refused)
        checks.equal("rows that are created or named as broken", total, len(created) + len(refused))
        checks.equal("leads created", len(created), mock_counts(mock)["created"])

        disabled = [lead.lead_id for lead in created[::60]]
        campaign.disable_leads(disabled)
        checks.equal("leads disabled before their first call", len(disabled), mock_counts(mock)["disabled"])

        due = len(created) - len(disabled)
        let_time_pass(mock, due)
        checks.equal("leads processed, disabled ones aside", due, mock_counts(mock)["processed"])

        processed = read_back(campaign, due)
        show_outcomes(processed)
        expected = {lead.lead_id for lead in created} - set(disabled)
        checks.equal(
            "outcomes read, each lead once", len(expected), len({lead.lead_id for lead in processed} & expected)
        )
        checks.equal("outcomes read in all", due, len(processed))
        checks.equal("leads that arrived as they were sent", len(created[::25]), checks.same_at_the_mock(created[::25]))

        change_some(campaign, processed, checks)
        checks.equal("answers of 429 (too many requests)", 0, hits.too_many)
    show_hits(hits)
    return checks.show()


def read_rows(path: Path) -> tuple[list[Row], list[Refused]]:
    """Read the spreadsheet: empty cells are left out, numbers and TRUE/FALSE get their type."""
    rows: list[Row] = []
    refused: list[Refused] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.DictReader(file), start=2):
            values: dict[str, Any] = {name: cell for name, cell in cells.items() if cell.strip()}
            if not values:
                refused.append(Refused(number, "", "the row is empty", "the spreadsheet"))
                continue
            if "is_squadlead" in values:
                values["is_squadlead"] = values["is_squadlead"] == "TRUE"
            if "loan_amount" in values:
                try:
                    values["loan_amount"] = float(values["loan_amount"])
                except ValueError:
                    refused.append(
                        Refused(number, values.get("lead_id", ""), "loan_amount is not a number", "the spreadsheet")
                    )
                    continue
            rows.append(Row(number, values))
    return rows, refused


def create(campaign: Campaign[Lead], rows: Sequence[Row]) -> tuple[list[Lead], list[Refused]]:
    """Create the leads in batches; whatever is refused is named and left out, and the rest goes again."""
    created: list[Lead] = []
    refused: list[Refused] = []
    with progress("Creating leads") as bar:
        task = bar.add_task("", total=len(rows))
        for start in range(0, len(rows), BATCH):
            batch = list(rows[start : start + BATCH])
            while batch:
                try:
                    created += campaign.create_leads(row.values for row in batch)
                    break
                except InvalidInputError as invalid:
                    reasons = [(p.index, f"{p.field} {p.reason}") for p in invalid.problems]
                    said_by = "the client"
                except BadRequestError as response:
                    reasons = [
                        (e.index, "; ".join(f"{f}: {' '.join(w)}" for f, w in e.errors.items()))
                        for e in response.lead_errors
                    ]
                    said_by = "SquadIQ"
                    if not reasons:
                        raise
                for index, reason in reasons:
                    row = batch[index or 0]
                    refused.append(Refused(row.number, str(row.values.get("lead_id", "")), reason, said_by))
                out = {index for index, _ in reasons}
                batch = [row for index, row in enumerate(batch) if index not in out]
            bar.update(task, completed=min(start + BATCH, len(rows)))
    return created, refused


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

    def same_at_the_mock(self, sent: Sequence[Lead]) -> int:
        """Count the leads whose phone number, name and custom fields, types included, are there."""
        same = 0
        for lead in sent:
            there = self.lead(lead.lead_id) or {}
            same += (
                there.get("phone_number") == lead.phone_number
                and there.get("contact_name") == lead.contact_name
                and there.get("custom_fields") == lead.model_extra
            )
        return same

    def show(self) -> int:
        table = Table(title="Does it add up?", title_justify="left")
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


def show_refused(refused: Sequence[Refused]) -> None:
    table = Table(title="Rows that are no leads", title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("lead")
    table.add_column("what is wrong")
    table.add_column("found by")
    for broken in refused:
        table.add_row(str(broken.row), broken.lead_id or "[dim]none[/]", broken.reason, broken.said_by)
    console.print(table)


def show_outcomes(processed: Sequence[ProcessedLead]) -> None:
    outcomes = Counter(lead.lead_outcome for lead in processed)
    most = max(outcomes.values(), default=1)
    table = Table(title="Outcomes", title_justify="left")
    table.add_column("lead outcome")
    table.add_column("leads", justify="right")
    table.add_column("share", justify="right")
    table.add_column()
    for outcome, count in outcomes.most_common():
        bar = "█" * round(30 * count / most)
        table.add_row(outcome, f"{count:,}", f"{count / len(processed):.0%}", f"[cyan]{bar}[/]")
    console.print(table)

    table = Table(title="Some of them", title_justify="left")
    for column in ("lead", "name", "phone", "last called", "outcome", "responses"):
        table.add_column(column, overflow="fold")
    for lead in islice((lead for lead in processed if lead.lead_responses), 0, 60, 10):
        called = f"{lead.latest_called_at:%H:%M}" if lead.latest_called_at else "never"
        responses = ", ".join(f"{key}: {value}" for key, value in lead.lead_responses.items())
        table.add_row(
            lead.lead_id, lead.contact_name, "…" + lead.phone_number[-3:], called, lead.lead_outcome, responses
        )
    console.print(table)


def show_hits(hits: Hits) -> None:
    table = Table(title="Hits of the quota", title_justify="left")
    table.add_column("operation")
    table.add_column("hits", justify="right")
    for operation, count in hits.by_operation.items():
        table.add_row(operation, str(count))
    table.add_section()
    table.add_row("in all, of 100 a minute", str(hits.by_operation.total()))
    console.print(table)


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
