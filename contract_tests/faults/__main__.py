"""Prints which part of the contract tests catches each planted fault, and after how many hits.

python -m contract_tests.faults [--schemathesis] [--http]
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import track
from rich.table import Table

from contract_tests.faults import FAULTS, Planted
from contract_tests.faults.detection import by_cases, by_full_run, by_schemathesis, by_sequences


def main() -> int:
    """Print the table; return 1 if a fault goes through for its own reason."""
    with_schemathesis = "--schemathesis" in sys.argv[1:]
    table = Table("fault", "rule that it breaks", "case that catches it", "hits", "sequences: hits")
    over_http = "--http" in sys.argv[1:]
    if over_http:
        table.add_column("full run over HTTP: hits")
    if with_schemathesis:
        table.add_column("schemathesis")
    missed = 0
    for planted in track(FAULTS.values(), "planted faults", console=Console(stderr=True)):
        case = by_cases(planted).get(planted.rule)
        sequence = by_sequences(planted, seed_number=1) if planted.by_machine else None
        missed += case is None or (planted.by_machine and sequence is None)
        cells = [
            planted.name,
            planted.rule.name,
            case.by if case else "MISSED",
            str(case.hits) if case else "",
            str(sequence.hits) if sequence else "MISSED" if planted.by_machine else "-",
        ]
        if over_http:
            cells.append(_over_http(planted))
            missed += cells[-1] == "MISSED"
        if with_schemathesis:
            cells.append("; ".join(by_schemathesis(planted)) or "-")
        table.add_row(*cells)
    width = 200 if with_schemathesis else 160
    Console(width=width).print(table)
    print(f"{len(FAULTS)} faults, {len(FAULTS) - missed} caught for their own reason")
    return int(missed > 0)


def _over_http(planted: Planted) -> str:
    if planted.second_campaign:
        return "-"
    hits = 0
    for outcome in by_full_run(planted.plant, quota=planted.quota, overlap=planted.overlap).outcomes:
        hits += outcome.hits
        if outcome.finding and outcome.finding.rule is planted.rule:
            return str(hits)
    return "MISSED"


if __name__ == "__main__":
    sys.exit(main())
