"""Where a run on a disposable server may go, and what it may say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from squadiq.contract import schemathesis_hooks
from squadiq.contract.disposable import NOBODYS_NUMBERS, DisposableScope, refuse_unless_disposable
from squadiq.contract.disposable_transport import DisposableTransport, retry_after_seconds
from squadiq.contract.guard import NotAllowedError
from squadiq.contract.model import last_digits
from squadiq.contract.schemathesis_hooks import frame
from squadiq.contract.schemathesis_run import document_of, outcomes_of
from squadiq.errors import ConfigurationError
from squadiq.phone import normalise
from squadiq.spec import Spec
from tests.servers import Action, Reply, Seen, acting_server

SPEC = Spec.installed()
ORIGIN = "http://127.0.0.1:8765"
SCOPE = DisposableScope(ORIGIN, "c1", NOBODYS_NUMBERS, SPEC)
LIST = f"{ORIGIN}/api/v4/leads/responses/c1/"
OTHER = "9812345678"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.squadiq.in",
        "https://API.SquadIQ.in",
        "https://api.squadiq.in.",
        "https://api.squadiq.in:8443",
        "https://user@api.squadiq.in",
        "https://user:password@api.squadiq.in",
        "https://squadiq.in",
        "https://eu.api.squadiq.in",
    ],
)
def test_the_live_service_is_never_disposable(url: str) -> None:
    target = httpx.URL(url)
    with pytest.raises(ConfigurationError, match="never disposable"):
        refuse_unless_disposable(target, "c1", "c1", target.host)


@pytest.mark.parametrize(
    ("url", "disposable", "host", "message"),
    [
        ("http://127.0.0.1:1", "", "", "name the campaign again"),
        ("http://127.0.0.1:1", "c2", "", "name the campaign again"),
        ("https://staging.test", "c1", "", "--host"),
        ("https://staging.test", "c1", "other.test", "--host"),
        ("https://203.0.113.9", "c1", "", "--host"),
    ],
)
def test_what_is_disposable_is_named_again(url: str, disposable: str, host: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        refuse_unless_disposable(httpx.URL(url), "c1", disposable, host)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost:1", ""),
        ("https://Staging.test.", "staging.test"),
        ("https://squadiq.in.test", "squadiq.in.test"),
        ("https://notsquadiq.in", "notsquadiq.in"),
    ],
)
def test_another_server_is_disposable_once_it_is_named(url: str, host: str) -> None:
    refuse_unless_disposable(httpx.URL(url), "c1", "c1", host)


@pytest.mark.parametrize(
    ("url", "headers", "body", "why"),
    [
        ("http://127.0.0.1:8766/api/v4/leads/responses/c1/", {}, b"", "another server"),
        ("https://127.0.0.1:8765/api/v4/leads/responses/c1/", {}, b"", "another server"),
        ("http://u@127.0.0.1:8765/api/v4/leads/responses/c1/", {}, b"", "another server"),
        (f"{ORIGIN}/api/v4/leads/responses/c2/", {}, b"", "another campaign"),
        (f"{ORIGIN}/api/v4/leads/responses/%631/", {}, b"", "another campaign"),
        (f"{ORIGIN}/admin/", {}, b"", "none of the document"),
        (LIST, {"host": "api.squadiq.in"}, b"", "Host header"),
        (LIST, {"X-Forwarded-Host": "api.squadiq.in"}, b"", "lead it elsewhere"),
        (LIST, {"x-original-url": "/"}, b"", "lead it elsewhere"),
        (LIST, {}, json.dumps({"phone_number": OTHER}).encode(), "phone number"),
        (LIST, {}, b'{"phone_number": "9812345678", "phone_number": "2200000001"}', "phone number"),
        (LIST, {}, b'[{"a": {"Phone-Number": 9812345678}}]', "phone number"),
        (LIST, {}, b'{"phone_number": ["98123 45678"]}', "phone number"),
        (LIST, {}, b"phone_number=98123-45678", "phone number"),
    ],
)
def test_what_is_out_of_the_scope_is_refused(url: str, headers: dict[str, str], body: bytes, why: str) -> None:
    assert why in SCOPE.refusal(httpx.URL(url), headers, body)


def test_what_is_out_of_the_scope_is_not_sent() -> None:
    with acting_server(Reply()) as server:
        transport = DisposableTransport(
            inner=httpx.HTTPTransport(), scope=DisposableScope(server.url, "c1", NOBODYS_NUMBERS, SPEC)
        )
        with httpx.Client(base_url=server.url, transport=transport) as http:
            with pytest.raises(NotAllowedError):
                http.get("/api/v4/leads/responses/c2/")
            http.put("/api/v4/leads/responses/c1/", content=b'{"phone_number": "12345"}')
        assert [each.method for each in server.seen] == ["PUT"]


@pytest.mark.parametrize("number", NOBODYS_NUMBERS)
def test_the_numbers_that_nobody_has_are_ones_that_the_document_allows(number: str) -> None:
    assert SPEC.component("PhoneNumberInput").is_valid(number)
    with pytest.raises(ValueError, match="exists in India"):
        normalise(number)


@pytest.mark.parametrize(
    ("value", "own"),
    [
        (OTHER, NOBODYS_NUMBERS[0]),
        ("+91 98123 45678", NOBODYS_NUMBERS[0]),
        ("98123456789", "00000000000"),
        ("९८१२३४५६७८", "0000000000"),
        (9812345678, 2200000001),
        ([OTHER], []),
        ("12345", "12345"),
        (None, None),
        ("02200000003", "02200000003"),
    ],
)
def test_a_number_of_somebody_is_replaced_by_one_as_valid(value: object, own: object) -> None:
    changed = SCOPE.with_own_numbers(json.dumps({"phone_number": value}).encode())
    assert json.loads(changed) == {"phone_number": own}
    assert SCOPE.refusal(httpx.URL(LIST), {}, changed) == ""


def test_what_is_no_json_loses_its_digits_if_there_are_many() -> None:
    assert SCOPE.with_own_numbers(b"phone=98123 45678") == b"phone=00000 00000"
    assert SCOPE.with_own_numbers(b"[{") == b"[{"
    assert SCOPE.with_own_numbers(b"[" * 20_000) == b"[" * 20_000


@given(st.from_regex(r"\A[ (]*((\+|00)?91|0)?[ ().-]*[1-9]([ ().-]*[0-9]){9} *\Z"))
def test_no_drawn_number_is_left(number: str) -> None:
    changed = json.loads(SCOPE.with_own_numbers(json.dumps([{"phone_number": number}]).encode()))
    assert last_digits(changed[0]["phone_number"]) in {*map(last_digits, NOBODYS_NUMBERS), "0" * 10}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 1.0), ("", 1.0), ("soon", 1.0), ("9" * 400, 600.0), ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0)],
)
def test_a_retry_after_is_read_in_every_form(text: str, seconds: float) -> None:
    assert retry_after_seconds(text, 10.0) == seconds


def test_the_document_for_schemathesis_has_one_campaign_only() -> None:
    document = document_of(SPEC, "c1")
    assert all(path.endswith("/c1/") for path in document["paths"])
    assert "campaign_id" not in json.dumps(document["paths"])
    assert "{campaign_id}" in json.dumps(SPEC.contents["paths"])


OUTPUT = """
= FAILURES =
___ POST /api/v4/leads/create/c1/ ___
- ST001 Undocumented HTTP status code
- ST002 Server error
- ST002 Server error
- ST999 Something new
"""


def test_what_schemathesis_found_is_told_by_rule_and_once() -> None:
    outcomes = list(outcomes_of(OUTPUT, 1, 3, 10))
    assert [each.finding and each.finding.rule.name for each in outcomes] == ["STATUS", "NO_SERVER_ERROR", "STATUS"]
    assert outcomes[0].case == "schemathesis with seed 3"
    assert outcomes[1].finding
    assert outcomes[1].finding.observed == "Server error (ST002)"


@pytest.mark.parametrize(
    ("output", "code", "why"),
    [("", 0, ""), (" ❌  Failed to load\n", 2, "it ended with 2: Failed to load"), ("", 3, "without a word")],
)
def test_what_is_no_finding_leaves_it_open(output: str, code: int, why: str) -> None:
    (outcome,) = outcomes_of(output, code, 1, 0)
    assert outcome.finding is None
    assert why in outcome.inconclusive


@pytest.mark.parametrize(
    ("method", "body", "length"), [("POST", b"[]", "2"), ("GET", b"", None), ("POST", b"", "0"), ("GET", None, None)]
)
def test_no_drawn_header_says_how_a_message_is_sent(method: str, body: bytes | None, length: str | None) -> None:
    drawn = {"transfer-encoding": ">", "CONNECTION": "close", "Expect": "100", "X-Any": "kept"}
    request = requests.Request(method, "http://127.0.0.1:9/", headers=drawn, data=body).prepare()
    if length is None:
        request.headers["content-length"] = "1000"  # its body would be waited for
    frame(request, body or b"")
    assert dict(request.headers) == {"X-Any": "kept", **({"Content-Length": length} if length else {})}


HOOKED = """
import time
import requests
time.sleep = lambda seconds: None
from squadiq.contract.schemathesis_hooks import guard_requests
session = requests.Session()
print(session.post("{list}", json={{"phone_number": "9812345678"}}).status_code)
print(session.post("{list}", data=b"x").status_code)
print(session.get("{list}", headers={{b"X-A": b"b"}}).status_code)
print(session.get("{list}").status_code)
for url in ("{other}", "http://192.0.2.1/api/v4/leads/responses/c1/"):
    try:
        session.get(url)
    except requests.ConnectionError as refusal:
        print(str(refusal))
