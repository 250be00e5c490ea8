"""Requests that nobody should send, seeded: deep, large, cut, slow, ill-encoded or not HTTP at all."""

from __future__ import annotations

import json
import random
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

from tests.webhooks.payloads import delivery, payload

LIMIT = 1024 * 1024
SECRET = b"X-Webhook-Secret: right\r\n"

Chance = random.Random
Chunks = list[bytes]
"""A request in the pieces in which it is sent."""


def _post(body: bytes, *headers: bytes, length: bytes | None = None) -> Chunks:
    told = length if length is not None else str(len(body)).encode()
    head = b"POST /hooks HTTP/1.1\r\nHost: here\r\n" + SECRET + b"Content-Length: " + told + b"\r\n"
    if not any(header.lower().startswith(b"content-type") for header in headers):
        head += b"Content-Type: application/json\r\n"
    return [head + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body]


def _with(field: str, written: bytes) -> bytes:
    """The body of a delivery in which one field has a value that is no text of Python."""
    return json.dumps({**payload(), field: "@"}).encode().replace(b'"@"', written)


def _deep(chance: Chance) -> Chunks:
    depth = chance.choice([150, 250, 5_000, 100_000])
    opening, closing_ = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return _post(_with("lead_responses", b'{"a":' + opening * depth + b"1" + closing_ * depth + b"}"))


def _large(chance: Chance) -> Chunks:
    size = chance.choice([LIMIT - 2000, LIMIT + 1, 3 * LIMIT])
    return _post(_with("lead_outcome", b'"' + b"x" * size + b'"'))


def _many_keys(chance: Chance) -> Chunks:
    keys = ",".join(f'"{chance.random()}": {number}' for number in range(chance.choice([100, 20_000])))
    return _post(_with("lead_responses", b"{" + keys.encode() + b"}"))


def _encoding(chance: Chance) -> Chunks:
    name = chance.choice(["utf-16", "utf-32", "latin-1", "cp037", "utf-7"])
    return _post(delivery(contact_name="Zoë").decode().encode(name), b"Content-Type: application/json; charset=x")


def _odd_text(chance: Chance) -> Chunks:
    odd = [
        b"\x00",
        b"\\u0000",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
    ]
    field = chance.choice(list(payload()))
    return _post(_with(field, b'"a' + chance.choice(odd) + b'b"'))


def _odd_number(chance: Chance) -> Chunks:
    odd = [b"1e400", b"-0", b"9" * 5000, b"1" + b"0" * 400, b"0.1e-9999", b"NaN", b"-Infinity", b"0x10", b"1_0"]
    field = chance.choice(list(payload()))
    return _post(_with(field, chance.choice(odd)))


def _odd_time(chance: Chance) -> Chunks:
    odd = ["0000-00-00T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2018-02-30T00:00:00Z"]
    odd += ["2018-12-03T23:59:60Z", "+12018-12-03T00:00:00Z", "٢٠١٨-12-03T00:00:00Z", "2018-12-03T00:00:00+99:99"]
    return _post(delivery(**{chance.choice(["created_at", "processed_at", "latest_called_at"]): chance.choice(odd)}))


def _wrong_length(chance: Chance) -> Chunks:
    lengths = [b"0", b"1", b"99999", b"-5", b"+7", b"1e3", b"0x20", b"", b"9" * 30, b"5, 6", b"\xd9\xa3"]
    return _post(delivery(), length=chance.choice(lengths))


def _two_lengths(chance: Chance) -> Chunks:
    extra = [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"]
    return _post(delivery(), chance.choice(extra))


def _chunked(chance: Chance) -> Chunks:
    bad = [
        b"zz\r\nabc\r\n",
        b"ffffffffffffffff\r\n",
        b"-1\r\n\r\n",
        b"5\r\nab",
        b"5;x=y\r\nabcde\r\n0\r\n\r\n",
        b"\r\n\r\n",
    ]
    head = b"POST / HTTP/1.1\r\nHost: here\r\n" + SECRET + b"Transfer-Encoding: chunked\r\n\r\n"
    return [head + chance.choice(bad)]


def _slow(chance: Chance) -> Chunks:
    whole = _post(delivery())[0]
    cuts = sorted(chance.sample(range(1, len(whole)), 4))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    return pieces[: chance.randint(1, len(pieces))]


def _cut(chance: Chance) -> Chunks:
    whole = _post(delivery())[0]
    return [whole[: chance.randrange(len(whole))]]


def _headers(chance: Chance) -> Chunks:
    odd = [b"A: " + b"b" * 70_000, b"\xff\xfe: x", b"X-Forwarded-For: " + b"1," * 3000, b"Content-Encoding: gzip"]
    odd += [b"no colon", b": empty", b"X: \x00", b"Authorization: Basic " + b"=" * 100, b"Content-Type: text/plain"]
    odd += [b"\r\n".join(b"H%d: x" % number for number in range(300)), b"Expect: 100-continue", b"Connection: Upgrade"]
    return _post(delivery(), chance.choice(odd))


def _request_line(chance: Chance) -> Chunks:
    lines = [
        b"GET / HTTP/1.1",
        b"POST /%00%ff%zz HTTP/1.1",
        b"POST " + b"/a" * 40_000 + b" HTTP/1.1",
        b"POST / HTTP/9.9",
    ]
    lines += [
        b"\x16\x03\x01\x02\x00",
        b"POST",
        b"NONSENSE / HTTP/1.1",
        b"POST http://x:y@z/ HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
    ]
    lines += [
        b"POST /../../etc HTTP/1.1",
        b"POST //" + b"/" * 500 + b" HTTP/1.1",
        b"post / HTTP/1.1",
        b"POST / HTTP/1.0",
    ]
    return [chance.choice(lines) + b"\r\nHost: here\r\n" + SECRET + b"\r\n"]


def _noise(chance: Chance) -> Chunks:
    body = bytearray(delivery())
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return _post(bytes(body)) if chance.random() < 0.8 else [chance.randbytes(chance.randrange(1, 500))]


ATTACKS: tuple[Callable[[Chance], Chunks], ...] = (
    *(_deep, _large, _many_keys, _encoding, _odd_text, _odd_number, _odd_time, _wrong_length, _two_lengths),
    *(_chunked, _slow, _cut, _headers, _request_line, _noise),
)


def attacks(count: int, seed: int) -> Iterator[Chunks]:
    """Yield as many hostile requests, the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        yield ATTACKS[number % len(ATTACKS)](chance)


def attack(port: int, chunks: Chunks, pause_seconds: float) -> int | None:
    """Send a hostile request with pauses in it, wait a moment, end it, and return the status of the first response."""
    response = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as connection:
        try:
            for chunk in chunks:
                connection.sendall(chunk)
                select.select([connection], [], [], pause_seconds)
            connection.shutdown(socket.SHUT_WR)
            while len(response) < 12 and (chunk := connection.recv(4096)):
                response += chunk
        except OSError as error:
            if isinstance(error, TimeoutError):  # the server has forgotten about it
                raise
    return int(response[9:12]) if response.startswith(b"HTTP/1.") else None
