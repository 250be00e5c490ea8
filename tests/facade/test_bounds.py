"""A response has a bound in bytes, decompressed, and what is said of one that cannot be read is true."""

from __future__ import annotations

import gc
import gzip
import json
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from squadiq import AsyncSquadIQ, errors
from squadiq.retry import GiveUp, Retry, RetryState
from tests.facade.test_client import LEAD, TOKEN, Both, failing, open_both
from tests.servers import Endless, Reply, acting_server, scripted

PAGE: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
MEBIBYTE = 1 << 20
BOMB = gzip.compress(b'{"count": 0, "next": null, "previous": null, "results": [], "a": "' + b" " * 300 * MEBIBYTE)
OPERATIONS: dict[str, list[Any]] = {
    "create_leads": [[LEAD]],
    "get_leads": [],
    "update_lead": ["u1", {"plan": "Pro"}],
    "convert_lead": ["u1"],
    "disable_leads": [["u1"]],
    "delete_lead": ["u1"],
}


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Streamed(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in chunks, of an own transport."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


def answering(*responses: httpx.Response) -> dict[str, Any]:
    """An own transport that gives these responses, the last one for ever."""
    script = list(responses)
    transport = httpx.MockTransport(lambda _: script.pop(0) if len(script) > 1 else script[0])
    return {"transport": transport, "quota": "memory"}


@pytest.mark.parametrize(("name", "encoding"), [*((name, "gzip") for name in OPERATIONS), ("get_leads", "deflate")])
def test_a_bomb_does_not_expand_and_is_told(kind: str, name: str, encoding: str) -> None:
    body = BOMB if encoding == "gzip" else zlib.compress(bytes(64 * MEBIBYTE))
    status = 201 if name == "create_leads" else 200
    fields = {"detail": "PAID"} if name == "convert_lead" else {}
    options: dict[str, Any] = {"max_response_bytes": MEBIBYTE}
    with (
        acting_server(Reply(status, body, {"Content-Encoding": encoding})) as server,
        open_both(kind, server.url, **options) as both,
    ):
        tracemalloc.start()
        try:
            error = failing(both, name, *OPERATIONS[name], **fields)
            assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
        finally:
            tracemalloc.stop()
        assert len(server.seen) == 1, "it would be as large again, and a create be repeated"
    assert isinstance(error, errors.UnexpectedResponseError)
    assert (error.status, error.attempts[0].status) == (status, status)
    assert "max_response_bytes=1048576" in str(error)
    assert error.outcome_unknown


def test_the_bound_is_there_without_being_set(kind: str) -> None:
    with (
        acting_server(Reply(200, BOMB, {"Content-Encoding": "gzip"})) as server,
        open_both(kind, server.url) as both,
    ):
        error = failing(both, "get_leads")
    assert f"max_response_bytes={64 * MEBIBYTE}" in str(error)


def test_a_plain_response_has_the_same_bound(kind: str) -> None:
    endless = Endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65536)
    with acting_server(endless) as server, open_both(kind, server.url, max_response_bytes=MEBIBYTE) as both:
        assert "max_response_bytes" in str(failing(both, "get_leads"))
        roomier = both.client.with_options(max_response_bytes=2 * MEBIBYTE)
        assert "max_response_bytes=2097152" in str(failing(both, "get_leads", client=roomier))


@pytest.mark.anyio
async def test_a_response_that_is_broken_off_leaves_nothing_open(anyio_backend: str) -> None:
    endless = Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n{}\r\n" * 10_000)
    with acting_server(endless) as server:
        async with AsyncSquadIQ(TOKEN, base_url=server.url, max_response_bytes=100, quota="memory") as client:
            for _ in range(3):
                with pytest.raises(errors.UnexpectedResponseError):
                    await client.campaign("c").delete_lead("u1")
            gc.collect()


class Stepping(httpx.AsyncByteStream):
    """A body without an end that is its own iterator."""

    def __aiter__(self) -> Stepping:
        return self

    async def __anext__(self) -> bytes:
        return b"{}"