"""


def test_the_process_of_schemathesis_sends_to_one_campaign_only(tmp_path: Path) -> None:
    told = iter(
        [Reply(429, {}, {"Retry-After": "0"}), Reply(), Reply(), Reply(), *[Reply(429, {}, {"Retry-After": "0"})] * 6]
    )

    def respond(seen: Seen) -> Action:
        return next(told)

    with acting_server(respond) as server:
        url = f"{server.url}/api/v4/leads/responses/"
        given_scope = {
            "origin": server.url,
            "campaign_id": "c1",
            "phone_numbers": NOBODYS_NUMBERS,
            "count_file": str(tmp_path / "hits"),
        }
        done = subprocess.run(
            [sys.executable, "-c", HOOKED.format(list=f"{url}c1/", other=f"{url}c2/")],
            env={
                **os.environ,
                schemathesis_hooks.SCOPE: json.dumps(given_scope),
                "HTTP_PROXY": "http://127.0.0.1:9",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.splitlines()[:4] == ["200", "200", "200", "429"], done.stderr
        assert done.stdout.count("It was not sent") == 2
        assert [json.loads(each.body)["phone_number"] for each in server.seen[:2]] == [NOBODYS_NUMBERS[0]] * 2
        assert len(server.seen) == 10
    assert (tmp_path / "hits").read_text() == "10"
