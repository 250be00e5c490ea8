"""`squadiq contract` loads nothing that lies about, and leaves nothing behind where it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.targets import SPEC
from squadiq.contract.deliveries import Deliveries
from squadiq.contract.random_queries import random_queries
from tests.contract.recording import CAMPAIGN, TOKEN, recording
from tests.servers import Reply, acting_server

pytestmark = pytest.mark.unmeasured

LOADED = """
import os, pathlib
(pathlib.Path(__file__).parent / "loaded").write_text(os.environ.get("SQUADIQ_ACCESS_TOKEN", ""))
"""
CONFIGURATION = """
hooks = "evil.py"
[generation]
max-examples = 1
[[project]]
title = "SquadIQ"
hooks = "evil.py"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything in it that one of the libraries would load, and a home without anything."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("evil.py", "conftest.py", "schemathesis_hooks.py", "hooks.py"):
        (folder / name).write_text(LOADED)
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    (folder / "pytest.ini").write_text("[pytest]\\naddopts = -p evil\\n")
    (folder / ".hypothesis" / "examples").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return folder


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.parent.rglob("*")}


@pytest.mark.parametrize(("command", "hooks"), [("live", "evil"), ("webhook", "./evil.py")])
def test_nothing_is_loaded_and_nothing_is_left(folder: Path, command: str, hooks: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "SQUADIQ_ACCESS_TOKEN": TOKEN,
        "SQUADIQ_QUOTA_URL": "memory",
        "HOME": str(folder.parent / "home"),
        "SCHEMATHESIS_HOOKS": hooks,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "storage"),
        "HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1",
        "PYTEST_PLUGINS": "evil",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    before = everything(folder)
    squadiq = [str(Path(sys.executable).with_name("squadiq")), "contract"]
    with recording() as server, acting_server(Reply(201)) as endpoint:
        live = ["--target", server.url, "--campaign", CAMPAIGN, "--yes", "--hits-per-minute", "100"]
        arguments = live if command == "live" else ["webhook", endpoint.url]
        done = subprocess.run(
            [*squadiq, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=110
        )
        asked = server.seen if command == "live" else endpoint.seen
    assert "Traceback" not in done.stderr
    assert len(asked) > 40, done.stderr + done.stdout
    assert everything(folder) == before


def test_what_others_have_set_for_these_libraries_is_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hypothesis.configuration import storage_directory

    monkeypatch.setenv("HYPOTHESIS_OF_OTHERS", "kept")
    home = storage_directory(intent_to_write=False).home_directory
    assert len(random_queries(SPEC, 3, seed_number=1)) == 3
    assert Deliveries(SPEC, seed_number=1).valid(1)
    assert os.environ["HYPOTHESIS_OF_OTHERS"] == "kept"
    assert storage_directory(intent_to_write=False).home_directory == home
