"""What the tools of others say is read as they say it, and a full run on Prism ends with a report."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest

from benchmarks.processes import prism
from contract_tests.faults import FAULTS
from contract_tests.faults.detection import serving
from contract_tests.faults.rival_tools import (
    dredd_findings,
    newman_findings,
    prism_findings,
    requests_of_a_user,
    rivals,
    schemathesis_findings,
)
from contract_tests.targets import sound
from squadiq.auth import AccessToken
from squadiq.contract.full import Effort, FullSettings, run_full
from squadiq.contract.rules import Rule
from squadiq.mock.server import bound_socket
from squadiq.mock.settings import MockSettings
from squadiq.spec import Spec

pytestmark = pytest.mark.unmeasured

SCHEMATHESIS = """
=================== FAILURES ===================
____________ GET /api/v4/leads/{id}/ ____________
1. Test Case ID: x
- ST001 Server error
____________ Stateful tests ____________
- ST001 Server error
- ST108 Response header does not conform to the schema
"""
DREDD = """\
\x1b[31mfail\x1b[39m: GET (200) /leads/ duration: 12ms
\x1b[31mfail\x1b[39m: GET (404) /leads/ duration: 3ms
\x1b[36minfo\x1b[39m: Displaying failed tests...
\x1b[31mfail\x1b[39m: GET (200) /leads/ duration: 12ms
\x1b[31mfail\x1b[39m: body: At '/count' Missing
statusCode: Expected status code '200', but got '500'.

\x1b[32mrequest\x1b[39m:
method: GET

\x1b[31mfail\x1b[39m: GET (404) /leads/ duration: 3ms
\x1b[31mfail\x1b[39m: statusCode: Expected status code '404', but got '200'.

\x1b[32mcomplete\x1b[39m: 0 passing, 2 failing
"""


def test_the_findings_of_schemathesis_are_told_by_operation() -> None:
    assert schemathesis_findings(SCHEMATHESIS) == {
        "GET /api/v4/leads/{id}/: Server error",
        "Stateful tests: Server error",
        "Stateful tests: Response header does not conform to the schema",
    }
    assert schemathesis_findings("No issues found") == frozenset()


def test_the_findings_of_dredd_are_its_failed_transactions() -> None:
    assert dredd_findings(DREDD) == {
        "GET (200) /leads/: body: At '/count' Missing statusCode: Expected status code '200', but got '500'.",
        "GET (404) /leads/: statusCode: Expected status code '404', but got '200'.",
    }


def test_the_findings_of_newman_are_its_failed_assertions() -> None:
    failures: list[Any] = [{"error": {"test": "schema", "message": "no"}}, {"error": {"message": "ECONNREFUSED"}}]
    assert newman_findings({"run": {"failures": failures}}) == {"schema: no", ": ECONNREFUSED"}


def test_the_findings_of_prism_are_what_it_says_in_place_of_a_response() -> None:
    request = httpx.Request("GET", "http://proxy/leads/")
    problem = {"type": "https://stoplight.io/prism/errors#VIOLATIONS", "detail": "d"}
    responses: list[httpx.Response] = [
        httpx.Response(200, json=[1], request=request),
        httpx.Response(200, text="x", request=request),
        httpx.Response(500, json={"detail": "of the server"}, request=request),
        httpx.Response(500, json=problem, request=request),
        httpx.Response(500, json={**problem, "validation": [{"location": ["a"], "message": "m"}]}, request=request),
    ]
    assert prism_findings(responses) == {"GET /leads/:  d", "GET /leads/: ['a'] m"}


def test_what_drives_prism_is_what_the_document_allows() -> None:
    spec, requests = Spec.installed(), requests_of_a_user()
    assert all(spec.find(request.url.path) for request in requests)
    assert len({request.url.path for request in requests}) == len(spec.operations)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="the tools are run with the Node.js of PyPI for POSIX")
@pytest.mark.timeout(600)
def test_a_tool_of_others_catches_a_fault_and_nothing_on_the_sound_mock() -> None:
    with bound_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    settings = MockSettings(rate=0, duplicate_leads="replace", process_after_seconds=0)
    with rivals(f"http://127.0.0.1:{port}") as tools:
        portman = next(each for each in tools if each.name == "Portman")
        with serving(sound, settings, port=port) as (url, _):
            assert portman.find(url) == frozenset()
        with serving(FAULTS["the content type is html"].plant, settings, port=port) as (url, _):
            assert any("Content-Type is application/json" in each for each in portman.find(url))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_full_run_on_prism_tells_that_it_keeps_nothing() -> None:
    """Prism answers with examples: no lead is ever created, deleted or chosen by a filter."""
    with prism("mock") as url:
        run = run_full(
            FullSettings(
                base_url=httpx.URL(url),
                campaign_id="campaign-1",  # that of the examples, so that its leads are not of another
                token=AccessToken("test_token"),
                hits_per_minute=0,
                effort=Effort(sequence_seeds=(), sequences=0, schemathesis_seeds=()),
            )
        )
    broken = {each.finding.rule for each in run.findings if each.finding}
    assert {Rule.DELETES, Rule.UNKNOWN, Rule.LEAD_ID_ONCE, Rule.ONE_LEAD, Rule.TIME_FILTER} <= broken
    silent = [each.case for each in run.findings if each.finding and "there is no response" in each.finding.observed]
    assert (silent, run.stopped) == (["a_body_that_is_no_json_is_refused"], "")
