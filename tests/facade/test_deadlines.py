"""The deadline is the caller's, whoever makes it late: server, proxy, name server, transport or hook."""

from __future__ import annotations

import functools
import gc
import gzip
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import httpcore
import httpx
import pytest

from squadiq import AsyncSquadIQ, errors
from squadiq._deadline import DeadlineBackend, LateError, deadline, in_time
from squadiq.config import network_from
from squadiq.quota import MemoryStore
from squadiq.retry import GiveUp, Retry, RetryState
from squadiq.transport import AsyncTransport, open_transport
from tests.facade.test_client import LEAD, TOKEN, Both, failing, open_both
from tests.servers import Action, Endless, Reply, Stall, acting_server


def send_again_twice(situation: RetryState) -> Retry | GiveUp:
    return Retry(0) if situation.attempt < 2 else GiveUp("twice is enough")


HURRY: dict[str, Any] = {"timeout_seconds": 0.3, "deadline_seconds": 0.5, "quota": "memory"}
TWICE: dict[str, Any] = {**HURRY, "deadline_seconds": 10, "max_attempts": 2, "retry_policy": send_again_twice}
LONG_AFTER_SECONDS = 10.0
"""Not a deadline: how long a loaded machine may take to notice one, far below what an endless response takes."""

OWN: dict[str, Callable[[], Any]] = {"sync": httpx.HTTPTransport, "async": httpx.AsyncHTTPTransport}

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS: dict[str, Action] = {
    "100 Continue": Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "many of 100 Continue": Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "102 Processing": Endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.01),
    "103 Early Hints": Endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
    "status line": Endless(b"HTTP/1.1 200 ", b"O", 0.01),
    "headers": Endless(HEAD, b"X-More: 1\r\n", 0.01),
    "a header": Endless(HEAD + b"X-Long: ", b"x", 0.01),
    "chunks": Endless(CHUNKED, b"1\r\n \r\n", 0.01),
    "chunk extension": Endless(CHUNKED + b"1;", b"a", 0.01),
    "trailers": Endless(CHUNKED + b"0\r\n", b"X-More: 1\r\n", 0.01),
    "body": Endless(HEAD + b"Content-Length: 100000000\r\n\r\n", b" ", 0.01),
    "gzip that brings nothing": Endless(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), 0.001),
    "silence": Stall(),
}


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def soon() -> Generator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LONG_AFTER_SECONDS


@pytest.mark.parametrize("transport", ["stock", "own"])
@pytest.mark.parametrize("what", ENDLESS)
def test_a_response_without_an_end_is_given_up_in_time(kind: str, what: str, transport: str) -> None:
    options = {**HURRY, "transport": OWN[kind]()} if transport == "own" else HURRY
    with acting_server(ENDLESS[what]) as server, open_both(kind, server.url, **options) as both, soon():
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.DeadlineExceededError)
    assert error.outcome_unknown


