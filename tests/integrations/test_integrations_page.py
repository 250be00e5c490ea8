"""`docs/integrations.md`: its sync of drt is one, its programs for schedulers compile; `test_dlt.py` runs the other."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from drt.config.models import SyncConfig  # pyright: ignore[reportMissingTypeStubs]

from squadiq.integrations.drt import SquadIQDestinationConfig

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integrations.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_sync_of_drt_is_one_and_the_table_has_its_settings() -> None:
    sync = SyncConfig.model_validate(yaml.safe_load(blocks("yaml")[0]))
    assert isinstance(sync.destination, SquadIQDestinationConfig)
    table = PAGE.partition("| of `destination` | |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    own = set(SquadIQDestinationConfig.model_fields) - {"type", "retry", "rate_limit"}
    assert named == own


def test_the_programs_for_schedulers_compile() -> None:
    for block in blocks("python")[1:]:
        compile(block, "integrations.md", "exec")
