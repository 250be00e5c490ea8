"""Runs schemathesis in a process of its own, with the settings of schemathesis.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi" / "squadiq.yaml"


def run_schemathesis(url: str, access_token: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Hold the server at a URL against the document; the exit code is 0 if nothing is wrong."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "schemathesis.toml"), "run"]
    return subprocess.run(
        [*command, str(DOCUMENT), "--url", url, *options],
        cwd=ROOT,
        env={**os.environ, "SQUADIQ_ACCESS_TOKEN": access_token, "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
