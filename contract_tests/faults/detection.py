"""Lets each part of the contract tests loose on a planted fault, and says what it found."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract_tests.faults.mutants import Planted
from contract_tests.targets import (
    CAMPAIGN,
    PROCESS_AFTER_SECONDS,
    SPEC,
    FaultyMock,
    Plant,
    mock_target,
    run_schemathesis,
    run_suite,
)
from contract_tests.threaded import threaded_server
from squadiq.auth import AccessToken
from squadiq.contract.cases import run_case
from squadiq.contract.full import Effort, FullRun, FullSettings, run_full
from squadiq.contract.live import GENERATED_AT_MOST, MAX_HITS
from squadiq.contract.random_queries import Query, random_queries, random_read
from squadiq.contract.rules import BrokenError, Rule
from squadiq.contract.sequences import run_sequences
from squadiq.contract.suite import fitting
from squadiq.contract.target import Target
from squadiq.mock.app import application
from squadiq.mock.server import Server, base_url, bound_socket
from squadiq.mock.settings import MockSettings

SEQUENCES = 300
PROCESSED = ("1", "2", "one + of%20 a", "4", "5", "6")


@dataclass(frozen=True)
class Caught:
    """A fault that was caught: for which rule, by which case, and after how many hits in all."""

    rule: Rule
    by: str
    hits: int


def by_cases(planted: Planted) -> dict[Rule, Caught]:
    """Return for each broken rule the first case that caught it."""
    caught: dict[Rule, Caught] = {}
    hits = 0
    for outcome in run_suite(planted.plant):
        hits += outcome.hits
        if outcome.finding:
            caught.setdefault(outcome.finding.rule, Caught(outcome.finding.rule, outcome.case, hits))
    return caught


def by_live_reads(plant: Plant) -> set[Rule]:
    """Return the rules that a live run which only reads finds broken, on a campaign with processed leads.

    The business has another campaign, and one of the lead_ids must be encoded in an address.
    """
    with mock_target(plant, seeded=False) as target:
        for lead_id in PROCESSED:
            for campaign_id in (CAMPAIGN, f"{CAMPAIGN}-2"):
                _create_unchecked(target, target.lead(lead_id=lead_id), campaign_id)
            target.advance(60)
        target.advance(PROCESS_AFTER_SECONDS)
        outcomes = [run_case(each, target) for each in fitting([])]
        outcomes += [random_read(target, query) for query in _random_queries()[: MAX_HITS - target.hits]]
    return {each.finding.rule for each in outcomes if each.finding}


@cache
def _random_queries() -> list[Query]:
    return random_queries(SPEC, GENERATED_AT_MOST, seed_number=0)


def _create_unchecked(target: Target, lead: dict[str, Any], campaign_id: str) -> None:
    path = SPEC.operations["createLeads"].path.replace("{campaign_id}", campaign_id)
    target.http.post(path, json=lead, headers={"Authorization": f"Bearer {target.token}"})


def by_sequences(planted: Planted, *, seed_number: int) -> Caught | None:
    """Return what random sequences caught first, None if nothing."""
    try:
        run_sequences(
            lambda: mock_target(planted.plant, seeded=False), seed_number=seed_number, examples=SEQUENCES, shrink=False
        )
    except BrokenError as broken:
        return Caught(broken.finding.rule, "random sequences", broken.__dict__["hits"])
    return None


def by_schemathesis(planted: Planted, *, seed_number: int = 1) -> list[str]:
    """Return the titles of what schemathesis found."""
    settings = MockSettings(rate=0, duplicate_leads="replace", process_after_seconds=0)
    with serving(planted.plant, settings) as (url, _):
        outcomes = run_schemathesis(url, "test_token", seed_number, phases=("examples", "coverage", "fuzzing"))
    return [each.finding.observed.rpartition(" (")[0] for each in outcomes if each.finding]


def by_full_run(
    plant: Plant, *, seed_number: int = 1, quota: bool = False, overlap: bool = False, effort: Effort | None = None
) -> FullRun:
    """Return what `squadiq contract full` finds over HTTP.

    Args:
        quota: let the server have the limit of the document; waiting lets the time of the mock pass.
        overlap: let the server answer several requests at once.
    """
    rate = SPEC.hits if quota else 0
    serve = serving_at_once if overlap else serving
    with serve(plant, MockSettings(rate=rate, process_after_seconds=PROCESS_AFTER_SECONDS)) as (url, mock):
        passed = [0.0]

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            mock.advance(seconds)

        return run_full(
            FullSettings(
                base_url=httpx.URL(url),
                campaign_id=CAMPAIGN,
                token=AccessToken(mock.settings.tokens[0]),
                hits_per_minute=rate,
                control_url=httpx.URL(url),
                effort=effort or Effort(sequence_seeds=(seed_number,), sequences=10, schemathesis_seeds=()),
                sleep=sleep,
                now=lambda: passed[0],
            )
        )


def _last_header_wins(app: ASGIApp) -> ASGIApp:
    """Let a fault set a header that the application sets too."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if "headers" in message:
                # The application's own two come last, as what holds unless a fault says otherwise.
                *said, content_type, content_length = message["headers"]
                message = {**message, "headers": list(dict([content_type, content_length, *said]).items())}
            await send(message)

        await app(scope, receive, sending)

    return wrapped


@contextmanager
def serving_at_once(plant: Plant, settings: MockSettings) -> Generator[tuple[str, FaultyMock]]:
    """Serve a mock with a planted fault, several requests at once."""
    mock = FaultyMock(plant, settings, spec=SPEC)
    with threaded_server(mock) as url:
        yield url, mock
    mock.close()


@contextmanager
def serving(plant: Plant, settings: MockSettings, *, port: int = 0) -> Generator[tuple[str, FaultyMock]]:
    """Serve a mock with a planted fault on a port of this machine, a free one unless it is given."""
    mock = FaultyMock(plant, settings, spec=SPEC)
    server = Server(mock)
    server.config.app = _last_header_wins(application(mock))
    listening = bound_socket("127.0.0.1", port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        server.ready.wait()
        yield base_url(listening), mock
    finally:
        server.should_exit = True
        thread.join()
        mock.close()
