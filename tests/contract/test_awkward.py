"""A long text of any awkward character costs a moment, wherever the mock and the contract tests look at a text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from squadiq.auth import AccessToken
from squadiq.cli.output import header_of, shown
from squadiq.contract.bodies import leads_of, refusal_of_leads
from squadiq.contract.conformance import Hit, request_findings, response_findings
from squadiq.contract.curl import curl_of
from squadiq.contract.guard import NotAllowedError, Permission, allowed_operation
from squadiq.contract.pages import number_of
from squadiq.contract.rules import BrokenError
from squadiq.contract.times import in_seconds
from squadiq.mock.callers import refusal_of_caller
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest
from squadiq.mock.settings import MockSettings, SettingError
from squadiq.spec import Spec

DOCUMENT = Spec.installed()
LIST = "/api/v4/leads/responses/c1/"
LONG = 250_000
AWKWARD = [*'09a -.(/%&=+:<[{"x', "\u0967", "\0", "+9(", "1-", "a.", "%2"]


def completed(text: str) -> None:
    for value in (text, {"detail": text}, {text: text}, {"results": [{"lead_id": text, "contact_name": text}]}):
        body = json.dumps(value).encode()
        response_findings(DOCUMENT, Hit("GET", f"http://x{LIST}", b"", 200, {"content-type": text}, body))
        hit = Hit("POST", "http://x/api/v4/leads/create/c1/", body, 201, {"content-type": "application/json"}, body)
        response_findings(DOCUMENT, hit)
        request_findings(DOCUMENT, hit)
        curl_of(hit)
    header = {"content-type": "application/json", "retry-after": text, "www-authenticate": text}
    response_findings(DOCUMENT, Hit("GET", f"http://x{LIST}", b"", 429, header, b"{}"))


def read(text: str) -> None:
    for function in (number_of, in_seconds):
        try:
            function(text)
            function(f"http://x/?page={text}")
        except BrokenError:
            continue


def guarded(text: str) -> None:
    permission = Permission(DOCUMENT, httpx.URL("https://x"), "c1", AccessToken("t"))
    request = httpx.Request("GET", f"https://x{LIST}", headers={"Authorization": "Bearer t"})
    request.headers["user-agent"] = text.encode("utf-8", "replace").decode("latin-1")
    with suppress(NotAllowedError):
        allowed_operation(permission, request)
    for value in (text, {text: text}, [{"lead_id": text, "phone_number": text}]):
        leads = leads_of(json.dumps(value).encode())
        assert leads is None or refusal_of_leads(leads, "x", ["y"], creates=True)


def called(text: str) -> None:
    raw = text.encode("utf-8")
    refusal_of_caller([(b"host", raw)], frozenset())
    refusal_of_caller([(b"host", b"localhost"), (b"origin", raw), (b"sec-fetch-site", raw)], frozenset())


def asked(text: str) -> None:
    mock = Mock(MockSettings(rate=0))
    headers = {"authorization": "Bearer test_token", "content-type": "application/json"}
    lead = {"lead_id": text, "phone_number": text, "contact_name": text, text[:200]: text}
    for value in (text, lead, [lead]):
        mock.respond(MockRequest("POST", "/api/v4/leads/create/c1/", text, headers, json.dumps(value).encode()))
    mock.respond(MockRequest("GET", LIST, f"page={text}&lead_id={text}&{text}", headers))
    mock.respond(MockRequest("GET", LIST, "", {"authorization": f"Bearer {text}", "content-type": text}))
    mock.respond(MockRequest("GET", f"/api/v4/leads/responses/{text}/", "", headers))
    for path in (f"/_mock/{text}", f"/_mock/campaigns/{text}/leads/{text}", f"/_mock/deliveries/{text}"):
        mock.respond(MockRequest("GET", path, text))
    mock.respond(MockRequest("POST", "/_mock/advance", "", {}, text.encode()))
    mock.close()


def set_up(text: str) -> None:
    for name, value in (
        ("tokens", (text,)),
        ("webhook_url", f"http://{text}"),
        ("webhook_headers", ((text, text),)),
        ("webhook_headers", (("X", text),)),
        ("allow_hosts", (text,)),
    ):
        try:
            MockSettings(**{name: value})  # type: ignore[arg-type]
        except SettingError:
            continue
    with suppress(ValueError):
        header_of(f"{text}: {text}")
    shown(text)


@pytest.mark.parametrize("character", AWKWARD)
@pytest.mark.parametrize("look", [completed, read, guarded, called, asked, set_up])
def test_a_long_text_of_it_takes_a_moment(look: Callable[[str], None], character: str) -> None:
    began = time.process_time()
    look(character * (LONG // len(character)))
    assert time.process_time() - began < 60, "what is quadratic takes minutes"
