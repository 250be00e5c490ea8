"""What the pages say is so: their code runs, their links lead somewhere, their commands exist."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import squadiq
from squadiq.mock.server import running_mock

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def python_blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def targets() -> list[str]:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    return str(phony).split()


def test_the_python_of_the_readme_runs_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ten_lines, *others = python_blocks(README)
    assert ten_lines.count("\n") <= 10
    exec(compile(ten_lines, "README.md", "exec"), {})
    assert re.fullmatch(r"u1 (Not )?Connected.*\n", capsys.readouterr().out)
    with running_mock(process_after_seconds=0) as mock:
        others = [block.replace("http://127.0.0.1:8765", mock.url) for block in others]
        exec(compile(others[0], "README.md", "exec"), {})
        assert capsys.readouterr().out.startswith("u1 ")
        assert mock.lead("campaign-1", "u1") is None
        for block in others[1:]:
            exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
        created = mock.lead("campaign-2", "u2")
        assert created is not None
        assert created["custom_fields"]["product_plan"] == "Lite"


def test_the_python_of_the_readme_never_reaches_the_live_service_by_copying() -> None:
    for block in python_blocks(README):
        for opened in re.findall(r"SquadIQ\((.*?)\) as", block):
            assert "mock.url" in opened or "127.0.0.1" in opened


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_python_block_of_a_page_is_python_and_imports_what_there_is(page: Path) -> None:
    for block in python_blocks(page.read_text("utf-8")):
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for node in ast.walk(compile(block, page.name, "exec", flags)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "squadiq":
                home = import_module(str(node.module))
                given = {*vars(home), *getattr(home, "__all__", ())}  # what is in neither may be a module
                assert [
                    name.name for name in node.names if name.name not in given and not hasattr(home, name.name)
                ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text("utf-8")))
    assert named <= set(targets())


def test_every_decision_stands_in_the_index_and_says_what_was_at_issue() -> None:
    index = (DECISIONS / "README.md").read_text("utf-8")
    pages = sorted(DECISIONS.glob("0*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text("utf-8")
        number, title = text.partition("\n")[0].removeprefix("# ").split(": ", 1)
        assert f"- [{number}]({page.name}) {title}\n" in index
        assert "**Decision.**" in text, page.name
        assert ("**Passages.**" in text and "**Every reading works.**" in text) or "**At issue.**" in text, page.name


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["dynamic"] == ["version"], "it is in squadiq/_version.py alone"
    assert squadiq.__version__ == version("squadiq")


def test_make_alone_lists_every_target_with_a_line_and_every_target_is_phony() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[1]: line.split()[2:] for line in shown.splitlines()}
    assert set(listed) == set(targets())
    assert all(listed.values())
    defined = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert defined == set(targets())


def test_no_recipe_is_longer_than_three_lines() -> None:
    for recipe in re.findall(r"^[^\t\n#.][^\n]*:[^\n]*\n((?:\t[^\n]*\n)+)", MAKEFILE, re.MULTILINE):
        assert recipe.count("\n") <= 3, recipe
