"""The ASGI and the WSGI application under real servers: the same responses, and stored before acknowledged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable, Generator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from squadiq.errors import ConfigurationError
from squadiq.webhooks import MAX_BODY_BYTES, AsgiWebhook, Callers, DeliveredLead, HeaderSecret, UrlSecret, WsgiWebhook
from tests.webhooks.payloads import DOCUMENT, PERSONAL, PHONE_NUMBER, delivery
from tests.webhooks.serving import KINDS, send, send_raw, serving

SECRET = {"X-Webhook-Secret": "right"}
CALLERS = Callers(secrets=[HeaderSecret("X-Webhook-Secret", "right")])


class Memory:
    """Keeps leads in memory; fails while told to."""

    def __init__(self) -> None:
        self.leads: list[DeliveredLead] = []
        self.broken = False
        self.received = threading.Event()

    def receive(self, lead: DeliveredLead, /) -> None:
        if self.broken:
            raise RuntimeError(f"cannot store {lead.phone_number}")
        self.leads.append(lead)
        self.received.set()

    async def receive_async(self, lead: DeliveredLead, /) -> None:
        self.receive(lead)


@pytest.fixture
def memory() -> Memory:
    return Memory()


Serve = Callable[..., AbstractContextManager[int]]


@pytest.fixture(params=KINDS)
def serve(request: pytest.FixtureRequest, memory: Memory) -> Serve:
    """Serve the webhook with settings, as either kind of application; gives its port."""

    @contextmanager
    def _serve(callers: Callers | None = CALLERS, max_body_bytes: int = MAX_BODY_BYTES) -> Generator[int]:
        kind = AsgiWebhook if request.param == "asgi" else WsgiWebhook
        with serving(request.param, kind(memory, callers, max_body_bytes=max_body_bytes)) as port:
            yield port

    return _serve


def test_a_good_delivery_is_stored_and_answered_with_201(serve: Serve, memory: Memory) -> None:
    body = delivery()
    with serve() as port:
        response = send(port, body, path="/anywhere/at?all=1", headers=SECRET)
    assert (response.status, response.json) == (201, {"lead_id": "test_lead_id"})
    assert response.headers["Content-Type"] == "application/json"
    assert [lead.raw_payload for lead in memory.leads] == [body]


def test_a_body_in_chunks_is_taken(serve: Serve, memory: Memory) -> None:
    body = delivery()
    with serve() as port:
        assert send(port, iter([body[:100], body[100:]]), headers=SECRET).status == 201
    assert memory.leads[0].raw_payload == body


@pytest.mark.parametrize("headers", [{}, {"X-Webhook-Secret": "wrong"}])
def test_a_wrong_caller_is_answered_with_403_whatever_it_sends(
    serve: Serve, memory: Memory, headers: dict[str, str]
) -> None:
    with serve() as port:
        responses = [
            send(port, body, method=method, headers=headers) for method in ("POST", "GET") for body in (b"", delivery())
        ]
    assert [response.status for response in responses] == [403] * 4
    assert responses[0].json == {"detail": "You do not have permission to perform this action."}
    assert not memory.leads


def test_a_secret_may_be_the_end_of_the_path(serve: Serve) -> None:
    with serve(callers=Callers(secrets=[UrlSecret("s3cret")])) as port:
        assert send(port, delivery(), path="/squadiq/s3cret?x=1").status == 201
        assert send(port, delivery(), path="/squadiq/wrong").status == 403


def test_networks_see_the_address_of_the_connection(serve: Serve) -> None:
    with serve(callers=Callers(networks=["127.0.0.0/8"])) as port:
        assert send(port, delivery()).status == 201
    with serve(callers=Callers(networks=["192.0.2.0/24"], trusted_proxies=["127.0.0.1"])) as port:
        assert send(port, delivery()).status == 403
        assert send(port, delivery(), headers={"X-Forwarded-For": "192.0.2.9"}).status == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_with_405_and_allow(serve: Serve, method: str) -> None:
    with serve() as port:
        response = send(port, method=method, headers=SECRET)
    assert (response.status, response.headers["Allow"]) == (405, "POST")


def test_a_bad_payload_is_answered_with_400_and_the_reason_by_field(serve: Serve, memory: Memory) -> None:
    with serve() as port:
        by_field = send(port, delivery(processed_at=None, lead_id=True), headers=SECRET)
        whole = send(port, b"{", headers=SECRET)
    assert by_field.status == whole.status == 400
    assert set(by_field.json) == {"processed_at", "lead_id"}
    assert by_field.json["processed_at"] == ["Input should be a valid datetime."]
    assert "not JSON" in whole.json["detail"]
    assert not memory.leads


def test_a_delivery_that_is_too_large_is_answered_with_413(serve: Serve, memory: Memory) -> None:
    most = len(delivery())
    with serve(max_body_bytes=most) as port:
        assert send(port, delivery(), headers=SECRET).status == 201
        told = send(port, delivery(more=1), headers=SECRET)
        untold = send(port, iter([b" " * most, delivery()]), headers=SECRET)
    assert (told.status, untold.status) == (413, 413)
    assert f"{most} bytes" in told.json["detail"]
    assert len(memory.leads) == 1


def test_what_could_not_be_stored_is_answered_with_503_and_may_come_again(
    serve: Serve, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with serve() as port:
        memory.broken = True
        refused = send(port, delivery(), headers=SECRET)
        memory.broken = False
        again = send(port, delivery(), headers=SECRET)
    assert (refused.status, again.status) == (503, 201)
    assert int(refused.headers["Retry-After"]) > 0
    assert "RuntimeError" in caplog.text
    assert not [secret for secret in PERSONAL if secret in caplog.text + refused.body.decode()]


def test_a_caller_that_hangs_up_within_its_body_leaves_nothing_behind(serve: Serve, memory: Memory) -> None:
    body = delivery()
    head = f"POST / HTTP/1.1\r\nHost: here\r\nX-Webhook-Secret: right\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serve() as port:
        for cut in (0, 1, len(body) - 1):
            send_raw(port, head + body[:cut], hang_up=True)
            send_raw(port, head + body[:cut])
        assert send(port, body, headers=SECRET).status == 201
    assert len(memory.leads) == 1


def test_a_request_without_a_length_has_no_body(serve: Serve) -> None:
    with serve() as port:
        response = send_raw(port, b"POST / HTTP/1.1\r\nHost: here\r\nX-Webhook-Secret: right\r\n\r\n")
    assert b" 400 " in response.partition(b"\r\n")[0]


def test_every_response_is_one_that_the_document_has(serve: Serve, memory: Memory) -> None:
    documented = DOCUMENT["webhooks"]["leadProcessed"]["post"]["responses"]
    with serve(max_body_bytes=5000) as port:
        statuses = {
            send(port, delivery(), headers=SECRET).status,
            send(port, b"", headers=SECRET).status,
            send(port, b"").status,
            send(port, method="GET", headers=SECRET).status,
            send(port, b" " * 6000, headers=SECRET).status,
        }
        memory.broken = True
        statuses.add(send(port, delivery(), headers=SECRET).status)
    assert {str(status) for status in statuses} == set(documented)


def test_an_open_webhook_is_told_once_at_start(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with serve(callers=None) as port:
        assert [send(port, delivery()).status for _ in range(3)] == [201] * 3
    warnings = [record for record in caplog.records if "OPEN" in record.message]
    assert [record.levelno for record in warnings] == [logging.WARNING]
    caplog.clear()
    with serve():
        assert "OPEN" not in caplog.text


def test_logs_tell_why_deliveries_were_refused_but_nothing_about_a_person(
    serve: Serve, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(callers=Callers(secrets=[UrlSecret("s3cret")])) as port:
        send(port, delivery(processed_at=PHONE_NUMBER), path="/s3cret")
        send(port, delivery(), path=f"/{PHONE_NUMBER}")
        send(port, delivery(), path="/s3cret")
    assert "processed_at" in caplog.text
    assert "127.0.0.1" in caplog.text
    assert not [secret for secret in (*PERSONAL, "s3cret") if secret in caplog.text]


def test_the_asgi_application_lives_and_dies_with_its_server_and_refuses_websockets() -> None:
    app = AsgiWebhook(Memory(), CALLERS)
    sent: list[MutableMapping[str, Any]] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": "lifespan"}, receive, keep))
    asyncio.run(app({"type": "websocket"}, receive, keep))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
        "websocket.close",
    ]


def test_a_body_without_an_end_is_not_read_beyond_the_limit() -> None:
    read: list[int] = []
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        read.append(100)
        return {"type": "http.request", "body": b" " * 100, "more_body": True}

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in SECRET.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "client": ("192.0.2.1", 1)}
    asyncio.run(AsgiWebhook(Memory(), CALLERS, max_body_bytes=1000)(scope, receive, keep))
    assert sent[0]["status"] == 413
    assert sum(read) == 1100


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("X-Forwarded-For", "192.0.2.9")], 405),
        ([("X-Forwarded-For", "192.0.2.9, 10.0.0.1")], 405),
        ([("X-Forwarded-For", "192.0.2.9,10.0.0.1")], 405),  # one header, written without blanks
        ([("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-for", "192.0.2.9")], 403),
        ([("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-For", "198.51.100.1")], 403),
        ([("X-Forwarded-For", "198.51.100.1"), ("X_Forwarded_For", "192.0.2.9")], 403),
        ([("X_Forwarded_For", "192.0.2.9")], 403),
    ],
)
def test_of_several_headers_none_is_believed_and_a_unix_socket_has_no_address(
    headers: list[tuple[str, str]], status: int
) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": None,
    }
    callers = Callers(networks=["192.0.2.9"], trusted_proxies=["unix", "10.0.0.1"])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body of a refused request is not read")

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(AsgiWebhook(Memory(), callers)(scope, receive, keep))
    assert sent[0]["status"] == status


@contextmanager
def served_by_the_standard_library(app: Any) -> Generator[int]:
    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def raw(*headers: str, body: bytes = delivery()) -> bytes:
    lines = ["POST / HTTP/1.1", "Host: here", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


SERVERS: dict[str, Callable[[Any], AbstractContextManager[int]]] = {
    "wsgiref": served_by_the_standard_library,
    "werkzeug": lambda app: serving("wsgi", app),
    "uvicorn": lambda app: serving("asgi", app),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_header_with_underscores_spoofs_neither_network_nor_secret(server: str, memory: Memory) -> None:
    real, invented, ours = "X-Forwarded-For: 198.51.100.1", "X_Forwarded_For: 192.0.2.9", "X-Forwarded-For: 192.0.2.9"
    length = f"Content-Length: {len(delivery())}"
    right, wrong = "X-Webhook-Secret: right", "X_Webhook_Secret: wrong"
    kind = AsgiWebhook if server == "uvicorn" else WsgiWebhook
    callers = Callers(networks=["192.0.2.9"], trusted_proxies=["127.0.0.1"])
    with SERVERS[server](kind(memory, callers)) as port:
        assert b" 201 " in send_raw(port, raw(ours, length)).partition(b"\r\n")[0]
        for headers in ((real, invented), (invented, real), (real, ours), (ours, real), (real, ours, invented)):
            assert b" 403 " in send_raw(port, raw(*headers, length)).partition(b"\r\n")[0], headers
    with SERVERS[server](kind(memory, CALLERS)) as port:
        assert b" 201 " in send_raw(port, raw(right, length)).partition(b"\r\n")[0]
        for headers in ((right, right), (right, "X-Webhook-Secret: wrong"), ("X-Webhook-Secret: wrong", right)):
            assert b" 403 " in send_raw(port, raw(*headers, length)).partition(b"\r\n")[0], headers
        assert b" 403 " in send_raw(port, raw(wrong, length)).partition(b"\r\n")[0]
    assert len(memory.leads) == 2


def test_a_length_with_underscores_is_none(memory: Memory) -> None:
    """A server that knows of no body may find the next request where this one is said to have one."""
    next_request = io.BytesIO(delivery())
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": next_request, "HTTP_CONTENT_LENGTH": str(len(delivery()))}
    assert WsgiWebhook(memory, Callers(secrets=[UrlSecret("s3cret")])).respond({**environ, "PATH_INFO": "/s3cret"})
    assert next_request.tell() == 0
    assert not memory.leads


@pytest.mark.parametrize("kind", [AsgiWebhook, WsgiWebhook])
def test_settings_that_cannot_be_meant_are_refused_by_name(kind: Any) -> None:
    for receiver in (None, 5, print, Memory):
        with pytest.raises(ConfigurationError, match="receiver"):
            kind(receiver, CALLERS)
    for callers in ("secret", [HeaderSecret("X-S", "right")], HeaderSecret("X-S", "right"), 0, False):
        with pytest.raises(ConfigurationError, match="callers"):
            kind(Memory(), callers)
    for most in (0, -1, "5", None, 1.5, True):
        with pytest.raises(ConfigurationError, match="max_body_bytes"):
            kind(Memory(), CALLERS, max_body_bytes=most)


def test_a_wsgi_server_whose_input_fails_is_answered_with_400() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the caller hung up")

    environ = {"REQUEST_METHOD": "POST", "wsgi.input": Broken(), "CONTENT_LENGTH": "10", "REMOTE_ADDR": ""}
    response = WsgiWebhook(Memory(), Callers(networks=["0.0.0.0/0"], trusted_proxies=["unix"])).respond(
        {**environ, "HTTP_X_FORWARDED_FOR": "192.0.2.9"}
    )
    assert response.status == 400
    assert "Content-Length" in json.loads(response.body)["detail"]
