"""Mocks within the process as targets, whole or with a planted fault, at a time that stands still."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import httpx

from squadiq.contract.cases import Case, run_case
from squadiq.contract.disposable import NOBODYS_NUMBERS, DisposableScope
from squadiq.contract.readings import Readings
from squadiq.contract.results import CaseResult
from squadiq.contract.schemathesis_run import PHASES, SchemathesisRun
from squadiq.contract.suite import FULL_SUITE as SUITE
from squadiq.contract.target import Capability, Target
from squadiq.mock.control_api import HELPERS
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest, MockResponse
from squadiq.mock.settings import MockSettings
from squadiq.mock.transport import InProcessTransport
from squadiq.spec import Spec

Respond = Callable[[MockRequest], MockResponse]
Plant = Callable[[Mock], Respond]

SPEC = Spec.installed()
START = 1_700_000_000
PROCESS_AFTER_SECONDS = 3600.0
SEEDED = 5
CAMPAIGN = "campaign-1"
OFFERS = frozenset(Capability)


class FaultyMock(Mock):
    """A mock of which one thing is wrong: what answers in its place may ask the mock itself."""

    def __init__(self, plant: Plant, settings: MockSettings, **options: Any) -> None:
        super().__init__(settings, **options)
        self._answering = plant(self)

    def respond(self, request: MockRequest) -> MockResponse:
        """Answer as the fault does, but for the helper endpoints: those are not the server under test."""
        return self.sound(request) if request.path.startswith(HELPERS) else self._answering(request)

    def sound(self, request: MockRequest) -> MockResponse:
        """Answer as the mock does."""
        return super().respond(request)


class _Transport(InProcessTransport):
    """The last of several headers with one name is the one that a fault has set."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers = httpx.Headers(dict(response.headers.multi_items()))
        return response


def sound(mock: Mock) -> Respond:
    """Plant nothing."""
    return lambda request: Mock.respond(mock, request)


@contextmanager
def mock_target(
    plant: Plant = sound,
    *,
    rate: int = 0,
    seeded: bool = True,
    duplicate_leads: Literal["reject", "replace"] = "reject",
) -> Generator[Target]:
    """Make a target of a mock with some leads that are processed already."""
    settings = MockSettings(rate=rate, process_after_seconds=PROCESS_AFTER_SECONDS, duplicate_leads=duplicate_leads)
    mock = FaultyMock(plant, settings, spec=SPEC, now=lambda: START, monotonic=lambda: 0.0)
    with httpx.Client(transport=_Transport(mock), base_url="http://mock.test") as http:
        target = Target(
            http=http,
            spec=SPEC,
            token="test_token",
            campaign_id=CAMPAIGN,
            prefix="lead-",
            offers=OFFERS,
            process_after_seconds=PROCESS_AFTER_SECONDS,
            process_from_seconds=PROCESS_AFTER_SECONDS / 2,
            advance=mock.advance,
            lead_state=mock.lead_state,
        )
        if seeded:
            for _ in range(SEEDED):
                target.http.post(
                    f"/api/v4/leads/create/{CAMPAIGN}/",
                    json=target.lead(),
                    headers={"Authorization": f"Bearer {target.token}"},
                )
            mock.advance(2 * PROCESS_AFTER_SECONDS)
        yield target
    mock.close()


def run_schemathesis(
    url: str, token: str, seed: int, *, examples: int = 10, phases: Sequence[str] = PHASES
) -> list[CaseResult]:
    """Run schemathesis as `squadiq contract full` does, on a mock that replaces a lead that exists.

    No schema can say which lead_ids are there, so a mock that refuses them would refuse what the document allows.
    """
    scope = DisposableScope(url, CAMPAIGN, NOBODYS_NUMBERS)
    readings = Readings(refuses_repeats=False)
    run = SchemathesisRun(
        scope=scope, token=token, readings=readings, hits_per_minute=0, examples=examples, phases=phases
    )
    return run.run(seed)[0]


def run_suite(plant: Plant = sound) -> list[CaseResult]:
    """Run every example, each on a mock of its own."""
    return [_run(each, plant) for each in SUITE]


def _run(each: Case, plant: Plant) -> CaseResult:
    with mock_target(plant, rate=SPEC.hits if Capability.QUOTA in each.needs else 0) as target:
        return run_case(each, target)