class Unyielding(httpx.AsyncByteStream):
    """A body without an end that never lets anybody else run."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"{}"


@pytest.mark.anyio
@pytest.mark.parametrize("body", [Stepping, Unyielding])
async def test_any_stream_of_an_own_async_transport_can_be_broken_off(
    anyio_backend: str, body: type[httpx.AsyncByteStream]
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(202, stream=body()))
    async with AsyncSquadIQ(TOKEN, transport=transport, max_response_bytes=100, quota="memory") as client:
        with pytest.raises(errors.UnexpectedResponseError):
            await client.campaign("c").delete_lead("u1")


def test_a_response_of_exactly_the_bound_is_read(kind: str) -> None:
    page = json.dumps(PAGE).encode()
    with acting_server(Reply(200, page)) as server, open_both(kind, server.url, max_response_bytes=len(page)) as both:
        assert both.call("get_leads") == []
        tighter = both.client.with_options(max_response_bytes=len(page) - 1)
        assert isinstance(failing(both, "get_leads", client=tighter), errors.UnexpectedResponseError)


def test_a_create_with_too_large_a_response_is_neither_repeated_nor_failed(kind: str) -> None:
    with (
        acting_server(Reply(201, b" " * 100)) as server,
        open_both(kind, server.url, max_response_bytes=10, repeat_creates=False) as both,
    ):
        error = failing(both, "create_leads", [LEAD])
        assert len(server.seen) == 1
    assert isinstance(error, errors.OutcomeUnknownError)
    assert isinstance(error.__cause__, errors.UnexpectedResponseError)
    assert error.outcome_unknown


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "identity", "GZIP"])
def test_compressed_responses_are_read(kind: str, encoding: str) -> None:
    plain = json.dumps({**PAGE, "count": 1, "results": [{"lead_id": "u1"}]}).encode()
    encoded = plain if encoding == "identity" else gzip.compress(plain)
    encoded = zlib.compress(plain) if encoding == "deflate" else encoded
    with (
        acting_server(Reply(200, encoded, {"Content-Encoding": encoding})) as server,
        open_both(kind, server.url) as both,
        both.client.record_responses() as responses,
    ):
        [lead] = both.call("get_leads")
    assert lead.lead_id == "u1"
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"
    if kind == "sync":
        assert responses[0].content == plain


@pytest.mark.parametrize(
    ("encoding", "said"), [("br", "br"), ("zstd", "zstd"), (TOKEN, "unknown"), ("gzip, br", "more")]
)
def test_an_encoding_that_was_not_asked_for_is_told(kind: str, encoding: str, said: str) -> None:
    with (
        acting_server(Reply(200, b"\x0b\x02\x80", {"Content-Encoding": encoding})) as server,
        open_both(kind, server.url) as both,
    ):
        error = failing(both, "get_leads")
        assert len(server.seen) == 1
    assert isinstance(error, errors.UnexpectedResponseError)
    assert said in str(error)
    assert TOKEN not in str(error)


def test_a_damaged_response_is_asked_for_again_where_that_is_safe(kind: str) -> None:
    damaged = Reply(200, gzip.compress(b"{}")[:-2], {"Content-Encoding": "gzip"})
    options: dict[str, Any] = {"retry_policy": None}
    with acting_server(scripted(damaged, Reply(200, PAGE))) as server, open_both(kind, server.url, **options) as both:
        assert both.call("get_leads") == []
        assert len(server.seen) == 2
    with acting_server(damaged) as server, open_both(kind, server.url, max_attempts=1) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.UnexpectedResponseError)
    assert error.outcome_unknown


@pytest.mark.parametrize("chunked", [False, True])
def test_a_stream_of_an_own_transport_has_the_same_bound(kind: str, chunked: bool) -> None:
    chunks = [BOMB[n : n + 1000] for n in range(0, len(BOMB), 1000)] if chunked else [BOMB]
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Streamed(*chunks))
    with Both(kind, TOKEN, max_response_bytes=MEBIBYTE, **answering(response)) as both:
        assert "max_response_bytes" in str(failing(both, "get_leads"))


def test_a_response_that_an_own_transport_has_read_is_taken_as_it_is(kind: str) -> None:
    plain = json.dumps(PAGE).encode()
    read = [
        httpx.Response(200, content=plain),
        httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(plain)),
        httpx.Response(200, headers={"Content-Encoding": "deflate"}, stream=Streamed(zlib.compress(plain))),
    ]
    for response in read:
        with Both(kind, TOKEN, **answering(response)) as both:
            assert both.call("get_leads") == []
            assert both.call("get_leads", client=both.client.with_options(max_attempts=1)) == []
            tight = both.client.with_options(max_response_bytes=5)
            assert "max_response_bytes=5" in str(failing(both, "get_leads", client=tight))


@pytest.mark.parametrize("status", [400, 500])
def test_an_error_body_is_read_only_as_far_as_words_go(kind: str, status: int) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    body = gzip.compress(b"No such plan. " + b" " * 300 * MEBIBYTE)
    with acting_server(Reply(status, body, headers)) as server, open_both(kind, server.url, max_attempts=1) as both:
        tracemalloc.start()
        try:
            error = failing(both, "delete_lead", "u1")
            assert tracemalloc.get_traced_memory()[1] < 32 * MEBIBYTE
        finally:
            tracemalloc.stop()
    assert isinstance(error, errors.StatusError)
    assert error.status == status
    assert "No such plan." in str(error)


@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate", "gzip, gzip"])
def test_an_error_whose_body_cannot_be_read_is_judged_by_its_status(kind: str, encoding: str) -> None:
    garbage = Reply(400, b"\x00\x01garbage", {"Content-Encoding": encoding})
    with acting_server(garbage) as server, open_both(kind, server.url) as both:
        assert type(failing(both, "delete_lead", "u1")) is errors.BadRequestError


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 150, 199])
def test_what_is_no_final_status_is_no_success(kind: str, status: int) -> None:
    def once(situation: RetryState) -> Retry | GiveUp:
        return GiveUp("seen")

    with Both(kind, TOKEN, retry_policy=once, **answering(httpx.Response(status))) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.UnexpectedResponseError)
    assert error.status == status


@pytest.mark.parametrize("status", [300, 304, 399, 418, 499, 599, 600, 999, 1000, 10**6])
def test_any_other_status_is_an_error_with_it(kind: str, status: int) -> None:
    with Both(kind, TOKEN, max_attempts=1, **answering(httpx.Response(status))) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.StatusError)
    assert error.status == status


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 20 Short\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
        b"HTTP/1.1 400 No\r\nContent-Encoding: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://x:" + b"9" * 5000 + b"/\r\n\r\n",
        b"HTTP/1.1 429 Wait\r\nRetry-After: \xff\r\nDate: \x80\r\nContent-Type: \xff\r\n\r\n",
        b"POST / HTTP/1.1\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n",
        b"Bearer " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBearer " + TOKEN.encode() + b"\r\n\r\n",
        b"\x00" * 1000,
        b"",
    ],
    ids=lambda head: repr(head[:40]),
)
def test_whatever_a_server_says_it_is_an_error_of_ours_that_repeats_nothing(kind: str, head: bytes) -> None:
    endless = Endless(head, b"", 0.05)
    options: dict[str, Any] = {"timeout_seconds": 0.5, "max_attempts": 1}
    with acting_server(endless) as server, open_both(kind, server.url, **options) as both:
        error = failing(both, "delete_lead", "u1")
    assert TOKEN not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


@pytest.mark.parametrize("raised", [OSError("no"), ValueError("no"), TimeoutError("no"), httpx.ReadError("no")])
def test_whatever_an_own_transport_raises_is_an_error_of_ours(kind: str, raised: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise raised

    with Both(kind, TOKEN, transport=httpx.MockTransport(fail), max_attempts=1, quota="memory") as both:
        error = failing(both, "create_leads", [LEAD])
    assert isinstance(error, errors.NoResponseError)
    assert isinstance(error, errors.DeadlineExceededError) == isinstance(raised, TimeoutError)
    assert error.outcome_unknown
    assert error.__cause__ is raised


@pytest.mark.parametrize("response", [None, "200", object(), httpx.Response("200")])  # type: ignore[arg-type]
def test_whatever_an_own_transport_returns_is_an_error_of_ours(kind: str, response: Any) -> None:
    with Both(kind, TOKEN, max_attempts=1, **answering(response)) as both:
        assert isinstance(failing(both, "delete_lead", "u1"), errors.NoResponseError)


def test_cookies_do_not_stick(kind: str) -> None:
    headers = {"Set-Cookie": "server=a; Path=/"}
    with acting_server(Reply(202, {}, headers)) as server, open_both(kind, server.url) as both:
        for _ in range(2):
            both.call("delete_lead", "u1")
    assert all("cookie" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("1000000000", 1e9),
        ("120", 120.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 2.5e11),
        ("9" * 5000, 1.7e308),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
        ("Fri, " + "9" * 5000 + " Dec 2030 23:59:59 GMT", None),
        ("Fri, 31 Dec 2030 23:59:59 +9999999", None),
        ("soon", None),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_a_server_asks_for_is_told_and_not_waited_for_beyond_the_deadline(
    kind: str, header: str, asked: float | None, status: int
) -> None:
    reply = Reply(status, {"detail": "Slow down."}, {"Retry-After": header})
    options: dict[str, Any] = {"deadline_seconds": 60, "quota": "memory"}
    if asked is None or not asked:
        options["max_attempts"] = 1
    with acting_server(reply) as server, open_both(kind, server.url, **options) as both:
        error = failing(both, "delete_lead", "u1")
        assert len(server.seen) == 1
    assert isinstance(error, errors.StatusError)
    if asked is None:
        assert error.retry_after_seconds is None
        assert "to wait" not in str(error)
    else:
        assert error.retry_after_seconds is not None
        assert error.retry_after_seconds >= asked
        assert f"It asks to wait {error.retry_after_seconds:.0f} s" in str(error)
