"""The mock does what the document says, and what does not is caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contract_tests.targets import run_schemathesis
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockResponse, RefusedError, json_response, refused
from squadiq.mock.operations import OPERATIONS, MockCall
from squadiq.mock.server import running_mock

pytestmark = pytest.mark.unmeasured

SEEDS = range(1, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_check_passes_in_every_phase(seed: int) -> None:
    every_check_passes(seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 31))
def test_every_check_passes_for_thirty_seeds_and_more_examples(seed: int) -> None:
    every_check_passes(seed, examples=50)


def every_check_passes(seed: int, *, examples: int = 10) -> None:
    with running_mock(rate=0, duplicate_leads="replace") as running:
        (outcome,) = run_schemathesis(running.url, running.token, seed, examples=examples)
    assert (outcome.finding, outcome.inconclusive) == (None, "")
    assert outcome.hits > 300


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
    with running_mock(rate=0, duplicate_leads="replace") as running:
        outcomes = run_schemathesis(running.url, running.token, 1, examples=1, phases=("examples", "coverage"))
    observed = [each.finding.observed for each in outcomes if each.finding]
    assert any(each.startswith(finding) for each in observed), outcomes