@pytest.mark.parametrize("what", ["headers", "a header", "trailers", "chunk extension"])
def test_an_endless_head_in_a_hurry_is_an_error_of_ours(kind: str, what: str) -> None:
    endless = ENDLESS[what]
    assert isinstance(endless, Endless)
    flood = Endless(endless.start, endless.again * 1000)
    with acting_server(flood) as server, open_both(kind, server.url, **HURRY) as both, soon():
        assert isinstance(failing(both, "delete_lead", "u1"), errors.NoResponseError)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Generator[int]:
    """A port whose connections are served by a function, each in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        closing = threading.Event()

        def accept() -> None:
            while not closing.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=quietly, args=(connection,), daemon=True).start()

        def quietly(connection: socket.socket) -> None:
            with connection:
                try:
                    while not closing.is_set():
                        serve(connection)
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            closing.set()
            thread.join()


def drip(connection: socket.socket, piece: bytes) -> None:
    connection.send(piece)
    time.sleep(0.02)


def test_a_handshake_that_does_not_end_is_given_up_in_time(kind: str) -> None:
    record = b"\x16\x03\x03\x3f\xff" + bytes(1 << 14)  # as long as one may be
    sent: Counter[socket.socket] = Counter()

    def response(connection: socket.socket) -> None:
        drip(connection, record[sent[connection] :][:1])
        sent[connection] += 1

    with (
        listening(response) as port,
        open_both(kind, f"https://127.0.0.1:{port}", **TWICE) as both,
        soon(),
    ):
        error = failing(both, "delete_lead", "u1")
        gc.collect()  # nothing is left open
    assert isinstance(error, errors.DeadlineExceededError)
    assert len(error.attempts) == 2
    assert not error.outcome_unknown


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 Connection established\r\nX: ", b""], ids=repr
)
def test_a_proxy_that_does_not_connect_is_given_up_in_time(kind: str, said: bytes) -> None:
    with listening(lambda connection: drip(connection, said)) as port:
        options = {**HURRY, "proxy": f"http://127.0.0.1:{port}"}
        with open_both(kind, "https://squadiq.test", **options) as both, soon():
            assert isinstance(failing(both, "delete_lead", "u1"), errors.NoResponseError)


def test_a_proxy_with_tls_that_drips_is_given_up_in_time(kind: str) -> None:
    with listening(lambda connection: drip(connection, b"\x16")) as port:
        options = {**HURRY, "proxy": f"https://127.0.0.1:{port}", "verify": False}
        with open_both(kind, "https://squadiq.test", **options) as both, soon():
            assert isinstance(failing(both, "delete_lead", "u1"), errors.NoResponseError)


def test_a_server_that_does_not_read_is_given_up_in_time(kind: str) -> None:
    stuffed = {**LEAD, **{f"field{number}": "x" * 1_000_000 for number in range(16)}}

    def read_slowly(connection: socket.socket) -> None:
        connection.recv(1)
        time.sleep(0.02)

    with listening(read_slowly) as port, open_both(kind, f"http://127.0.0.1:{port}", **HURRY) as both, soon():
        error = failing(both, "create_leads", [stuffed])
    assert isinstance(error, errors.DeadlineExceededError)


def test_a_name_that_is_looked_up_for_ever_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    over = threading.Event()

    def never(*_: Any, **__: Any) -> Any:
        over.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", never)
    try:
        with soon(), open_both(kind, "https://squadiq.test", **HURRY) as both:
            error = failing(both, "delete_lead", "u1")
            over.set()
    finally:
        over.set()
    assert isinstance(error, errors.DeadlineExceededError)
    assert not error.outcome_unknown


class Slow(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that takes no notice of the time that it is given."""

    def __init__(self, respond: Callable[[httpx.Request], httpx.Response]) -> None:
        self.respond = respond
        self.over = threading.Event()
        self.timeouts: list[Any] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.timeouts.append(request.extensions["timeout"])
        self.over.wait(60)
        return self.respond(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.timeouts.append(request.extensions["timeout"])
        await anyio.sleep(60)
        return self.respond(request)


def test_an_own_transport_that_takes_no_notice_is_left_alone_in_time(kind: str) -> None:
    slow = Slow(lambda _: httpx.Response(202))
    with Both(kind, TOKEN, transport=slow, **HURRY) as both, soon():
        error = failing(both, "delete_lead", "u1")
        slow.over.set()
    assert isinstance(error, errors.DeadlineExceededError)
    assert error.outcome_unknown


def test_an_own_transport_is_told_how_long_an_attempt_may_take(kind: str) -> None:
    timeouts: list[Any] = []

    def response(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        return httpx.Response(202)

    options: dict[str, Any] = {"transport": httpx.MockTransport(response), "quota": "memory"}
    with Both(kind, TOKEN, timeout_seconds=7, **options) as both:
        both.call("delete_lead", "u1")
        both.call("delete_lead", "u1", client=both.client.with_options(deadline_seconds=3))
    assert timeouts[0] == dict.fromkeys(("connect", "read", "write", "pool"), 7.0)
    assert 0 < timeouts[1]["read"] <= 3


def test_an_own_blocking_transport_sees_the_context_of_its_caller() -> None:
    where: ContextVar[str] = ContextVar("where", default="nowhere")
    seen: list[str] = []

    def response(_: httpx.Request) -> httpx.Response:
        seen.append(where.get())
        return httpx.Response(202)

    with Both("sync", TOKEN, transport=httpx.MockTransport(response), quota="memory") as both:
        where.set("here")
        both.call("delete_lead", "u1")
    assert seen == ["here"]


class Dripping(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body without an end, and whether it was closed."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self.piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await anyio.lowlevel.checkpoint()
            yield self.piece

    def close(self) -> None:
        self.closed.set()

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()  # as any real one has to
        self.closed.set()


@pytest.mark.parametrize("status", [200, 202])
def test_a_body_that_does_not_end_is_given_up_and_closed(kind: str, status: int) -> None:
    bodies: list[Dripping] = []

    def response(_: httpx.Request) -> httpx.Response:
        bodies.append(Dripping(b""))
        return httpx.Response(status, stream=bodies[-1])

    with Both(kind, TOKEN, transport=httpx.MockTransport(response), **HURRY) as both, soon():
        assert isinstance(failing(both, "delete_lead", "u1"), errors.DeadlineExceededError)
        assert all(body.closed.wait(LONG_AFTER_SECONDS) for body in bodies)
    assert bodies


@pytest.mark.anyio
async def test_a_response_of_a_call_that_is_cancelled_is_closed(anyio_backend: str) -> None:
    body, came = Dripping(b" "), anyio.Event()

    def response(_: httpx.Request) -> httpx.Response:
        came.set()
        return httpx.Response(202, stream=body)

    async with (
        AsyncSquadIQ(TOKEN, transport=httpx.MockTransport(response), quota="memory") as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(client.campaign("c").delete_lead, "u1")
        await came.wait()
        tasks.cancel_scope.cancel()
    assert body.closed.is_set()


@pytest.mark.anyio
async def test_closing_does_not_take_for_ever(anyio_backend: str) -> None:
    class Unclosable(Dripping):
        async def aclose(self) -> None:
            await anyio.sleep_forever()

    transport = httpx.MockTransport(lambda _: httpx.Response(202, stream=Unclosable(b" ")))
    async with AsyncSquadIQ(TOKEN, transport=transport, **HURRY) as client:
        with soon(), pytest.raises(errors.DeadlineExceededError):
            await client.campaign("c").delete_lead("u1")


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_error_whose_body_does_not_end_is_judged_by_its_status(kind: str, status: int) -> None:
    endless = Endless(b"HTTP/1.1 %d Said\r\nContent-Length: 1000000\r\n\r\n" % status, b" ", 0.01)
    time_for_its_head: dict[str, Any] = {"timeout_seconds": 1, "deadline_seconds": 3, "quota": "memory"}
    for options in (time_for_its_head, {**time_for_its_head, "transport": OWN[kind]()}):
        with acting_server(endless) as server, open_both(kind, server.url, **options, max_attempts=1) as both, soon():
            error = failing(both, "delete_lead", "u1")
        assert isinstance(error, errors.StatusError)
        assert error.status == status


def test_a_hook_that_takes_all_the_time_leaves_none_for_sending(kind: str) -> None:
    def dawdle(_: str, __: int) -> None:
        time.sleep(0.3)

    with acting_server(Reply(202)) as server:
        options: dict[str, Any] = {**HURRY, "deadline_seconds": 0.2, "before_attempt": dawdle}
        with open_both(kind, server.url, **options) as both:
            error = failing(both, "delete_lead", "u1")
            assert both.client.quota.snapshot().free_now == 100
        assert server.seen == []
    assert isinstance(error, errors.DeadlineExceededError)
    assert not error.outcome_unknown


@pytest.mark.anyio
async def test_the_trace_of_another_client_of_httpx_is_its_own(anyio_backend: str) -> None:
    seen: list[str] = []

    async def trace(event: str, _: object) -> None:
        seen.append(event)

    transport = AsyncTransport(httpx.AsyncHTTPTransport(), MemoryStore(100, 60.0))
    with acting_server(Reply(200)) as server:
        async with httpx.AsyncClient(transport=transport) as http:
            await http.get(server.url, extensions={"trace": trace})
    assert "connection.connect_tcp.complete" in seen


# The pieces on their own.


def test_what_is_done_in_time_is_returned_or_raised() -> None:
    def fail() -> None:
        raise KeyError("own")

    assert in_time(lambda: 5, 60, print) == 5
    with pytest.raises(KeyError, match="own"):
        in_time(fail, 60, print)


def test_where_no_thread_can_be_had_it_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert in_time(lambda: 5, 60, print) == 5


@pytest.mark.parametrize("fails", [False, True])
def test_what_comes_too_late_is_cleaned_up(fails: bool) -> None:
    go, cleaned = threading.Event(), list[str]()
    done = threading.Event()

    def dawdle() -> str:
        go.wait(60)
        if fails:
            done.set()
            raise KeyError("nobody sees this")
        return "late"

    def clean_up(result: str) -> None:
        cleaned.append(result)
        done.set()

    with pytest.raises(LateError):
        in_time(dawdle, 0.01, clean_up)
    go.set()
    assert done.wait(60)
    assert cleaned == ([] if fails else ["late"])


class Opened(httpcore.NetworkBackend):
    """Connects to anything, and says with which timeouts; the stream is any object that is a stream."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.timeouts.append(timeout)
        return Silent(self.timeouts)


class Silent(httpcore.NetworkStream):
    def __init__(self, timeouts: list[float | None]) -> None:
        self.timeouts = timeouts

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.timeouts.append(timeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self.timeouts.append(timeout)
        return self

    def close(self) -> None: ...


def test_no_operation_begins_after_the_deadline_or_outlives_it() -> None:
    opened = Opened()
    backend = DeadlineBackend(opened)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with deadline(100):
        stream = backend.connect_tcp("host", 1)
        stream.read(1, timeout=5)
        stream.read(1, timeout=500)
        stream.write(bytes(40_000), timeout=None)
        stream = stream.start_tls(context, timeout=7)
        with deadline(0):
            operations: list[tuple[type[Exception], Callable[[], Any]]] = [
                (httpcore.ConnectTimeout, functools.partial(backend.connect_tcp, "host", 1)),
                (httpcore.ReadTimeout, functools.partial(stream.read, 1)),
                (httpcore.WriteTimeout, functools.partial(stream.write, b"a")),
                (httpcore.ConnectTimeout, functools.partial(stream.start_tls, context)),
            ]
            for late, operation in operations:
                with pytest.raises(late):
                    operation()
        stream.read(1)  # the deadline around it holds again
    stream.read(1, timeout=3)
    stream.read(1)
    backend.connect_tcp("host", 1)
    limits = [100, 5, 100, 100, 100, 100, 7, 100, 3, None, None]
    assert len(opened.timeouts) == len(limits)
    for timeout, limit in zip(opened.timeouts, limits, strict=True):
        assert timeout == limit or (timeout is not None and limit == 100 and 0 < timeout <= 100)


def test_a_connection_is_made_without_a_deadline_too() -> None:
    url = httpx.URL("http://127.0.0.1")
    with acting_server(Reply(200)) as server, open_transport(network_from(url, {})) as transport:
        assert transport.handle_request(httpx.Request("GET", server.url)).status_code == 200


def test_nothing_of_the_deadline_is_logged_as_a_warning(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with acting_server(Stall()) as server, open_both(kind, server.url, **HURRY) as both:
        failing(both, "delete_lead", "u1")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
