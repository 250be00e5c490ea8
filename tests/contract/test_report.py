"""Reports say what is needed to act, and nothing about a person."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contract_tests.faults import FAULTS
from squadiq.contract.conformance import Hit
from squadiq.contract.curl import curl_of, without_secrets
from squadiq.contract.live import LiveRun, run_live
from squadiq.contract.report import Facts, as_html, as_junit, as_text, write_reports
from squadiq.contract.results import CaseResult
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


def test_reports_say_of_a_finding_all_that_is_needed_to_act(tmp_path: Path) -> None:
    done = run(tmp_path, "processed before takes one second more")
    (outcome,) = [each for each in done.findings if each.case == "the_seconds_beside_are_outside"]
    assert outcome.hit is not None
    page, junit = write_reports(tmp_path / "new" / "folder", Facts("t", [], done.people), done.outcomes)
    text = page.read_text("utf-8")
    assert Rule.TIME_FILTER.description in text
    assert "a lead from after processed_before" in text
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
        (b'{"phone_number": null, "lead_id": 7, "contact_name": ""}', '{"phone_number": null, "lead_id": 7'),
        (b'{"phone_number": 9876543210}', '"PHONE_NUMBER"'),
        (b'{"phone_number": ["9876543210"]}', '"PHONE_NUMBER"'),
        (b"\xff", "BODY"),
        (b'{"x": 1, "x": 2}', "BODY"),
        (b'{"x": 1e999}', "BODY"),
        (b'{"x": NaN}', "BODY"),
        (b"[" * 100_000, "BODY"),
        (b'"%s"' % (b"x" * 3_000), "BODY"),
        (b'["x"]', '["x"]'),
    ],
)
def test_bodies_are_shown_without_what_is_somebodys(body: bytes, shown: str) -> None:
    line = curl_of(Hit("POST", "https://api.test/", body, 400, {}, b""))
    assert shown in line
    assert "-X POST" in line
    assert "9876543210" not in line
    assert "Asha" not in line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://you.example", "https://you.example/"),
        ("https://you.example/", "https://you.example/"),
        ("https://you.example/squadiq", "https://you.example/…"),
        ("https://you.example?key=1", "https://you.example/…"),
        ("http://user:word@[::1]:8000/squadiq?key=1#x", "http://[::1]:8000/…"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_credentials_are_shown_by_the_names_of_their_headers() -> None:
    hit = Hit("POST", "https://you.example/…", b"{}", 500, {}, b"", credentials=("X-Key", "Authorization"))
    assert curl_of(hit) == (
        "curl -i -X POST 'https://you.example/…' -H 'X-Key: …' -H 'Authorization: …'"
        " -H 'Content-Type: application/json' --data-binary '{}'"
    )


def test_a_terminal_shows_the_rules_that_were_tried_and_those_that_are_broken() -> None:
    wrong = Finding(Rule.NEVER_FAILS, "answered with 500")
    hit = Hit("POST", "https://you.example/", b"", 500, {}, b"", credentials=())
    outcomes = [
        CaseResult("valid", 1, rule=Rule.TAKES_VALID),
        *[CaseResult(f"hostile {number}", 1, wrong, hit, rule=Rule.NEVER_FAILS) for number in range(9)],
        CaseResult("read", 1, Finding(Rule.COUNT, "2 leads")),
        CaseResult("other", 1, inconclusive="no lead", rule=Rule.REFUSES_CALLERS),
        CaseResult("good", 1),
    ]
    lines = as_text(outcomes)
    assert lines[:4] == [
        f"  WRONG {Rule.COUNT.description} (1 wrong)",
        "          read: 2 leads",
        "          to change: the server",
        "  ok    A valid delivery is answered with 201. (1 tried, 0 wrong)",
    ]
    assert lines[4] == f"  WRONG {Rule.NEVER_FAILS.description} (9 tried, 9 wrong)"
    assert lines[5:7] == [
        "          hostile 0: answered with 500",
        "            reproduce: curl -i -X POST https://you.example/",
    ]
    assert lines[-3:] == ["          and 1 more", "          to change: the endpoint", "  ?     other: no lead"]


def test_the_name_of_a_case_is_shown_as_a_sentence_and_that_of_a_delivery_as_it_is() -> None:
    page = as_html(Facts("t", []), [CaseResult(name, 1) for name in ("a_page_holds_one", "XML", "lead_id is null")])
    for name in ("A page holds one", "XML", "lead_id is null"):
        assert f">{name}: good<" in page


def test_names_that_come_twice_are_two_tests_to_a_reader_of_junit() -> None:
    suite = ElementTree.fromstring(as_junit(Facts("t", []), [CaseResult("random", 1)] * 3))
    assert [case.get("name") for case in suite] == ["random", "random (2)", "random (3)"]


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
