"""The cases hold for the mock, within the process and on a port, without a change."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.targets import OFFERS, SPEC, Respond, mock_target
from squadiq.contract import suite
from squadiq.contract.cases import Case, run_case
from squadiq.contract.suite import FULL_SUITE as SUITE
from squadiq.contract.suite import fitting
from squadiq.contract.target import Capability, Target
from squadiq.contract.times import in_seconds
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest, MockResponse, json_response
from squadiq.mock.server import running_mock


def names(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", SUITE, ids=names)
def test_the_mock_holds_every_example(case: Case) -> None:
    with mock_target(rate=SPEC.hits if Capability.QUOTA in case.needs else 0) as target:
        outcome = run_case(case, target)
    assert outcome.finding is None, outcome.finding
    assert outcome.inconclusive == ""
    assert outcome.hits <= case.hits, "it takes more hits than the plan of a live run would say"


@pytest.mark.parametrize("case", fitting([]), ids=names)
def test_what_only_reads_says_so_of_an_empty_campaign_too(case: Case) -> None:
    with mock_target(seeded=False) as target:
        assert run_case(case, target).finding is None


def test_a_long_list_is_read_for_a_few_pages_only() -> None:
    (case,) = [each for each in SUITE if each.name == "pages_hold_each_lead_once"]
    with mock_target() as target:
        target.processed(*[target.lead() for _ in range(20)])
        outcome = run_case(case, target)
    assert (outcome.finding, outcome.hits) == (None, case.hits)


def test_a_service_may_ignore_unknown_leads_in_a_disable() -> None:
    (case,) = [each for each in SUITE if each.name == "a_refused_disable_disables_none"]

    def ignore_unknown(mock: Mock) -> Respond:
        def respond(request: MockRequest) -> MockResponse:
            response = Mock.respond(mock, request)
            disable = "/disable/" in request.path and response.status == 404
            return json_response(201, []) if disable else response

        return respond

    with mock_target(ignore_unknown) as target:
        assert run_case(case, target).finding is None


def test_a_service_may_answer_404_for_a_page_that_cannot_be() -> None:
    (case,) = [each for each in SUITE if each.name == "values_that_the_document_excludes_are_refused"]

    def no_such_page(mock: Mock) -> Respond:
        def respond(request: MockRequest) -> MockResponse:
            response = Mock.respond(mock, request)
            return json_response(404, {"detail": "Invalid page."}) if b'"page":' in response.body else response

        return respond

    with mock_target(no_such_page) as target:
        assert run_case(case, target).finding is None


@pytest.mark.parametrize("moment", [1704067200, "2024-01-01T00:00:00", "2024-01-01T05:30:00+05:30"])
def test_every_form_of_a_time_is_read(moment: str | float) -> None:
    assert in_seconds(moment) == 1704067200


def test_a_mock_on_a_port_holds_them_one_after_another() -> None:
    with (
        running_mock(rate=0, process_after_seconds=3600) as running,
        httpx.Client(base_url=running.url, trust_env=False) as http,
    ):
        target = Target(
            http=http,
            token=running.token,
            campaign_id="campaign-1",
            prefix="lead-",
            offers=OFFERS - {Capability.QUOTA},
            process_after_seconds=3600,
            advance=running.advance,
            lead_state=running.lead,
        )
        target.processed(*[target.lead() for _ in range(5)])
        outcomes = [run_case(case, target) for case in fitting(target.offers, SUITE)]
    assert [outcome for outcome in outcomes if outcome.finding or outcome.inconclusive] == []


def test_a_user_is_given_every_case_that_a_live_service_offers_enough_for() -> None:
    assert fitting([Capability.WRITES], SUITE) == list(suite.SUITE)
    assert len(SUITE) > len(suite.SUITE)
