"""An environment of tools beside the one of development: made on the first use, and anew when its lock changed."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
import venv
from pathlib import Path

import set_up

INSTALLED = "installed.lock"


def ensure(folder: Path, lock: Path, name: str) -> None:
    """Make an environment that holds exactly what a lock pins, unless it is there; leave by `sys.exit` if pip fails."""
    if is_installed(lock, folder / INSTALLED):
        return
    print(f"{name}: setting up {lock.stem} (once)", file=sys.stderr, flush=True)
    venv.create(folder, clear=True, with_pip=True)
    problem = set_up.install(str(program(folder, "python")), str(lock))
    if problem:
        sys.exit(f"{name}: pip could not install requirements/{lock.name}:\n{problem}")
    shutil.copy(lock, folder / INSTALLED)


def is_installed(lock: Path, installed: Path) -> bool:
    """Return whether what was installed last is what the lock pins now."""
    return installed.exists() and filecmp.cmp(lock, installed, shallow=False)


def program(folder: Path, name: str) -> Path:
    """Return where a program of an environment is."""
    return folder / "Scripts" / f"{name}.exe" if os.name == "nt" else folder / "bin" / name
