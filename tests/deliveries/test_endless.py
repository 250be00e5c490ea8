"""An endpoint that answers without end holds up neither a test of it, nor a trigger, nor the mock; no memory fills."""

from __future__ import annotations

import gzip
import itertools
import json
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from typer.testing import CliRunner

from squadiq.cli import app, trigger
from squadiq.contract import webhook
from squadiq.contract.delivery_sender import RESPONSE_BYTES, DeliverySender
from squadiq.contract.webhook import trials, try_endpoint
from squadiq.mock.deliveries import deliverer
from squadiq.mock.server import running_mock
from squadiq.spec import Spec
from tests.deliveries.endpoint import FAST, create
from tests.servers import Reply, acting_server

pytestmark = pytest.mark.unmeasured

OK = b"HTTP/1.1 201 Created\r\n"
BOMB = gzip.compress(bytes(200 * 1024 * 1024))


def continues() -> Iterator[bytes]:
    return itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def body() -> Iterator[bytes]:
    return itertools.chain([OK + b"\r\n"], itertools.repeat(b"x" * 65536))


def chunks() -> Iterator[bytes]:
    return itertools.chain([OK + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\nx\r\n" * 1000))


def dripping_head() -> Iterator[bytes]:
    yield OK + b"X-Long: "
    while True:
        time.sleep(0.02)
        yield b"x"


def dripping_body() -> Iterator[bytes]:
    yield OK + b"\r\n"
    while True:
        time.sleep(0.02)
        yield b"x"


@contextmanager
def endless(response: Callable[[], Iterable[bytes]]) -> Generator[str]:
    """An endpoint that reads a delivery and answers until the caller hangs up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(1 << 20)
                for piece in response():
                    self.request.sendall(piece)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


NEVER = [continues, body, chunks, dripping_head, dripping_body]


@pytest.mark.parametrize("response", NEVER)
def test_a_test_of_an_endpoint_ends_in_time_and_says_so(
    monkeypatch: pytest.MonkeyPatch, response: Callable[[], Iterator[bytes]]
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.5)
    planned = trials(Spec.installed(), [], seed=0)[:1]
    with endless(response) as url:
        began = time.monotonic()
        outcomes = try_endpoint(url, planned)
        assert time.monotonic() - began < 30
    # Where the status came before the endless rest, the start of the response is enough.
    assert [f"{each.case}: {each.finding.observed}" for each in outcomes if each.finding] in (
        [],
        ["the example of the document: ReadTimeout"],
        ["the example of the document: RemoteProtocolError"],
    )


@pytest.mark.parametrize("response", NEVER)
def test_a_trigger_ends_in_time_and_says_so(
    monkeypatch: pytest.MonkeyPatch, response: Callable[[], Iterator[bytes]]
) -> None:
    monkeypatch.setattr(trigger, "TIMEOUT_SECONDS", 0.5)
    with endless(response) as url:
        began = time.monotonic()
        done = CliRunner().invoke(app, ["trigger", "lead-processed", "--to", url, "--json"])
        assert time.monotonic() - began < 30
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["status"], told["error"]) in {(201, None), (None, "ReadTimeout"), (None, "RemoteProtocolError")}


@pytest.mark.parametrize("response", NEVER)
def test_a_delivery_of_the_mock_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, response: Callable[[], Iterator[bytes]]
) -> None:
    monkeypatch.setattr(deliverer, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(deliverer, "SLOW_SECONDS", 0.0)
    with endless(response) as url, running_mock(rate=0, speed=FAST, webhook_url=url) as mock:
        create(mock, ["a"])
        until = time.monotonic() + 60
        while not (attempts := [each for one in mock.deliveries() for each in one["attempts"]]):
            assert time.monotonic() < until
            threading.Event().wait(0.05)
    assert (attempts[0]["status"], attempts[0]["error"]) in {
        (201, None),
        (None, "TimeoutError"),
        (None, "RemoteProtocolError"),
    }


def test_a_bomb_is_read_up_to_a_bound() -> None:
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    tracemalloc.start()
    try:
        with endless(lambda: [head + BOMB]) as url, DeliverySender(url, 30.0) as poster:
            posted = poster.post(b"{}", [])
        assert (posted.status, posted.body) == (201, bytes(RESPONSE_BYTES))
        with (
            endless(lambda: [head + BOMB]) as url,
            running_mock(rate=0, speed=FAST, webhook_url=url) as mock,
        ):
            create(mock, ["a"])
            (delivery,) = mock.deliveries(wait_for=1)
        assert len(delivery["attempts"][0]["response"]) <= deliverer.RESPONSE_LIMIT
        assert tracemalloc.get_traced_memory()[1] < 100 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_cookie_of_an_endpoint_is_not_sent_back() -> None:
    seen: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                seen.append(line)
                if line == b"\r\n":
                    self.rfile.read(2)
                    self.wfile.write(OK + b"Set-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with DeliverySender(f"http://127.0.0.1:{server.server_address[1]}/", 30.0) as poster:
            assert [poster.post(b"{}", []).status for _ in range(3)] == [201] * 3
        server.shutdown()
        thread.join()
    assert seen
    assert not [line for line in seen if line.lower().startswith(b"cookie")]


COMMANDS = [["trigger", "lead-processed", "--to"], ["contract", "webhook", "--yes"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy.test:3128")
    done = CliRunner().invoke(app, [*command, "https://endpoint.test/"])
    assert isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, "HTTPS_PROXY" in done.output) == (2, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_endpoint_on_this_machine_is_reached_past_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(webhook, "RANDOM_VALID", 1)
    monkeypatch.setattr(webhook, "RANDOM_INVALID", 1)
    with acting_server(Reply(201)) as server:
        CliRunner().invoke(app, [*command, server.url])
        assert server.seen
