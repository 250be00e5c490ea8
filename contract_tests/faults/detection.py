"""Lets each part of the contract tests loose on a planted fault, and says what it found."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract_tests.faults.mutants import Planted
from contract_tests.run import run_schemathesis
from contract_tests.targets import SPEC, FaultyMock, mock_target, run_suite
from squadiq.contract.rules import BrokenError, Rule
from squadiq.contract.sequences import run_sequences
from squadiq.mock.app import application
from squadiq.mock.server import Server, base_url, bound_socket
from squadiq.mock.settings import MockSettings

SEQUENCES = 300
_TITLE = re.compile(r"^- ST[0-9]+ (.+)$", re.MULTILINE)


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
    with _serving(planted) as url:
        done = run_schemathesis(url, "test_token", "--seed", str(seed_number), "--phases", "examples,coverage,fuzzing")
    return list(dict.fromkeys(_TITLE.findall(done.stdout)))


def _last_header_wins(app: ASGIApp) -> ASGIApp:
    """Let a fault set a header that the application sets too."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if "headers" in message:
                message = {**message, "headers": list(dict(message["headers"]).items())}
            await send(message)

        await app(scope, receive, sending)

    return wrapped


@contextmanager
def _serving(planted: Planted) -> Generator[str]:
    settings = MockSettings(rate=0, duplicate_leads="replace", process_after_seconds=0)
    mock = FaultyMock(planted.plant, settings, spec=SPEC)
    server = Server(mock)
    server.config.app = _last_header_wins(application(mock))
    listening = bound_socket("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        server.ready.wait()
        yield base_url(listening)
    finally:
        server.should_exit = True
        thread.join()
        mock.close()
