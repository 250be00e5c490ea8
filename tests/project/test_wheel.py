"""What a wheel installs, and how it behaves where no extra is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import squadiq
from squadiq.mock.server import running_mock

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
INFO = f"squadiq-{squadiq.__version__}.dist-info"


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what it depends on, and nothing else, pip included."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    for dependency in closure(distribution("squadiq")):
        copy(dependency, site_packages(python))
    return python


def site_packages(python: Path) -> Path:
    (folder,) = python.parents[1].glob("lib/python*/site-packages")
    return folder


def closure(of: Distribution) -> Iterator[Distribution]:
    """What a distribution needs without extras, and what that needs in turn."""
    seen: set[str] = set()
    waiting = [of]
    while waiting:
        for text in waiting.pop().requires or ():
            needed = Requirement(text)
            if needed.name not in seen and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                seen.add(needed.name)
                waiting.append(distribution(needed.name))
                yield waiting[-1]


def copy(package: Distribution, target: Path) -> None:
    for file in package.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(package.locate_file(file)), target / file)


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-I", "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_wheel_has_the_two_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"squadiq", "squadiq_generated", INFO}
    assert {
        "squadiq/py.typed",
        "squadiq_generated/py.typed",
        "squadiq_generated/openapi.json",
        f"{INFO}/licenses/LICENSE",
    } <= set(names)


def test_it_imports_and_reads_leads_without_any_extra(bare: Path) -> None:
    installed = {path.name for path in site_packages(bare).iterdir()}
    assert not installed & {"typer", "rich", "starlette", "phonenumbers", "redis", "sqlalchemy", "pytest"}
    script = (
        "import sys, squadiq, squadiq_generated.models\n"
        "assert squadiq.__file__.startswith(sys.prefix)\n"
        "with squadiq.SquadIQ(sys.argv[2], base_url=sys.argv[1], quota='memory') as client:\n"
        "    print(list(client.campaign('c1').get_leads()))\n"
    )
    with running_mock() as mock:
        done = run(bare, "-c", script, mock.url, mock.token)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


CREATE_A_LEAD = """
import squadiq
lead = {"lead_id": "u1", "phone_number": "98765 43210", "contact_name": "Asha"}
squadiq.SquadIQ("token", quota="memory").campaign("c1").create_leads([lead])
"""


@pytest.mark.parametrize(
    ("extra", "statement"),
    [
        ("phone", CREATE_A_LEAD),
        ("cli", "import squadiq.cli"),
        ("mock", "import squadiq.mock.server"),
        ("mock", "import squadiq.mock.transport"),
        ("outcomes", "import squadiq.outcomes"),
        ("dlt", "import squadiq.integrations.dlt"),
        ("drt", "import squadiq.integrations.drt"),
        ("metrics", "import squadiq.integrations.prometheus"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(bare: Path, extra: str, statement: str) -> None:
    done = run(bare, "-c", statement)
    assert done.returncode == 1
    assert "squadiq.errors.MissingExtraError" in done.stderr
    assert f"Install it with: pip install 'squadiq[{extra}]'" in done.stderr.splitlines()[-1]


def test_the_command_without_its_extra_says_so_in_one_line(bare: Path) -> None:
    done = run(bare, "-m", "squadiq", "mock")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "squadiq: typer is not installed. Install it with: pip install 'squadiq[mock]'\n"


def test_the_pytest_plugin_leaves_those_alone_who_lack_the_mock(bare: Path, tmp_path: Path) -> None:
    for dependency in [distribution("pytest"), *closure(distribution("pytest"))]:
        copy(dependency, site_packages(bare))
    (tmp_path / "test_theirs.py").write_text("def test_own(): pass\ndef test_asks(squadiq_mock): pass\n", "utf-8")
    done = run(bare, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert "1 passed, 1 error" in done.stdout
    assert "pip install 'squadiq[mock]'" in done.stdout
