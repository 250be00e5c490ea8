"""Whatever a service answers, a live run ends with a report, without a traceback and without anything of anybody."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from squadiq.auth import AccessToken
from squadiq.cli import app
from squadiq.contract.cases import run_case
from squadiq.contract.guard import RESPONSE_BYTES, GuardedTransport, Permission, Writes
from squadiq.contract.ledger import LeadLedger, LedgerHeader
from squadiq.contract.pages import number_of
from squadiq.contract.report import Facts, as_html, as_junit
from squadiq.contract.rules import BrokenError
from squadiq.contract.suite import fitting
from squadiq.contract.target import Capability, Target
from squadiq.quota import MemoryStore
from tests.contract.recording import CAMPAIGN, DOCUMENT, PHONE_NUMBER, TOKEN, recording
from tests.servers import Action, Reply, Seen

SECRETS = ("9876501234", "Asha Rao", "asha@rao.example", TOKEN)
LEAD: dict[str, Any] = {
    "lead_id": SECRETS[0],
    "phone_number": f"+91{SECRETS[0]}",
    "contact_name": SECRETS[1],
    "created_at": "2024-01-01T00:00:00Z",
    "campaign_id": CAMPAIGN,
    "latest_recording_url": None,
    "latest_called_at": None,
    "lead_outcome": SECRETS[2],
    "processed_at": "2024-01-01T00:00:01Z",
    "lead_responses": {SECRETS[1]: SECRETS[0]},
}
HUGE = 10**4000
DEEP: Any = json.loads("[" * 600 + "]" * 600)
TIMES = [
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "12024-01-01T00:00:00Z",
    "9999999999-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2024-01-01T00:00:00+99:99",
    "2024-02-30T00:00:00Z",
    "2024-01-01t00:00:00z",
    "2024-01-01T00:00:00.12345678901234567890Z",
]
PAGES = [
    "http://api.test/?page=abc",
    "http://api.test/?page=" + "9" * 5000,
    "http://api.test/?page=",
    "http://api.test/?page=1&page=2",
    "http://api.test/?page=%E0%A5%A8",
    f"http://api.test/?page={SECRETS[0]}",
    "http://[v1.x]/?page=2",
    "http://[x",
    "",
]
odd = st.one_of(
    st.sampled_from([*TIMES, *PAGES, *SECRETS, HUGE, -HUGE, 2**63, 1e308, -0.0, DEEP, "\ud800", "\0", "x" * 70_000]),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    st.dictionaries(st.sampled_from([*SECRETS, "\ud800", "detail", "lead_id"]), st.none() | st.text(max_size=5)),
)
leads = st.dictionaries(st.sampled_from([*LEAD, "more"]), odd, max_size=2).map(lambda changes: {**LEAD, **changes})


def changed_page(results: list[dict[str, Any]], changes: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(results), "next": None, "previous": None, "results": results, **changes}


pages = st.builds(
    changed_page,
    st.lists(leads, max_size=3),
    st.dictionaries(st.sampled_from(["count", "next", "previous", "results"]), odd, max_size=2),
)
bodies = st.one_of(
    (pages | odd).map(lambda value: json.dumps(value).encode()),
    pages.map(lambda value: json.dumps(value).encode("utf-16")),
    st.sampled_from([b"", b"\xff\xfe", b"{", b"[" * 100_000, b"NaN", b'{"detail": NaN}', b"<html>", b"9" * 5000]),
    st.binary(max_size=20),
)
headers = st.dictionaries(
    st.sampled_from(["Set-Cookie", "Location", "Retry-After", "Content-Encoding", "Content-Type", "X-Any", "Allow"]),
    st.sampled_from(
        ["a=b; Domain=.test; Expires=never", "http://[x", "9" * 5000, "gzip", "br", "application/json", SECRETS[0], ""]
    ),
    max_size=3,
)
statuses = st.sampled_from([200, 200, 200, 201, 202, 204, 302, 400, 404, 405, 415, 500, 503, 599, 999])
responses = st.tuples(statuses, headers, bodies)


def page_with(**changes: Any) -> bytes:
    lead = {**LEAD, **{name: value for name, value in changes.items() if name in LEAD}}
    page = {"count": 1, "next": None, "previous": None, "results": [lead]}
    return json.dumps({**page, **{name: value for name, value in changes.items() if name in page}}).encode()


class Drawn(httpx.BaseTransport):
    """A service that sends what was drawn, over and over."""

    def __init__(self, drawn: list[tuple[int, dict[str, str], bytes]]) -> None:
        self.drawn = drawn
        self.seen: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        status, headers, body = self.drawn[len(self.seen) % len(self.drawn)]
        self.seen.append(request)
        return httpx.Response(status, headers={"Content-Type": "application/json", **headers}, stream=Once(body))


class Once(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self.body = body

    def __iter__(self) -> Any:
        yield self.body


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(drawn=st.lists(responses, min_size=1, max_size=6), writes=st.booleans())
@example(drawn=[(302, {"Location": "http://[x"}, b"{}")], writes=False)
@example(drawn=[(200, {"Content-Encoding": "gzip"}, b"no gzip")], writes=True)
@example(drawn=[(200, {}, page_with(next=url, count=2)) for url in PAGES], writes=False)
def test_every_example_ends_in_an_outcome_that_tells_nothing_of_anybody(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, dict[str, str], bytes]], writes: bool
) -> None:
    ledger = LeadLedger(
        tmp_path_factory.mktemp("x") / "run.jsonl", LedgerHeader("http://api.test", CAMPAIGN, "squadiq-contract-")
    )
    may_write = Writes(ledger, [PHONE_NUMBER]) if writes else None
    inner = Drawn(drawn)
    url = httpx.URL("http://api.test")
    guard = GuardedTransport(
        inner=inner,
        permission=Permission(DOCUMENT, url, CAMPAIGN, AccessToken(TOKEN), may_write),
        stores=[MemoryStore(10_000)],
        max_hits=1_000,
    )
    with httpx.Client(transport=guard, base_url=url, trust_env=False) as http:
        target = Target(
            http=http,
            spec=DOCUMENT,
            token=TOKEN,
            campaign_id=CAMPAIGN,
            prefix="squadiq-contract-",
            phone_numbers=[PHONE_NUMBER],
            disable_at_once=True,
        )
        outcomes = [run_case(each, target) for each in fitting([Capability.WRITES] if writes else [])]
    assert not [request for request in inner.seen if "cookie" in request.headers]
    facts = Facts("t", [], frozenset(target.people))
    page, junit = as_html(facts, outcomes), as_junit(facts, outcomes)
    ElementTree.fromstring(junit.encode())
    page.encode()
    for secret in (*SECRETS, PHONE_NUMBER):
        assert secret not in page + junit + repr((outcomes, target, facts, guard))


@pytest.mark.parametrize(
    ("reply", "observed"),
    [
        (Reply(200, page_with(next="http://api.test/?page=abc", count=2)), "an address without the number of a page"),
        (Reply(200, page_with(next="http://api.test/?page=" + "9" * 5000, count=2)), "an address without the number"),
        (Reply(200, page_with(processed_at="2016-12-31T23:59:60Z")), "a time that no calendar"),
        (Reply(200, page_with(processed_at="0000-01-01T00:00:00Z")), "a time that no calendar"),
        (Reply(200, page_with(processed_at="9999999999-01-01T00:00:00Z")), "processed_at differs"),
        (Reply(200, page_with(processed_at="2024-01-01T00:00:00+99:99")), "processed_at differs"),
        (Reply(200, page_with(created_at=HUGE)), "created_at differs"),
        (Reply(200, page_with(contact_name=DEEP)), "nested too deep"),
        (Reply(200, page_with(contact_name="\ud800")), "half of a surrogate pair"),
        (Reply(200, b'{"count": 1, "x": "\xff"}'), "not JSON"),
        (Reply(200, b"[" * 100_000), "not JSON"),
        (Reply(200, b'{"count": NaN}'), "not JSON"),
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), "text/html with status 200"),
        (Reply(200, b"nothing", {"Content-Encoding": "gzip"}), "not in the encoding that it says"),
        (Reply(200, b"nothing", {"Content-Encoding": "zstd"}), "which was not asked for"),
        (Reply(200, gzip.compress(bytes(RESPONSE_BYTES + 1)), {"Content-Encoding": "gzip"}), "it is larger than"),
        (Reply(302, b"", {"Location": "http://[x"}), "status 302"),
        (Reply(400, {"detail": "x"}, {"Set-Cookie": "a=b; Max-Age=99"}), "status 400"),
    ],
)
def test_a_response_that_nobody_expects_is_a_finding_in_a_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: Reply, observed: str
) -> None:
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")

    # The first response is sound: some of these would say that there is no service to test.
    with recording(interfere=lambda seen: reply if len(server.seen) > 1 else None) as server:
        arguments = ["--target", server.url, "--campaign", CAMPAIGN, "--yes", "--report", str(tmp_path)]
        done = CliRunner().invoke(app, ["contract", *arguments, "--max-hits", "12", "--hits-per-minute", "100"])
        assert len(server.seen) > 5, "the run goes on"
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert observed in done.output
    assert observed in (tmp_path / "contract.xml").read_text()
    assert not re.search("|".join(SECRETS), done.output + (tmp_path / "contract.html").read_text())


@pytest.mark.parametrize("url", [*PAGES[:-2], "http://[x", "http://api.test/?page=-1", "http://api.test/?page=1.0"])
def test_an_address_that_leads_to_no_page_is_a_finding(url: str) -> None:
    if url.endswith((SECRETS[0], "/?page=2")):
        assert number_of(url) in (int(SECRETS[0]), 2)
        return
    with pytest.raises(BrokenError, match="an address without the number of a page"):
        number_of(url)


def test_a_cookie_of_a_load_balancer_is_never_sent_back_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with recording() as server:
        sound = server.server.handler

        def sticky(seen: Seen) -> Action:
            reply = sound(seen)
            assert isinstance(reply, Reply)
            cookies = {"Set-Cookie": f"AWSALB={len(server.seen)}; Path=/; Max-Age=600", "Set-Cookie2": "a=b; Version=1"}
            return Reply(reply.status, reply.body, {**reply.headers, **cookies})

        server.server.handler = sticky
        monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")
        arguments = ["--target", server.url, "--campaign", CAMPAIGN, "--yes", "--hits-per-minute", "100"]
        done = CliRunner().invoke(app, ["contract", *arguments])
        assert (done.exit_code, "0 found something" in done.output) == (0, True)
        assert len(server.seen) > 40
        assert not [seen for seen in server.seen if "cookie" in seen.headers]
