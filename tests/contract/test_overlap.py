"""Requests that overlap leave together however small the limit is, and what they may be answered with is no fault."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import pytest

from contract_tests.faults.mutants import CREATE, DELETE
from contract_tests.targets import FaultyMock, Plant, Respond, mock_target
from squadiq.config import network_from
from squadiq.contract.budget import HitBudget
from squadiq.contract.cases import run_case
from squadiq.contract.disposable import NOBODYS_NUMBERS, DisposableScope
from squadiq.contract.disposable_transport import DisposableTransport
from squadiq.contract.rules import Rule
from squadiq.contract.suite import FULL_SUITE
from squadiq.contract.target import Target
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest, MockResponse, json_response
from squadiq.quota import MemoryStore
from squadiq.transport import open_transport
from tests.contract.recording import CAMPAIGN, DOCUMENT, TOKEN, Recording, recording

CASES = {each.name: each for each in FULL_SUITE if "at_once" in each.name}
CREATES, DELETE_HOLDS = "creates_of_one_lead_id_at_once_make_one_lead", "a_delete_holds_though_updates_come_at_once"


def answering(path: str, status: int) -> Plant:
    """Return a mock that answers one operation with a status."""

    def plant(mock: Mock) -> Respond:
        def respond(request: MockRequest) -> MockResponse:
            assert isinstance(mock, FaultyMock)
            answers = request.path.startswith(path)
            return json_response(status, {"detail": "x"} if status >= 400 else {}) if answers else mock.sound(request)

        return respond

    return plant


def paced(server: Recording, limit: int) -> DisposableTransport:
    time, url = server.time, httpx.URL(server.url)
    return DisposableTransport(
        inner=open_transport(network_from(url, {})),
        scope=DisposableScope(server.url, CAMPAIGN, NOBODYS_NUMBERS, DOCUMENT),
        pace=HitBudget([MemoryStore(limit, 60.0, now=time.now)], time.sleep, time.now),
    )


@contextmanager
def disposable_target(server: Recording, limit: int) -> Generator[Target]:
    transport, url = paced(server, limit), httpx.URL(server.url)
    with httpx.Client(transport=transport, base_url=url, headers={"Accept-Encoding": "identity"}) as http:
        yield Target(
            http=http,
            spec=DOCUMENT,
            token=TOKEN,
            campaign_id=CAMPAIGN,
            prefix="a",
            phone_numbers=NOBODYS_NUMBERS,
            reserved=transport.reserved,
        )


@pytest.mark.parametrize("limit", [4, 6, 100])
def test_they_leave_together_as_soon_as_there_are_hits_for_all(limit: int) -> None:
    with recording(leads=0) as server, disposable_target(server, limit) as target:
        for _ in range(3):
            target.page()
        created = target.send_at_once(*[("createLeads", [target.lead()])] * 4)
        arrivals = server.arrivals
    assert sorted(each.status for each in created) == [201, 400, 400, 400]
    assert (target.hits, len(arrivals)) == (7, 7)
    assert len(set(arrivals[3:])) == 1
    assert (arrivals[3] >= 60) == (limit < 100)


def test_hits_that_are_reserved_are_had_before_the_first_is_spent_and_given_back() -> None:
    with recording(leads=0) as server, closing(paced(server, 4)) as transport:
        assert transport.pace
        transport.pace.complete(transport.pace.take_spare(), throttled=False)
        with transport.reserved(4):
            assert len(transport.pace.spare) == 4
            assert (began := server.time.now()) >= 60
        with transport.reserved(4):
            assert (len(transport.pace.spare), server.time.now()) == (4, began)
        assert transport.pace.spare == []


def test_each_is_in_a_thread_of_its_own() -> None:
    threads: list[int] = []

    def noting(mock: Mock) -> Respond:
        def respond(request: MockRequest) -> MockResponse:
            threads.append(threading.get_ident())
            return Mock.respond(mock, request)

        return respond

    with mock_target(noting, seeded=False) as target:
        target.send_at_once(*[("deleteLead", {"lead_id": "unknown"})] * 4)
    assert len(set(threads)) == 4


def test_a_limit_below_them_leaves_it_open() -> None:
    with recording(leads=0) as server, disposable_target(server, 3) as target:
        outcome = run_case(CASES[CREATES], target)
    assert outcome.inconclusive == "4 requests at once take as many hits, more than the limit has"
    assert server.seen == []


def test_where_a_repeat_is_replaced_all_of_them_may_be_taken() -> None:
    with mock_target(duplicate_leads="replace") as target:
        target.readings = replace(target.readings, refuses_repeats=False)
        assert run_case(CASES[CREATES], target).finding is None


@pytest.mark.parametrize("name", CASES)
def test_a_sound_server_holds_them(name: str) -> None:
    with mock_target() as target:
        assert run_case(CASES[name], target).finding is None


def test_a_delete_that_is_refused_promises_nothing() -> None:
    with mock_target(answering(DELETE, 400)) as target:
        assert run_case(CASES[DELETE_HOLDS], target).finding is None


def test_one_create_of_several_must_be_taken() -> None:
    with mock_target(answering(CREATE, 400)) as target:
        finding = run_case(CASES[CREATES], target).finding
    assert finding
    assert finding.rule is Rule.LEAD_ID_ONCE
    assert finding.observed == "0 of 4 creates of one lead_id at once were answered with 201"
