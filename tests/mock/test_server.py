"""The mock on a port: over HTTP, within a process, and as a transport of an httpx client."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Generator
from urllib.parse import urlsplit

import httpx
import pytest

from squadiq.mock.core import Mock
from squadiq.mock.server import RunningMock, base_url, bound_socket, running_mock
from squadiq.mock.settings import MockSettings
from squadiq.mock.transport import InProcessTransport
from tests.mock.caller import lead

HEADERS = {"Authorization": "Bearer test_token"}
CREATE, LIST = "/api/v4/leads/create/c1/", "/api/v4/leads/responses/c1/"


@pytest.fixture(scope="module")
def running() -> Generator[RunningMock]:
    with running_mock(rate=0, duplicate_leads="replace") as running:
        yield running


@pytest.fixture
def client(running: RunningMock) -> Generator[httpx.Client]:
    with httpx.Client(base_url=running.url, headers=HEADERS, timeout=20) as client:
        yield client


def test_the_way_of_a_lead_over_http(running: RunningMock, client: httpx.Client) -> None:
    assert running.token == "test_token"
    created = client.post(CREATE, json=[lead("a"), lead("b")])
    assert (created.status_code, created.headers["content-type"]) == (201, "application/json")
    running.advance(5)
    page = client.get(LIST, params={"page_size": 1}).json()
    assert page["next"] == f"{running.url}{LIST}?page_size=1&page=2"
    assert client.get(page["next"]).json()["previous"] == f"{running.url}{LIST}?page_size=1&page=1"
    assert client.post("/api/v4/leads/delete/c1/", json={"lead_id": "a"}).status_code == 202
    assert running.counts("c1")["processed"] == 1
    assert running.lead("c1", "a") is None
    lead_state = running.lead("c1", "b")
    assert lead_state is not None
    assert lead_state == client.get("/_mock/campaigns/c1/leads/b").json()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE"])
def test_headers_of_a_refusal_arrive(client: httpx.Client, method: str) -> None:
    reply = client.request(method, CREATE)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.content == b"" if method == "HEAD" else reply.json()


@pytest.mark.parametrize("path", ["/api/v4/leads/create/c%0A1/", "/nowhere%0A", "//", "/%"])
def test_an_odd_path_is_answered_in_json(client: httpx.Client, path: str) -> None:
    reply = client.post(path, json={})
    assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("leads.test", "http://leads.test"),
        ("leads.test:81", "http://leads.test:81"),
        ("[::1]:81", "http://[::1]:81"),
        ("a b", None),
        ('"', None),
        ("", None),
    ],
)
def test_a_link_begins_with_the_host_that_was_asked(
    running: RunningMock, client: httpx.Client, host: str, expected: str | None
) -> None:
    client.post(CREATE, json=[lead("a"), lead("b")])
    running.advance(5)
    link = client.get(LIST, params={"page_size": 1}, headers={"Host": host}).json()["next"]
    assert link.removesuffix(f"{LIST}?page_size=1&page=2") == (expected or running.url)


@pytest.mark.parametrize("size", [10 * 1024 * 1024 - 100, 20 * 1024 * 1024])
def test_a_large_body_is_read_to_its_end_and_then_judged(running: RunningMock, client: httpx.Client, size: int) -> None:
    reply = client.post(CREATE, json=lead("large", note="x" * size))
    assert reply.status_code == (201 if size < 10 * 1024 * 1024 else 400)
    assert client.post("/api/v4/leads/delete/c1/", json={"lead_id": "large"}).status_code in {202, 404}


@pytest.mark.parametrize("announced", [0, 10, 10_000])
def test_a_body_shorter_or_longer_than_announced_harms_nobody(
    running: RunningMock, client: httpx.Client, announced: int
) -> None:
    url = urlsplit(running.url)
    body = json.dumps(lead("short")).encode()
    head = (
        f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test_token\r\nContent-Length: {announced}\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        response = b""
        while chunk := connection.recv(65536):
            response += chunk
    assert not response or response.startswith(b"HTTP/1.1 4")
    assert client.get(LIST).status_code == 200


def test_bytes_that_are_no_http_are_refused(running: RunningMock, client: httpx.Client) -> None:
    url = urlsplit(running.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(b"\0\xff\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    assert client.get(LIST).status_code == 200


def test_old_http_without_a_host_is_answered_with_a_link_to_where_it_was_asked(
    running: RunningMock, client: httpx.Client
) -> None:
    client.post(CREATE, json=[lead("a"), lead("b")])
    running.advance(5)
    url = urlsplit(running.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.putrequest("GET", LIST + "?page_size=1", skip_host=True)
    connection.putheader("Authorization", "Bearer test_token")
    connection.putheader("Host", "")
    connection.endheaders()
    assert json.loads(connection.getresponse().read())["next"].startswith(running.url)
    connection.close()


def test_many_callers_at_once_are_each_answered(running: RunningMock) -> None:
    statuses: list[int] = []

    def call(number: int) -> None:
        with httpx.Client(base_url=running.url, headers=HEADERS, timeout=20) as client:
            url = "/api/v4/leads/create/many/"
            statuses.extend(client.post(url, json=lead(number * 100 + each)).status_code for each in range(10))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 80
    assert running.counts("many")["created"] == 80


def test_a_mock_that_ends_leaves_no_thread_and_no_open_port() -> None:
    before = set(threading.enumerate())
    with running_mock() as running, httpx.Client(base_url=running.url) as client:
        assert client.get(LIST).status_code == 401
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url)


def test_a_mock_ends_though_the_block_fails() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), running_mock():
        _ = 1 / 0
    assert set(threading.enumerate()) == before


def test_two_mocks_run_side_by_side() -> None:
    with running_mock(tokens=("one",)) as one, running_mock(tokens=("two",)) as two:
        assert one.url != two.url
        for running, other in ((one, two), (two, one)):
            assert httpx.get(running.url + LIST, headers={"Authorization": f"Bearer {running.token}"}).is_success
            assert httpx.get(running.url + LIST, headers={"Authorization": f"Bearer {other.token}"}).status_code == 401


def test_an_address_of_version_6_is_written_in_brackets() -> None:
    with bound_socket("::1", 0) as listening:
        assert base_url(listening) == f"http://[::1]:{listening.getsockname()[1]}"


@pytest.fixture
def core() -> Generator[Mock]:
    core = Mock(MockSettings(rate=1))
    yield core
    core.close()


def test_a_client_may_call_the_mock_without_a_port(core: Mock) -> None:
    with httpx.Client(transport=InProcessTransport(core), base_url="https://api.squadiq.in", headers=HEADERS) as client:
        reply = client.post("/api/v4/leads/create/c%2D1/", content=iter([json.dumps(lead("a")).encode()]))
        assert reply.status_code == 400, "a stream has no Content-Type unless one is given"
        reply = client.get("/api/v4/leads/responses/c-1/", params={"lead_id": "a b"})
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "60")
        core.advance(60)
        reply = client.post("/api/v4/leads/create/c%2D1/", json=[lead("a"), lead("b")])
        assert (reply.status_code, reply.json()) == (201, [{"lead_id": "a"}, {"lead_id": "b"}])
        core.advance(60)
        page = client.get("/api/v4/leads/responses/c-1/", params={"page_size": 1}).json()
        assert page["next"] == "https://api.squadiq.in/api/v4/leads/responses/c-1/?page_size=1&page=2"


@pytest.mark.anyio
async def test_an_async_client_may_do_so_too(core: Mock) -> None:
    transport = InProcessTransport(core)
    async with httpx.AsyncClient(transport=transport, base_url="http://mock.test", headers=HEADERS) as client:
        reply = await client.post(CREATE, json=lead("a"))
        assert (reply.status_code, reply.json()) == (201, {"lead_id": "a"})


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
