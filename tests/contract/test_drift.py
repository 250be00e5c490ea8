"""Traffic that already happened is held against the document without one hit, and nothing personal comes out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from contract_tests.faults import FAULTS
from squadiq.client import AsyncSquadIQ, SquadIQ
from squadiq.contract.conformance import Hit, operation_of, request_findings, response_findings
from squadiq.contract.drift import Drift, drift_of, read_har
from squadiq.contract.recorder import RecordingTransport, read_log
from squadiq.contract.rules import Rule
from squadiq.errors import ConfigurationError, SquadIQError
from tests.contract.recording import CAMPAIGN, DOCUMENT, TOKEN, recording

LIST = f"https://api.test/api/v4/leads/responses/{CAMPAIGN}/"
UPDATE = f"https://api.test/api/v4/leads/update/{CAMPAIGN}/"
JSON = {"content-type": "application/json"}
LEAD = {
    "lead_id": "u1",
    "phone_number": "+919876543210",
    "contact_name": "Asha Rao",
    "created_at": "2024-01-01T00:00:00",
    "campaign_id": CAMPAIGN,
    "latest_recording_url": None,
    "latest_called_at": None,
    "lead_outcome": "Not Connected",
    "processed_at": "2024-01-01T00:00:01",
    "lead_responses": {"9876543210": 1},
}


def entry(method: str, url: str, status: int, body: Any, *, sent: str = "", encoded: bool = False) -> dict[str, Any]:
    text = json.dumps(body)
    content = {"mimeType": "application/json", "text": text}
    if encoded:
        content |= {"text": base64.b64encode(text.encode()).decode(), "encoding": "base64"}
    return {
        "request": {"method": method, "url": url, "headers": [], "postData": {"text": sent}},
        "response": {
            "status": status,
            "headers": [{"name": "Content-Type", "value": "application/json; charset=utf-8"}],
            "content": content,
        },
    }


def har(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    path = tmp_path / "calls.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return path


def page(*leads: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(leads), "next": None, "previous": None, "results": list(leads)}


def test_a_har_file_is_held_against_the_document(tmp_path: Path) -> None:
    path = har(
        tmp_path,
        entry("GET", LIST, 200, page()),
        entry("GET", LIST, 200, page(LEAD, LEAD)),
        entry("GET", LIST, 200, page(LEAD), encoded=True),
        entry("GET", LIST + "?secret_filter=1&page=0", 200, page()),
        entry("PATCH", UPDATE, 204, {}, sent='{"lead_id": "u1"}'),
        entry("PATCH", UPDATE, 200, {}, sent='{"lead_id": "u1", "phone_number": "x9876543210"}'),
        entry("GET", "https://api.test/dashboard/", 200, {}),
        entry("GET", "https://[api.test/dashboard/", 200, {}),
        entry("GET", LIST, 0, None),
    )
    found = drift_of(DOCUMENT, read_har(path))
    assert (found.calls, found.others) == (6, 2)
    found_by_rule = {(each.operation, each.finding.rule, each.calls) for each in found.drifts}
    assert found_by_rule == {
        ("getLeads", Rule.SCHEMA, 2),
        ("getLeads", Rule.REQUEST, 1),
        ("updateLead", Rule.STATUS, 1),
        ("updateLead", Rule.REQUEST, 1),
    }
    assert len(found.drifts) == 5, "a parameter that is unknown and one whose value is wrong are two differences"
    text = repr(found)
    assert "results[].created_at differs from CreationTime" in text
    assert not [secret for secret in ("9876543210", "Asha", "secret_filter", "u1") if secret in text]


def test_what_the_document_says_is_no_drift(tmp_path: Path) -> None:
    good = {**LEAD, "created_at": 1704067200}
    path = har(tmp_path, entry("GET", LIST, 200, page(good)), entry("PATCH", UPDATE, 200, {}, sent='{"lead_id": 1}'))
    assert drift_of(DOCUMENT, read_har(path)).drifts == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"log": {"entries": [{}]}}', b'{"log": {"entries": 1}}'])
def test_what_is_no_har_file_is_said_to_be_none_without_its_contents(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.har"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="no HAR"):
        read_har(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_har(tmp_path / "missing.har")


@pytest.mark.parametrize(
    ("hit", "wanted"),
    [
        (Hit("GET", LIST, b"", 502, {}, b""), {Rule.NO_SERVER_ERROR}),
        (Hit("GET", LIST, b"", 503, {**JSON, "retry-after": "5"}, b'{"detail": "x"}'), set[Rule]()),
        (Hit("GET", LIST, b"", 503, JSON, b'{"detail": "x"}'), {Rule.HEADERS}),
        (Hit("GET", LIST, b"", 429, {**JSON, "retry-after": "soon"}, b'{"detail": "x"}'), {Rule.HEADERS}),
        (
            Hit("GET", LIST, b"", 429, {**JSON, "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, b'{"detail": "x"}'),
            set[Rule](),
        ),
        (Hit("GET", LIST, b"", 200, {}, b"{}"), {Rule.MEDIA_TYPE}),
        (Hit("GET", LIST, b"", 200, {"content-type": "text/html"}, b"<p>"), {Rule.MEDIA_TYPE}),
        (Hit("GET", LIST, b"", 200, {"content-type": "9876543210/x"}, b"<p>"), {Rule.MEDIA_TYPE}),
        (Hit("GET", LIST, b"", 200, JSON, b"<p>"), {Rule.SCHEMA}),
        (Hit("GET", LIST, b"", 200, JSON, b"[" * 100_000), {Rule.SCHEMA}),
        (Hit("GET", "https://api.test/none", b"", 404, {}, b""), set[Rule]()),
        (Hit("GET", "https://api.test/none", b"", 200, {}, b""), {Rule.STATUS}),
        (Hit("PUT", LIST, b"", 405, {**JSON, "allow": "GET"}, b'{"detail": "x"}'), set[Rule]()),
        (Hit("PUT", LIST, b"", 401, JSON, b""), set[Rule]()),
        (Hit("PUT", LIST, b"", 200, JSON, b""), {Rule.METHOD}),
    ],
)
def test_a_response_is_judged_by_status_media_type_headers_and_body(hit: Hit, wanted: set[Rule]) -> None:
    findings = response_findings(DOCUMENT, hit)
    assert {each.rule for each in findings} == wanted
    assert "9876543210" not in repr(findings)


@pytest.mark.parametrize(
    ("hit", "wanted"),
    [
        (Hit("GET", LIST + "?page=0", b"", 400, JSON, b""), 0),
        (Hit("GET", LIST + "?page=x", b"", 200, JSON, b""), 1),
        (Hit("GET", LIST + "?page=1&page_size=", b"", 200, JSON, b""), 1),
        (Hit("GET", "https://api.test/none", b"", 200, JSON, b""), 0),
        (Hit("PUT", LIST, b"", 200, JSON, b""), 0),
        (Hit("PATCH", UPDATE, b"nonsense", 200, JSON, b""), 1),
    ],
)
def test_a_request_is_judged_only_if_it_was_taken(hit: Hit, wanted: int) -> None:
    assert len(request_findings(DOCUMENT, hit)) == wanted


def test_names_that_the_document_does_not_know_are_not_repeated() -> None:
    body = json.dumps({"9876543210": [1]}).encode()
    (finding,) = response_findings(DOCUMENT, Hit("PATCH", UPDATE, b"", 400, JSON, body))
    assert "9876543210" not in finding.observed


def test_the_facade_can_write_what_differs_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "calls.log"
    with recording(FAULTS["created at has no offset"].plant) as server:
        with SquadIQ(TOKEN, base_url=server.url, quota="memory", transport=RecordingTransport(path)) as client:
            assert len(list(client.campaign(CAMPAIGN).get_leads())) == 5
            with pytest.raises(SquadIQError):
                client.campaign(CAMPAIGN).convert_lead("nobody", detail="PAID")

        async def read() -> None:
            inner = httpx.AsyncHTTPTransport()
            transport = RecordingTransport(path, inner)
            async with AsyncSquadIQ(TOKEN, base_url=server.url, quota="memory", transport=transport) as client:
                assert len([lead async for lead in client.campaign(CAMPAIGN).get_leads()]) == 5

        anyio.run(read)
    found = read_log(path)
    assert found.calls == 3
    assert [(each.operation, each.finding.rule, each.calls) for each in found.drifts] == [("getLeads", Rule.SCHEMA, 2)]
    text = path.read_text()
    assert not [secret for secret in (TOKEN, "98999", "Meera", "9876500001", CAMPAIGN) if secret in text]


@pytest.mark.parametrize("content", ["nonsense", "[]", "{}", '{"operation": "x", "differences": [["NONE", "x"]]}'])
def test_what_is_no_log_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.log"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="no log"):
        read_log(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_log(tmp_path / "missing.log")


def test_a_difference_shows_no_more_than_its_rule_and_its_place() -> None:
    (each,) = drift_of(DOCUMENT, [Hit("GET", LIST, b"", 418, JSON, b"{}")]).drifts
    assert isinstance(each, Drift)
    assert each.finding.observed == "status 418 for getLeads"
    unknown = Hit("GET", "https://api.test/dashboard/9876543210", b"", 500, JSON, b"{}")
    assert operation_of(DOCUMENT, unknown) == "an unknown path"
    assert operation_of(DOCUMENT, Hit("PUT", LIST, b"", 405, JSON, b"{}")) == "PUT of a path without it"
