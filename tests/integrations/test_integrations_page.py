"""`docs/integrations.md` is so: its dlt program runs, its sync of drt is one, and the schedulers' programs compile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from drt.config.models import SyncConfig  # pyright: ignore[reportMissingTypeStubs]

from squadiq.integrations.drt import SquadIQDestinationConfig
from squadiq.mock.server import running_mock

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integrations.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.unmeasured
def test_the_program_for_dlt_runs_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with running_mock(rate=0) as mock:
        for name, value in {"ACCESS_TOKEN": mock.token, "BASE_URL": mock.url, "QUOTA_URL": "memory"}.items():
            monkeypatch.setenv(f"SQUADIQ_{name}", value)
        names: dict[str, Any] = {}
        exec(compile(blocks("python")[0], "integrations.md", "exec"), names)
    assert capsys.readouterr().out.endswith("False\n")


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
