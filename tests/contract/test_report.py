"""Reports say what is needed to act, and nothing about a person."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contract_tests.faults import FAULTS
from squadiq.contract.cases import CaseResult
from squadiq.contract.conformance import Hit
from squadiq.contract.live import LiveRun, run_live
from squadiq.contract.report import Facts, as_html, as_junit, curl_of, write_reports
from squadiq.contract.rules import Finding, Rule
from tests.contract.recording import CAMPAIGN, PEOPLE, PHONE_NUMBER, TOKEN, recording

SECRETS = [TOKEN, "9899999999", "Meera Iyer", *PEOPLE[:2]]


def run(tmp_path: Path, fault: str) -> LiveRun:
    with recording(FAULTS[fault].plant) as server:
        return run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=400))


@pytest.mark.parametrize(
    "fault",
    ["the time filters are ignored", "a listed lead has no outcome", "create is 200", "a lead is on two pages"],
)
def test_a_report_holds_no_token_phone_number_or_name(tmp_path: Path, fault: str) -> None:
    done = run(tmp_path, fault)
    assert done.findings
    facts = Facts("t", ["line"], done.people)
    for text in (as_html(facts, done.outcomes), as_junit(facts, done.outcomes), repr(done)):
        assert not [secret for secret in [*SECRETS, PHONE_NUMBER] if secret in text]


def test_a_finding_says_what_the_document_says_what_came_how_to_repeat_it_and_what_to_change(tmp_path: Path) -> None:
    done = run(tmp_path, "processed before takes one second more")
    (outcome,) = [each for each in done.findings if each.case == "the_seconds_beside_are_outside"]
    assert outcome.hit is not None
    page, junit = write_reports(tmp_path / "new" / "folder", Facts("t", [], done.people), done.outcomes)
    text = page.read_text("utf-8")
    assert Rule.TIME_FILTER.description in text
    assert "a lead that was processed outside of processed_before" in text
    assert Rule.TIME_FILTER.change.value in text
    assert "curl -i" in text
    assert "LEAD_ID" in curl_of(outcome.hit, done.people)
    suite = ElementTree.fromstring(junit.read_text("utf-8"))
    assert suite.get("failures") == str(len(done.findings))
    assert suite.get("tests") == str(len(done.outcomes))
    failure = suite.find("testcase[@name='the_seconds_beside_are_outside']/failure")
    assert failure is not None
    assert failure.get("type") == "TIME_FILTER"


def test_the_curl_line_sends_the_same_request_again() -> None:
    with recording() as server:
        url = f"{server.url}/api/v4/leads/responses/{CAMPAIGN}/?lead_id=%E0%A4%86+%27+b&page=1"
        line = curl_of(Hit("GET", url, b"", 200, {}, b""))
        script = "import sys, urllib.request as u; a = sys.argv[1:]; h = a[a.index('-H') + 1].split(': ', 1);"
        script += "u.urlopen(u.Request(a[2], headers={h[0]: h[1]})).read()"
        command = f'set -- {line}; shift; {shlex.quote(sys.executable)} -c {shlex.quote(script)} curl "$@"'
        subprocess.run(["sh", "-c", command], env={"SQUADIQ_ACCESS_TOKEN": TOKEN}, check=True, timeout=60)
        (seen,) = server.seen
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert url.endswith(seen.target)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'[{"lead_id": "a", "phone_number": "9876543210", "contact_name": "Asha", "x": 1}]', '"PHONE_NUMBER"'),
        (b'{"lead_id": "9876543210", "contact_name": null}', '"LEAD_ID"'),
        (b"\xff", "BODY"),
        (b'["x"]', '["x"]'),
    ],
)
def test_bodies_are_shown_without_what_is_somebodys(body: bytes, shown: str) -> None:
    line = curl_of(Hit("POST", "https://api.test/", body, 400, {}, b""))
    assert shown in line
    assert "-X POST" in line
    assert "9876543210" not in line
    assert "Asha" not in line


def test_a_lead_id_that_is_a_persons_is_hidden_and_one_of_the_run_is_shown() -> None:
    asked = Hit("GET", "https://api.test/?lead_id=asha.rao-17&page=1", b"", 200, {}, b"")
    written = Hit("POST", "https://api.test/", b'{"lead_id": "asha.rao-17"}', 400, {}, b"")
    for hit in (asked, written):
        assert "asha.rao-17" in curl_of(hit)
        line = curl_of(hit, ["asha.rao-17"])
        assert "asha" not in line
        assert "LEAD_ID" in line


def test_a_run_knows_whose_lead_ids_it_asked_for(tmp_path: Path) -> None:
    with recording() as server:
        done = run_live(server.settings(tmp_path))
    assert done.people
    assert done.people <= set(PEOPLE)


def test_what_cannot_be_said_is_no_failure_and_markup_is_only_text() -> None:
    outcomes = [
        CaseResult("open", 1, inconclusive="no lead <b>"),
        CaseResult("found", 1, Finding(Rule.SCHEMA, "<script>")),
        CaseResult("good", 1),
    ]
    page = as_html(Facts("<i>", ["<u>"]), outcomes)
    assert "<script>" not in page
    assert "<i>" not in page
    assert "1 of 3 cases found something" in page
    assert "3 cases hold" in as_html(Facts("t", []), [CaseResult("good", 1)] * 3)
    suite = ElementTree.fromstring(as_junit(Facts("t", []), outcomes))
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
