"""A request body may be gzip or deflate, and is bounded as it is once decoded."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from squadiq.mock.messages import BODY_LIMIT
from squadiq.mock.server import running_mock
from tests.mock.caller import Caller, Reply, lead

CREATE = "/api/v4/leads/create/c1/"
BODY = json.dumps(lead("a")).encode()
LIMIT_SAID = f"The body is larger than {BODY_LIMIT} bytes when it is decoded."


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def send(mock: Caller, encoding: str, body: bytes) -> Reply:
    return mock.send("POST", CREATE, body=body, headers={"content-encoding": encoding})


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("", bytes),
    ],
    ids=["gzip", "any case", "x-gzip", "zlib", "raw deflate", "identity", "empty"],
)
def test_an_encoded_body_is_decoded(mock: Caller, encoding: str, encode: Callable[[bytes], bytes]) -> None:
    assert send(mock, encoding, encode(BODY)).status == 201
    assert mock.lead_state("a")["contact_name"] == "Asha"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY, "The body cannot be decoded: it is not in the encoding that it says."),
        (gzip.compress(BODY)[:-1], "The body cannot be decoded: it ends before its encoding does."),
        (b"", "JSON parse error at character 0."),
    ],
    ids=["not gzip", "cut short", "empty"],
)
def test_a_damaged_body_is_told_in_words(mock: Caller, body: bytes, words: str) -> None:
    reply = send(mock, "gzip", body)
    assert (reply.status, reply.json) == (400, {"detail": words})


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "s3cret"])
def test_another_encoding_is_told_what_to_send(mock: Caller, encoding: str) -> None:
    reply = send(mock, encoding, BODY)
    assert reply.status == 400
    assert reply.json == {"detail": "Unsupported Content-Encoding: send the body plain or gzip."}


def test_a_bomb_is_refused_and_costs_no_memory(mock: Caller) -> None:
    bomb = gzip.compress(b" " * (20 * BODY_LIMIT), 1)
    assert len(bomb) < BODY_LIMIT // 5
    tracemalloc.start()
    reply = send(mock, "gzip", bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (reply.status, reply.json) == (400, {"detail": LIMIT_SAID})
    assert peak < 2 * BODY_LIMIT


@pytest.mark.parametrize(("size", "status"), [(BODY_LIMIT, 201), (BODY_LIMIT + 1, 400)])
def test_the_bound_is_on_the_decoded_bytes(mock: Caller, size: int, status: int) -> None:
    assert send(mock, "gzip", gzip.compress(BODY + b" " * (size - len(BODY)), 1)).status == status


def test_an_operation_without_a_body_decodes_none(mock: Caller) -> None:
    reply = mock.send("GET", "/api/v4/leads/responses/c1/", body=b"x", headers={"content-encoding": "br"})
    assert reply.status == 200


def test_an_encoded_body_is_taken_over_http() -> None:
    with running_mock() as running:
        headers: dict[str, Any] = {"Authorization": f"Bearer {running.token}", "Content-Encoding": "gzip"}
        headers["Content-Type"] = "application/json"
        reply = httpx.post(running.url + CREATE, content=gzip.compress(BODY), headers=headers)
        assert (reply.status_code, running.counts("c1")["created"]) == (201, 1)
