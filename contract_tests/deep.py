"""Looks for what the tests of every run do not find: seed after seed, for a given time.

python -m contract_tests.deep [SECONDS]
"""

from __future__ import annotations

import sys
import time

from rich.progress import Progress

from contract_tests.targets import mock_target, run_schemathesis
from squadiq.contract.sequences import run_sequences
from squadiq.mock.server import running_mock

FIRST_SEED = 1000
"""The tests of every run take the lower ones."""


def main() -> int:
    """Run until the time has passed or something is found; return 1 if it is."""
    lasting = float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0
    end = time.monotonic() + lasting
    seed = FIRST_SEED
    with Progress() as progress:
        task = progress.add_task("looking deeper", total=lasting)
        while time.monotonic() < end:
            found = _sequences(seed) or _schemathesis(seed)
            if found:
                print(found)
                print(f"seed {seed}")
                return 1
            seed += 1
            progress.update(task, completed=lasting - max(0.0, end - time.monotonic()))
    print(f"{seed - FIRST_SEED} seeds, nothing found")
    return 0


def _sequences(seed: int) -> str:
    try:
        run_sequences(lambda: mock_target(seeded=False), seed_number=seed, examples=200, steps=50)
    except AssertionError as error:
        return str(error)
    return ""


def _schemathesis(seed: int) -> str:
    with running_mock(rate=0, duplicate_leads="replace") as running:
        outcomes = run_schemathesis(running.url, running.token, seed, examples=100)
    return "; ".join(
        f"{each.case}: {each.finding or each.inconclusive}" for each in outcomes if each.finding or each.inconclusive
    )


if __name__ == "__main__":
    sys.exit(main())
