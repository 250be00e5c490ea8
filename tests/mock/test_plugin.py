"""The pytest fixture that comes with the package."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx

from squadiq.mock.server import RunningMock


def test_the_fixture_is_a_running_mock_without_a_rate_limit(squadiq_mock: RunningMock) -> None:
    url = f"{squadiq_mock.url}/api/v4/leads/responses/c1/"
    headers = {"Authorization": f"Bearer {squadiq_mock.token}"}
    with httpx.Client(headers=headers) as client:
        assert {client.get(url).status_code for _ in range(110)} == {200}


def pytest_in(folder: Path, test: str, *, without: tuple[str, ...] = ()) -> str:
    """Run a test of somebody's own in a folder of their own, on a machine without some packages.

    Of the plugins only ours is loaded, by the name of its entry point, as pytest loads them all.
    """
    (folder / "test_own.py").write_text(textwrap.dedent(test))
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in without)
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "squadiq"]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {blocked}import pytest; sys.exit(pytest.main({options}))"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_a_test_of_somebodys_own_gets_the_fixture(tmp_path: Path) -> None:
    test = """
    import httpx

    def test_it(squadiq_mock):
        assert httpx.get(squadiq_mock.url + "/_mock/campaigns/c1").json()["created"] == 0
    """
    assert "1 passed" in pytest_in(tmp_path, test)


def test_pytest_works_where_the_extra_is_not_installed(tmp_path: Path) -> None:
    extra = ("jsonschema_rs", "orjson", "starlette", "uvicorn", "httptools", "uvloop", "typer", "rich")
    assert "1 passed" in pytest_in(tmp_path, "def test_it(): pass", without=extra)


def test_who_asks_for_the_fixture_without_the_extra_is_told_what_to_install(tmp_path: Path) -> None:
    output = pytest_in(tmp_path, "def test_it(squadiq_mock): pass", without=("orjson",))
    assert "orjson is not installed. Install it with: pip install 'squadiq[mock]'" in output
