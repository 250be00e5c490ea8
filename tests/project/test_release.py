"""What a release is held to, and that the files about it say the same: Pythons, versions of tools, targets of make."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import release_check
import set_up
import yaml
from lock import LOCKS
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import squadiq

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CLASSIFIERS: list[str] = PYPROJECT["project"]["classifiers"]
PROMISED = [found[1] for found in map(release_check.CLASSIFIER.fullmatch, CLASSIFIERS) if found]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def pinned_ruff(lock: str) -> str:
    (version,) = re.findall(r"^ruff==(\S+)", (ROOT / "requirements" / lock).read_text("utf-8"), re.MULTILINE)
    return str(version)


def test_the_version_is_written_in_one_place() -> None:
    declared = re.compile(rf"\b{re.escape(squadiq.__version__)}\b")
    written = [
        path.relative_to(ROOT).as_posix()
        for path in [*(ROOT / "squadiq").rglob("*.py"), ROOT / "pyproject.toml", ROOT / "mkdocs.yml"]
        if declared.search(re.sub(r"[=><]=?\s*\d[\d.]*", "", path.read_text("utf-8").replace("__version__ = ", "")))
    ]
    assert written == ["squadiq/_version.py"]


def test_the_workflow_runs_on_every_python_that_is_promised_and_tries_the_next() -> None:
    matrix = read_yaml(".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]
    tried = [each["python"] for each in matrix["include"] if each["experimental"]]
    assert matrix["python"] == PROMISED
    assert matrix["experimental"] == [False]
    assert tried == [release_check.NEXT_PYTHON]
    assert release_check.NEXT_PYTHON not in PROMISED


def test_the_oldest_python_is_the_same_everywhere() -> None:
    oldest = ".".join(map(str, set_up.OLDEST))
    assert PROMISED[0] == oldest
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == PYPROJECT["tool"]["pyright"]["pythonVersion"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


def test_ruff_is_the_same_everywhere() -> None:
    (hook,) = (
        each for each in read_yaml(".pre-commit-config.yaml")["repos"] if each["repo"].endswith("ruff-pre-commit")
    )
    groups = [Requirement(each) for each in PYPROJECT["dependency-groups"]["generate"]]
    (declared,) = (each.specifier for each in groups if each.name == "ruff")
    assert hook["rev"] == f"v{pinned_ruff('dev.lock')}"
    assert pinned_ruff("docs.lock") == pinned_ruff("dev.lock")
    assert declared == SpecifierSet(f"=={pinned_ruff('dev.lock')}")


def test_every_lock_is_renewed_by_make_lock() -> None:
    assert {path.name for path in (ROOT / "requirements").glob("*.lock")} == set(LOCKS)
    assert {path.name for path in (ROOT / "requirements").glob("*.in")} == {
        Path(source).name for sources in LOCKS.values() for source in sources if source.endswith(".in")
    }


def test_workflows_hooks_and_the_ci_script_name_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [path.read_text("utf-8") for path in [*WORKFLOWS, ROOT / ".ci" / "run", ROOT / ".pre-commit-config.yaml"]]
    named = {
        name for text in texts for name in re.findall(r"^\s*(?:- run: |entry: )?make ([a-z-]+)$", text, re.MULTILINE)
    }
    assert {"lint", "typecheck", "generate-check", "test", "docs", "release-check", "lock"} <= named <= targets


def test_no_workflow_may_do_more_than_it_needs() -> None:
    """The one on pull requests, which runs other people's code, may only read."""
    may = {path.stem: yaml.safe_load(path.read_text("utf-8"))["permissions"] for path in WORKFLOWS}
    assert may == {"ci": {"contents": "read"}, "lock": {"contents": "write", "pull-requests": "write"}}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("## [Unreleased]\n\n## [1.2.3] - 2026-11-25\n\n- one\n", None),
        ("## [Unreleased]\n\n- one\n", "there is no section '## [1.2.3] - YYYY-MM-DD'"),
        ("## [1.2.3]\n\n- one\n", "there is no section '## [1.2.3] - YYYY-MM-DD'"),
        ("## [1.2.31] - 2026-11-25\n", "there is no section '## [1.2.3] - YYYY-MM-DD'"),
        ("## [Unreleased]\n\n- two\n\n## [1.2.3] - 2026-11-25\n\n- one\n", "something stands under Unreleased"),
    ],
)
def test_a_release_needs_its_section_of_the_changelog(text: str, wrong: str | None) -> None:
    if wrong is None:
        assert release_check.check_changelog(text, "1.2.3") == "has 1.2.3"
    else:
        with pytest.raises(release_check.CheckError, match=re.escape(wrong)):
            release_check.check_changelog(text, "1.2.3")


def test_what_is_built_twice_and_differs_is_named(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "it.whl").write_text("same", "utf-8")
    assert release_check.same_files(tmp_path / "first", tmp_path / "second") == "the same bytes: it.whl"
    (tmp_path / "second" / "it.whl").write_text("sama", "utf-8")
    with pytest.raises(release_check.CheckError, match=r"^not the same bytes: it\.whl$"):
        release_check.same_files(tmp_path / "first", tmp_path / "second")
    (tmp_path / "second" / "more.whl").touch()
    with pytest.raises(release_check.CheckError, match="other names"):
        release_check.same_files(tmp_path / "first", tmp_path / "second")


def test_a_check_that_fails_is_told_and_the_others_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> str:
        raise release_check.CheckError("it is bad")

    assert release_check.report({"one": fails, "two": lambda: "fine"}) == 1
    assert capsys.readouterr().out == "WRONG  one: it is bad\nok     two: fine\n"
    assert release_check.report({"two": lambda: "fine"}) == 0


def test_wheel_and_sdist_are_the_same_bytes_when_they_are_built_again(tmp_path: Path) -> None:
    assert release_check.check_builds(tmp_path).startswith("the same bytes: squadiq-")
