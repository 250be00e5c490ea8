"""Build the site of the documentation, strictly: no broken link, no page left out, no public name undescribed.

    python scripts/docs.py            into build/site
    python scripts/docs.py --serve    and show it at http://127.0.0.1:8000

Its tools are pinned in requirements/docs.lock, and are installed on the first run into .venv/docs. They
read the code without importing it. Nothing in the site is loaded from elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tool_environment
from docs_site import commands, http_api, reference, staging

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv" / "docs"
LOCK = ROOT / "requirements" / "docs.lock"
PAGES = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
PORT = 8000
# Without it, the theme prints news of its makers at each build.
ENVIRONMENT = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}


def main() -> int:
    tool_environment.ensure(TOOLS, LOCK, "docs")
    undocumented = reference.undocumented()
    if undocumented:
        sys.exit(f"docs: no docstring: {', '.join(undocumented)}")
    staging.stage(PAGES, made())
    failed = build()
    if not failed and "--serve" in sys.argv[1:]:
        serve()
    return failed


def made() -> dict[str, str]:
    """Return the pages that nobody writes, by where they stand in the site."""
    return {
        **reference.pages(),
        "reference/commands.md": commands.page(),
        **http_api.pages(ROOT / "openapi" / "squadiq.yaml"),
    }


def build() -> int:
    """Have mkdocs build the site; return its exit code."""
    python = tool_environment.program(TOOLS, "python")
    command: list[str | Path] = [python, "-m", "mkdocs", "build", "--strict", "--clean"]
    built = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(built.stdout if built.returncode else f"docs: wrote {SITE.relative_to(ROOT)}")
    return built.returncode


def serve() -> None:
    """Show the site on this machine until Ctrl-C."""
    with ThreadingHTTPServer(("127.0.0.1", PORT), partial(SimpleHTTPRequestHandler, directory=SITE)) as server:
        print(f"docs: http://127.0.0.1:{PORT}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    sys.exit(main())
