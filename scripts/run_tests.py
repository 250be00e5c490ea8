"""Run every test but the long demonstrations, on all cores, and demand full branch coverage.

    python scripts/run_tests.py [arguments of pytest]

Coverage is started around pytest rather than by a plugin within it: squadiq is a pytest plugin
itself, so parts of it are imported before any plugin could begin to measure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_WORKERS = 4
# Hundreds of processes import the same modules: where nothing may be kept, each compiles them anew.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> int:
    for old in ROOT.glob(".coverage.*"):
        old.unlink()
    # One more than there are cores: tests wait for other processes half of the time.
    workers = str(min(MOST_WORKERS, 1 + (os.cpu_count() or 1)))
    tests = _run("coverage", "run", "-m", "pytest", "-m", "not soak", "-n", workers, "--dist=worksteal", *sys.argv[1:])
    combined = _run("coverage", "combine", "--quiet")
    covered = _run("coverage", "report")
    return tests or combined or covered


def _run(module: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env=ENVIRONMENT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
