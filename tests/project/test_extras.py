"""What a page tells to install is enough for that page: a wheel, fresh environments, and the pages' own examples."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from squadiq.mock.server import RunningMock, running_mock
from tests.project.test_tutorial import TIME, steps

pytestmark = [pytest.mark.soak, pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
INSTALL = re.compile(r"\bpip install ('squadiq\[[\w,]+\]'(?: [a-z]\w*)*)|`(squadiq\[\w+\])`")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^\s*(?:from|import) ([\w.]+(?:, *[\w.]+)*)", re.MULTILINE)
ENGINE = re.compile(r"squadiq\.integrations\.(\w+)")


@dataclass(frozen=True)
class Installed:
    """What one line of a page installs, and the code that stands below it."""

    page: str
    packages: str
    blocks: tuple[str, ...]


def installed() -> Iterator[Installed]:
    for page in PAGES:
        text = page.read_text("utf-8")
        found = list(INSTALL.finditer(text))
        for place, line in enumerate(found):
            packages = line[1] or f"'{line[2]}'"
            ends = found[place + 1].start() if place + 1 < len(found) else len(text)
            blocks = [block for block in BLOCK.findall(text[line.end() : ends]) if not ENGINE.search(block)]
            blocks += [block for block in BLOCK.findall(text) if f"integrations.{packages[9:-2]} " in block]
            yield Installed(page.relative_to(ROOT).as_posix(), packages, tuple(blocks))


def modules(blocks: Iterable[str]) -> set[str]:
    return {module for block in blocks for line in IMPORT.findall(block) for module in re.split(r", *", line)}


class Environment:
    """A fresh one, with the wheel and what it asks for, and nothing of this one's variables."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.variables = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(home), "COLUMNS": "200"}

    def run(self, *command: str, ends_with: int = 0) -> str:
        """Run a command in the home directory, as a user does, and return what it printed."""
        done = subprocess.run(
            command,
            cwd=self.variables["HOME"],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == ends_with, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def uv(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def environment(packages: str, wheel: Path, folder: Path) -> Environment:
    uv("venv", "--no-project", "--python", sys.executable, folder / "venv")
    asked = [f"{name} @ {wheel.as_uri()}" if name.startswith("squadiq[") else name for name in shlex.split(packages)]
    uv("pip", "install", "--python", folder / "venv" / "bin" / "python", *asked)
    (folder / "home").mkdir()
    return Environment(folder / "venv", folder / "home")


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running_mock(rate=0) as mock:
        yield mock


def example(asked: Installed, here: Environment, mock: RunningMock) -> None:
    """Do what the first example below such a line does."""
    home = Path(here.variables["HOME"])
    here.variables |= {
        "SQUADIQ_BASE_URL": mock.url,
        "SQUADIQ_ACCESS_TOKEN": mock.token,
        "SQUADIQ_CAMPAIGN_ID": "campaign-1",
        "WEBHOOK_SECRET": "s3cret",
    }
    (home / "leads.csv").write_text("Lead ID,Mobile No,Name\nL-1,98765 43210,Asha Rao\n", "utf-8")
    match shlex.split(asked.packages)[0]:
        case "squadiq[cli]" | "squadiq[push]" | "squadiq[cli,phone,push]":
            assert "1  created" in here.run("squadiq", "leads", "push", "leads.csv")
            assert "access token   is accepted" in here.run("squadiq", "doctor")
            if "push" in asked.packages:
                here.run("python", "-c", "import pyarrow, python_calamine")
        case "squadiq[phone]" if asked.blocks:
            (home / "program.py").write_text(asked.blocks[0], "utf-8")
            here.run("python", "program.py")
        case "squadiq[contract]":
            here.run(
                "squadiq",
                "contract",
                "--target",
                mock.url,
                "--campaign",
                "campaign-1",
                "--yes",
                "--hits-per-minute",
                "90",
            )
        case "squadiq[redis]":
            here.run("python", "-c", "import squadiq; squadiq.SquadIQ(quota='redis://host:6379/0').close()")
        case "squadiq[postgres]":
            here.run("python", "-c", "import squadiq; squadiq.SquadIQ(quota='postgresql://a@host/b').close()")
            here.run("python", "-c", "import squadiq.inbox; squadiq.inbox.Inbox('postgresql://a@host/b')")
        case "squadiq[inbox]" if "fastapi" in asked.packages:
            (home / "leads.py").write_text(asked.blocks[0], "utf-8")
            here.run("python", "-c", "import uvicorn, leads; assert leads.app.routes")
        case _:
            pass


@pytest.mark.parametrize("asked", [*installed()], ids=lambda asked: f"{asked.page}: {asked.packages}")
def test_what_a_page_installs_runs_that_page(asked: Installed, wheel: Path, mock: RunningMock, tmp_path: Path) -> None:
    here = environment(asked.packages, wheel, tmp_path)
    needed = "; ".join(f"import {module}" for module in sorted({"squadiq", *modules(asked.blocks)}))
    here.run("python", "-c", needed)
    example(asked, here, mock)


def test_a_new_user_gets_through_the_tutorial_with_what_it_installs(wheel: Path, tmp_path: Path) -> None:
    """Each command is a process of a fresh environment; the mock is on a free port, and time is let pass."""
    (install,) = (what.removeprefix("pip install ") for _, what, _ in steps() if what.startswith("pip install"))
    here = environment(install, wheel, tmp_path)
    home = Path(here.variables["HOME"])
    command = ["squadiq", "mock", "--port", "0"]
    with subprocess.Popen(command, env=here.variables, cwd=home, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().rpartition(" ")[2].strip()
            for do, what, text in steps():
                if do == "save":
                    (home / what).write_text(text, "utf-8")
                elif what.startswith("export "):
                    name, _, value = what.removeprefix("export ").partition("=")
                    here.variables[name] = address if name == "SQUADIQ_BASE_URL" else value
                elif what.startswith(("squadiq leads", "python")):
                    if "get" in what or "outcomes" in what:
                        advance = f"import httpx; httpx.post('{address}/_mock/advance', json={{'seconds': 5}})"
                        here.run("python", "-c", advance)
                    printed = here.run(*shlex.split(what), ends_with=int("rejected" in text))
                    assert lines(printed, home) == lines(text, home), what
        finally:
            process.terminate()


def lines(text: str, home: Path) -> list[str]:
    """What was printed, less what differs from one to another; the bar and messages go elsewhere."""
    text = TIME.sub("TIME", text.replace(str(home), "~"))
    return [line.rstrip() for line in text.splitlines()]
