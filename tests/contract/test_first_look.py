"""A wrong address, token or header is told in one sentence after the first response, and never as thirty findings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.contract.conformance import Hit
from squadiq.contract.deliveries import Delivery
from squadiq.contract.first_look import misdirection, undelivered
from squadiq.contract.rules import Rule
from squadiq.contract.webhook import Trial, try_endpoint
from squadiq.errors import ConfigurationError
from tests.contract.recording import CAMPAIGN, TOKEN
from tests.servers import Action, Reply, acting_server

WEB_PAGE = b"<!doctype html><title>Welcome</title>"
HTML = {"Content-Type": "text/html"}
EMPTY_PAGE: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
DENIED = {"detail": "Authentication credentials were not provided."}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "memory")


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contract", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def live(url: str) -> list[str]:
    return ["--target", url, "--campaign", CAMPAIGN, "--yes"]


def full(url: str) -> list[str]:
    return ["full", *live(url), "--disposable", CAMPAIGN, "--hits-per-minute", "0"]


@pytest.mark.parametrize("mode", [live, full])
@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (Reply(404, WEB_PAGE, HTML), "404 with a web page: it has no /api/v4 at this address; check --target"),
        (Reply(404, b"", {}), "answered 404 with an empty body: it has no /api/v4"),
        (Reply(404, {"detail": "Not found."}), "answered 404 to the first page: check --campaign"),
        (Reply(405, {"detail": "No."}, {"Allow": "POST"}), "answered 405 with JSON: it has no /api/v4"),
        (Reply(400, b"plain HTTP sent to HTTPS port", {}), "answered 400 with no JSON"),
        (
            Reply(401, DENIED, {"WWW-Authenticate": "Bearer"}),
            "answered 401: check the access token, which is in",
        ),
        (Reply(403, DENIED), "answered 403: check the access token"),
        (
            Reply(301, b"", {"Location": "https://api.test/x?y=1"}),
            "a redirect to https://api.test, and none is",
        ),
        (Reply(302, b"", {"Location": "/login"}), "answered 302, a redirect, and none is followed"),
        (Reply(307, b"", {"Location": "http://x:port"}), "answered 307, a redirect, and none is followed"),
        (Reply(200, WEB_PAGE, HTML), "200 with a web page, no JSON: this is not the API of SquadIQ; check --target"),
        (Reply(200, {"hello": 1}), "200 with JSON that is no page of leads: this is not SquadIQ; check --target"),
        (Reply(200, []), "200 with JSON that is no page of leads"),
        (Reply(502, WEB_PAGE, HTML), "answered 502: nothing is there behind its proxy, or not now; try again later"),
    ],
)
def test_one_hit_and_one_sentence(mode: Any, response: Action, sentence: str) -> None:
    with acting_server(response) as server:
        code, output = command(*mode(server.url))
    assert (code, len(server.seen)) == (2, 1)
    assert output.count(sentence) == 1
    assert "It could not begin: the serv" in output
    assert "WRONG" not in output


@pytest.mark.parametrize("mode", [live, full])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api", "/api, and /api/v4 is looked for right behind the host: give http://127.0.0.1:"),
        ("/api/v4", "has /api/v4 in it, which is added to it"),
    ],
)
def test_an_address_with_a_path_is_named_before_anything_is_sent(mode: Any, path: str, message: str) -> None:
    with acting_server(Reply(404)) as server:
        code, output = command(*mode(server.url + path))
    assert (code, message in output, server.seen) == (2, True, [])


def test_a_server_that_is_not_there_is_named() -> None:
    with acting_server(Reply(404)) as server:
        pass
    code, output = command(*live(server.url))
    assert (code, "no connection (ConnectError): check --target" in output) == (2, True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, json.dumps(EMPTY_PAGE).encode()),
        (200, b"\xef\xbb\xbf" + json.dumps(EMPTY_PAGE).encode()),
        (200, b'{"count": NaN, "results": []}'),
        (200, b""),
        (400, b'{"detail": "x"}'),
        (500, WEB_PAGE),
    ],
)
def test_a_fault_of_the_service_itself_is_left_to_the_cases(status: int, body: bytes) -> None:
    assert misdirection(Hit("GET", "http://x", b"", status, {}, body)) == ""


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (401, [], "401 to every valid delivery without credentials: give what was agreed on with --header"),
        (403, ["X-Secret"], "403 to every valid delivery with X-Secret: check the value of that --header"),
        (404, [], "404 to every valid delivery: check the path of its address"),
        (405, ["X-Secret"], "405 to every valid delivery: check the path"),
        (308, [], "308, a redirect, and none is followed"),
    ],
)
def test_an_endpoint_that_looks_at_no_delivery_is_told_in_a_sentence(
    status: int, headers: list[str], sentence: str
) -> None:
    assert undelivered([status] * 3, headers).startswith(f"the endpoint answers {sentence}")


def test_a_forgotten_header_ends_the_deliveries_after_the_first_few() -> None:
    delivery = Delivery("the example of the document", b"{}")
    planned = [Trial(Rule.TAKES_VALID, delivery, frozenset({201}), [("X-Secret", "s3cr3t")])] * 9
    with acting_server(Reply(403)) as server, pytest.raises(ConfigurationError) as refused:
        try_endpoint(server.url, planned)
    assert len(server.seen) == 3
    assert "with X-Secret: check the value of that --header" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_an_endpoint_that_takes_a_delivery_or_refuses_for_another_reason_is_tried_on() -> None:
    assert undelivered([401, 201, 401], []) == undelivered([400, 400, 400], []) == ""
