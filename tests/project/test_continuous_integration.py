"""In CI nothing is skipped, and what is pinned names no registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]

SKIPS = """
import pytest

@pytest.mark.skip(reason="marked")
def test_marked(): pass

@pytest.mark.skipif(True, reason="conditional")
def test_conditional(): pass

def test_inside(): pytest.skip("inside")

@pytest.mark.xfail(strict=True, reason="known")
def test_expected_failure(): assert False

def test_good(): pass
"""
SKIPPED_MODULE = "import pytest\npytest.importorskip('no_such_package')\n"


def run(folder: Path, ci: str, **files: str) -> str:
    shutil.copy(ROOT / "conftest.py", folder / "conftest.py")
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    environment = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


def test_a_skipped_test_is_a_failure_in_ci_and_an_expected_failure_is_not(tmp_path: Path) -> None:
    shown = run(tmp_path, "true", test_skips=SKIPS)
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in shown
    assert "skipped, which CI does not allow" in shown


def test_a_skipped_module_is_an_error_in_ci(tmp_path: Path) -> None:
    assert "1 error" in run(tmp_path, "true", test_module=SKIPPED_MODULE)


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    shown = run(tmp_path, "", test_skips=SKIPS, test_module=SKIPPED_MODULE)
    assert "1 passed, 4 skipped, 1 xfailed" in shown


@pytest.mark.parametrize(
    "name",
    [
        "dev.lock",
        "lint-openapi.lock",
        "docs.lock",
        "release.lock",
        "node/package-lock.json",
        "node/.npmrc",
        "node/package.json",
        "rivals/package-lock.json",
        "rivals/.npmrc",
        "rivals/package.json",
    ],
)
def test_what_is_pinned_names_no_address(name: str) -> None:
    assert re.search(r"\w://", (ROOT / "requirements" / name).read_text("utf-8")) is None


def test_every_pin_of_python_has_its_hashes() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        pins = re.split(r"\n(?=\S)", lock.read_text("utf-8").strip())
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)
