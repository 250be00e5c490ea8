"""The mock does what the document says, and what does not is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from contract_tests.run import DOCUMENT, run_schemathesis
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockResponse, RefusedError, json_response, refused
from squadiq.mock.operations import OPERATIONS, MockCall
from squadiq.mock.server import running_mock

pytestmark = pytest.mark.unmeasured

SEEDS = range(1, 4)
PHASES = ("Examples", "Coverage", "Fuzzing", "Stateful")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_check_passes_in_every_phase(seed: int) -> None:
    every_check_passes("--seed", str(seed))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 31))
def test_every_check_passes_for_thirty_seeds_and_more_examples(seed: int) -> None:
    every_check_passes("--seed", str(seed), "--max-examples", "50")


def every_check_passes(*options: str) -> None:
    # A repeated lead_id cannot be excluded by a schema, so a lead that exists is replaced here.
    with running_mock(rate=0, duplicate_leads="replace") as running:
        done = run_schemathesis(running.url, running.token, *options)
    assert done.returncode == 0, done.stdout
    operations = sum("operationId" in each for path in paths().values() for each in path.values())
    assert f"Selected: {operations}/{operations}" in done.stdout
    for phase in PHASES:
        assert f"✅ {phase}" in done.stdout


def paths() -> dict[str, dict[str, Any]]:
    contents: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    return contents["paths"]


def response_with_a_teapot(patch: pytest.MonkeyPatch) -> None:
    def teapot(_: MockCall) -> MockResponse:
        return json_response(418, {"detail": "I'm a teapot"})

    patch.setitem(OPERATIONS, "getLeads", teapot)


def accept_any_token(patch: pytest.MonkeyPatch) -> None:
    def business(*_: object) -> str:
        return "anybody"

    patch.setattr(Mock, "_business", business)


def forget_headers(patch: pytest.MonkeyPatch) -> None:
    def without_headers(status: int, detail: str, *_: tuple[str, str]) -> RefusedError:
        return refused(status, detail)

    patch.setattr("squadiq.mock.core.refused", without_headers)


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        (response_with_a_teapot, "Undocumented status code"),
        (accept_any_token, "API accepts requests without authentication"),
        (forget_headers, "Missing required response headers"),
    ],
)
def test_a_server_that_breaks_the_document_is_caught(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None], finding: str
) -> None:
    fault(monkeypatch)
    with running_mock(rate=0) as running:
        only = ["--include-operation-id", "getLeads", "--phases", "examples,coverage,fuzzing"]
        done = run_schemathesis(running.url, running.token, *only)
    assert done.returncode == 1
    assert finding in done.stdout.partition("FAILURES")[2], done.stdout
    assert running.token not in done.stdout
