"""Write requirements/*.lock anew: every package pinned with its hashes, and no registry named."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "dev.lock": ["pyproject.toml", "--all-extras", "--group", "dev"],
    "lint-openapi.lock": ["requirements/lint-openapi.in"],
}
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--quiet",
]


def main() -> int:
    for name, sources in LOCKS.items():
        with tempfile.TemporaryDirectory() as temporary:
            fresh = Path(temporary) / name
            command = [sys.executable, "-m", "uv", "pip", "compile", *sources, *OPTIONS, f"--output-file={fresh}"]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            text = fresh.read_text("utf-8")
        if re.search(r"https?://|file://", text):
            sys.exit(f"lock: {name} would name an address; is a package pinned by its URL?")
        (ROOT / "requirements" / name).write_text(text, "utf-8")
        print(f"lock: wrote requirements/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
