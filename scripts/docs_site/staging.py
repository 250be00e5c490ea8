"""Lay out the pages of the site: those of docs/, those of the repository's root, and those that are made.

The pages are written to be read where the repository is. A link to a page that the site has is turned
towards it there; one to any other file is turned towards a copy of that file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
FROM_THE_ROOT = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
}
ALONE = "---\nhide: [navigation]\n---\n"
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


def pages(root: Path) -> dict[str, str]:
    """Return where each page of the repository stands in the site, by its path in the repository."""
    docs = {path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md")}
    results = {path.relative_to(root).as_posix() for path in (root / "benchmarks" / "results").glob("*.md")}
    return {
        **{name: place for name, place in FROM_THE_ROOT.items() if (root / name).exists()},
        **{name: name.removeprefix("docs/") for name in docs},
        **{name: name.replace("benchmarks/results/", "project/results/") for name in results},
    }


def stage(folder: Path, made: Mapping[str, str], root: Path = ROOT) -> None:
    """Write every page into an empty folder, with the pictures of docs/ and the files that pages link to."""
    shutil.rmtree(folder, ignore_errors=True)
    places = pages(root)
    for name, place in places.items():
        text, files = rewritten((root / name).read_text("utf-8"), name, places, root)
        _write(folder / place, ALONE + text if place == "index.md" else text)
        for file in files:
            (folder / copied(file)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / file, folder / copied(file))
    for path in (root / "docs").rglob("*"):
        if path.is_file() and path.suffix != ".md":
            target = folder / path.relative_to(root / "docs")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for place, text in made.items():
        _write(folder / place, text)


def rewritten(text: str, name: str, places: Mapping[str, str], root: Path) -> tuple[str, set[str]]:
    """Return a page as it stands in the site, and the files that have to be copied beside it."""
    files: set[str] = set()
    here = PurePosixPath(places[name]).parent

    def turned(link: re.Match[str]) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        found = _in_the_repository(target, name, root)
        if found is None:
            return link[0]
        if found not in places:
            if found.startswith("docs/"):
                return link[0]
            files.add(found)
        place = places.get(found) or copied(found)
        if words in (target, f"`{target}`") and found in places:
            words = title(root / found)
        return f"[{words}]({os.path.relpath(place, here)}{anchor})"

    parts = FENCE.split(text)
    parts[::2] = [_spaced(LINK.sub(turned, part)) for part in parts[::2]]
    return "".join(parts), files


def copied(file: str) -> str:
    """Return where a file that is no page stands in the site."""
    return f"files/{file}"


def title(page: Path) -> str:
    """Return the first heading of a page."""
    return page.read_text("utf-8").partition("\n")[0].removeprefix("# ")


def _in_the_repository(target: str, name: str, root: Path) -> str | None:
    """Return what a relative link leads to, from the root; a folder stands for its README."""
    if "://" in target or target.startswith("mailto:"):
        return None
    found = os.path.normpath(PurePosixPath(name).parent / target)
    if (root / found).is_dir():
        found = f"{found}/README.md"
    return found if (root / found).is_file() else None


def _spaced(text: str) -> str:
    """Part a list from the paragraph above it: Python-Markdown asks for an empty line, GitHub does not."""
    return re.sub(r"^((?![-*] |\d+\. |[|#>\s]).+\n)(?=(?:[-*]|\d+\.) )", r"\1\n", text, flags=re.MULTILINE)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
