"""Prints which tool of the field catches which planted fault, as a table in Markdown.

python -m contract_tests.faults.rivals [TOOL …]

A fault is caught by a tool that says something of it that it does not say of the sound mock. Of both, the mock
takes a lead_id again and processes leads at once, and some are there: so a tool finds something to look at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import httpx
from rich.console import Console
from rich.progress import track

from contract_tests.faults import FAULTS, Planted
from contract_tests.faults.detection import by_cases, by_sequences, serving
from contract_tests.faults.rival_tools import CAMPAIGN, TOKEN, Rival, rivals
from contract_tests.targets import SPEC, Plant, run_schemathesis, sound
from squadiq.mock.server import bound_socket
from squadiq.mock.settings import MockSettings

OURS = "schemathesis, ours"
SOUND_RUNS = 2
"""What a tool says of the sound mock in any of them is a false alarm."""


def main() -> int:
    """Print the table and the counts."""
    with bound_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with rivals(f"http://127.0.0.1:{port}") as tools:
        chosen = [each for each in [*tools, Rival(OURS, _ours)] if each.name in sys.argv[1:] or len(sys.argv) == 1]
        look = Looking(chosen, port)
        rows = [_row(look, planted) for planted in track(FAULTS.values(), console=Console(stderr=True))]
    names = ["cases", "sequences", *[each.name for each in chosen]]
    print(f"| fault | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for planted, row in zip(FAULTS.values(), rows, strict=True):
        print(f"| {planted.name} | {' | '.join('yes' if caught else '–' for caught in row)} |")
    counts = [str(sum(column)) for column in zip(*rows, strict=True)]
    print(f"| **caught of {len(rows)}** | {' | '.join(counts)} |")
    alarms = [str(len(look.said_of_the_sound[each.name, False])) for each in chosen]
    print(f"| false alarms on the sound mock | 0 | 0 | {' | '.join(alarms)} |")
    return 0


class Looking:
    """Runs tools on mocks of one address, and takes off what they say of the sound one."""

    def __init__(self, tools: list[Rival], port: int) -> None:
        self._tools, self._port = tools, port
        self.said_of_the_sound = {
            (tool.name, quota): frozenset[str]().union(*(self._say(tool, sound, quota) for _ in range(SOUND_RUNS)))
            for tool in tools
            for quota in (False, True)
        }

    def find(self, planted: Planted) -> list[bool]:
        """Return for each tool whether it catches a fault."""
        return [
            bool(self._say(tool, planted.plant, planted.quota) - self.said_of_the_sound[tool.name, planted.quota])
            for tool in self._tools
        ]

    def _say(self, tool: Rival, plant: Plant, quota: bool) -> frozenset[str]:
        settings = MockSettings(rate=SPEC.hits if quota else 0, duplicate_leads="replace", process_after_seconds=0)
        with serving(plant, settings, port=self._port) as (url, _):
            if not quota:
                _seed(url)
            said = tool.find(url)
        print(f"{tool.name}: {sorted(said)}"[:2000], file=sys.stderr)
        return said


def _seed(url: str) -> None:
    """Make the leads of the document's examples, and some more."""
    ids = ["uniqueleadid1", "uniqueleadid2", *[f"seeded-{number}" for number in range(5)]]
    leads = [{"lead_id": each, "phone_number": "9876543210", "contact_name": "John Doe"} for each in ids]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    httpx.post(f"{url}/api/v4/leads/create/{CAMPAIGN}/", json=leads, headers=headers, trust_env=False)


def _ours(url: str) -> frozenset[str]:
    phases = ("examples", "coverage", "fuzzing")
    return frozenset(str(each.finding) for each in run_schemathesis(url, TOKEN, 1, phases=phases) if each.finding)


def _row(look: Looking, planted: Planted) -> list[bool]:
    in_process: list[Callable[[], object]] = [
        lambda: by_cases(planted),
        lambda: planted.by_machine and by_sequences(planted, seed_number=1),
    ]
    print(planted.name, file=sys.stderr)
    return [*[bool(part()) for part in in_process], *look.find(planted)]


if __name__ == "__main__":
    sys.exit(main())
