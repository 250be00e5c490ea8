"""A page of another origin may call the API's own paths, as "try it" consoles do, and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Generator
from urllib.parse import urlsplit

import httpx
import pytest

from squadiq.mock.core import Mock
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import MockSettings
from squadiq.mock.transport import InProcessTransport
from tests.mock.caller import Caller, lead

CREATE, LIST = "/api/v4/leads/create/c1/", "/api/v4/leads/responses/c1/"
ORIGIN = "https://console.test"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "POST"}


@pytest.fixture(scope="module")
def running() -> Generator[RunningMock]:
    with running_mock(rate=0) as running:
        yield running


def test_a_preflight_needs_no_token_and_costs_no_hit(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(rate=1)
    for path, method in [(CREATE, "POST"), (LIST, "GET"), ("/api/v4/leads/update/c1/", "PATCH")]:
        reply = mock.send("OPTIONS", path, token=None, headers=PREFLIGHT)
        assert (reply.status, reply.json) == (204, None)
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert reply.headers["Access-Control-Allow-Methods"] == method
        assert reply.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
        assert int(reply.headers["Access-Control-Max-Age"]) > 0
    assert mock.send("OPTIONS", LIST, headers=PREFLIGHT).status == 204, "a token is not looked at"
    assert [mock.list().status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {}),
        ("OPTIONS", {"origin": ORIGIN}),
        ("OPTIONS", {"access-control-request-method": "POST"}),
        ("PUT", PREFLIGHT),
    ],
)
def test_what_is_no_preflight_is_a_method_like_others(mock: Caller, method: str, headers: dict[str, str]) -> None:
    assert mock.send(method, CREATE, headers=headers, token=None).status == 401
    reply = mock.send(method, CREATE, headers=headers)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_a_page_may_read_every_response(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(rate=2)
    asked = {"origin": ORIGIN}
    replies = [
        mock.send("GET", LIST, headers=asked),
        mock.send("GET", LIST, headers=asked, token="wrong"),
        mock.send("POST", CREATE, headers=asked, body=b"{"),
        mock.send("GET", LIST, headers=asked),
        mock.send("GET", "/nowhere/", headers=asked),
    ]
    assert [reply.status for reply in replies] == [200, 401, 400, 429, 404]
    for reply in replies:
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert reply.headers["Access-Control-Expose-Headers"] == "Retry-After, WWW-Authenticate, Allow"
        assert reply.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in reply.headers
    assert "Retry-After" in replies[3].headers


@pytest.mark.parametrize("headers", [{}, {"origin": ""}, {"origin": "https://\u00e9.test"}, {"origin": "a b"}])
def test_who_is_no_page_gets_no_such_headers(mock: Caller, headers: dict[str, str]) -> None:
    assert mock.send("GET", LIST, headers=headers).headers == {}


def test_a_console_creates_a_lead_over_http(running: RunningMock) -> None:
    with httpx.Client(base_url=running.url, headers={"Origin": ORIGIN}, timeout=20) as page:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        preflight = page.options(CREATE, headers=asked)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert not {"content-type", "content-length", "transfer-encoding"} & preflight.headers.keys()
        created = page.post(CREATE, json=lead("a"), headers={"Authorization": f"Bearer {running.token}"})
        assert (created.status_code, created.headers["access-control-allow-origin"]) == (201, ORIGIN)


def test_an_origin_of_any_bytes_does_no_harm(running: RunningMock) -> None:
    url = urlsplit(running.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    connection.putrequest("GET", LIST)
    connection.putheader("Origin", b"\xff\xe9")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.headers["access-control-allow-origin"]) == (401, None)
    connection.close()


@pytest.mark.parametrize("path", ["/_mock/campaigns/c1", "/_mock/advance", "/_mock/nothing"])
def test_the_helper_endpoints_stay_closed(running: RunningMock, path: str) -> None:
    for method in ("OPTIONS", "GET"):
        response = httpx.request(method, running.url + path, headers=PREFLIGHT)
        assert response.status_code == 403
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_preflight_is_answered_within_the_process_too() -> None:
    core = Mock(MockSettings())
    with httpx.Client(transport=InProcessTransport(core), base_url="http://mock.test", headers=PREFLIGHT) as client:
        response = client.options(CREATE)
    core.close()
    assert (response.status_code, response.headers.get("content-type")) == (204, None)
