"""A body is decoded as it was meant, in any chunks, and never beyond its bound."""

from __future__ import annotations

import contextlib
import gzip
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq._decoding import STEP_BYTES, BodyDamagedError, BodyDecoder, BodyEncodingError, BodyTooLargeError

BOMB = gzip.compress(bytes(100 * 1024 * 1024))


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


ENCODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "identity, GZIP": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
}


def decoded(content_encoding: str | None, chunks: Iterable[bytes], max_bytes: int = 1 << 30) -> bytes:
    decoder = BodyDecoder(content_encoding, max_bytes)
    pieces = [piece for chunk in chunks for piece in decoder.feed(chunk)]
    decoder.end()
    assert all(len(piece) <= STEP_BYTES for piece in pieces)
    return b"".join(pieces)


def chunked(body: bytes, sizes: list[int]) -> Iterable[bytes]:
    for size in sizes:
        yield body[:size]
        body = body[size:]
    yield body


def times(piece: bytes, number: int) -> bytes:
    return piece * number


BODIES = st.binary(max_size=300) | st.builds(times, st.binary(max_size=9), st.integers(0, 50_000))
SIZES = st.lists(st.integers(0, 500), max_size=8)


@pytest.mark.parametrize("encoding", ENCODERS)
@given(body=BODIES, sizes=SIZES)
def test_what_was_encoded_is_decoded_in_any_chunks(encoding: str | None, body: bytes, sizes: list[int]) -> None:
    assert decoded(encoding, chunked(ENCODERS[encoding](body), sizes)) == body


@given(bodies=st.lists(BODIES, min_size=1, max_size=4), padding=st.integers(0, 600), sizes=SIZES)
def test_members_of_gzip_are_decoded_one_after_the_other(bodies: list[bytes], padding: int, sizes: list[int]) -> None:
    encoded = b"".join(gzip.compress(body) + bytes(padding) for body in bodies)
    assert decoded("gzip", chunked(encoded, sizes)) == b"".join(bodies)


@pytest.mark.parametrize("encoding", ENCODERS)
@given(body=BODIES, sizes=SIZES, data=st.data())
def test_no_body_passes_its_bound(encoding: str | None, body: bytes, sizes: list[int], data: st.DataObject) -> None:
    bound = data.draw(st.integers(0, len(body) + 10))
    decoder, pieces = BodyDecoder(encoding, bound), list[bytes]()
    try:
        for chunk in chunked(ENCODERS[encoding](body), sizes):
            pieces.extend(decoder.feed(chunk))
    except BodyTooLargeError:
        assert len(body) > bound
    else:
        assert len(body) <= bound
    assert b"".join(pieces) == body[:bound]


@pytest.mark.parametrize("encoded", [BOMB, BOMB * 3, gzip.compress(b"") + BOMB])
def test_a_bomb_does_not_expand(encoded: bytes) -> None:
    decoder = BodyDecoder("gzip", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError, match="larger than 1048576 bytes"):
            for _ in decoder.feed(encoded):
                pass
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("encoding", "filler"),
    [
        ("gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * 9_999),  # a file name without an end
        ("gzip", gzip.compress(b"") * 500),
        ("deflate", b"\x00\x00\x00\xff\xff" * 2_000),  # blocks of nothing
    ],
)
def test_a_body_that_never_brings_anything_is_bounded_too(encoding: str, filler: bytes) -> None:
    tail = b"a" * 10_000 if filler.startswith(b"\x1f\x8b\x08\x08") else filler
    with pytest.raises(BodyTooLargeError):
        decoded(encoding, [filler, *[tail] * 100], 50_000)


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"more"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-9] + b"damaged.."),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-1]),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"\x1f"),
        ("deflate", zlib.compress(b"{}")[:-1]),
        ("deflate", zlib.compress(b"{}") + b"{}"),
        ("deflate", raw_deflate(b"{}") + zlib.compress(b"{}")),
        ("deflate", b"x"),
        ("deflate", b"{}"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_damaged(encoding: str, encoded: bytes) -> None:
    for chunks in ([encoded], [encoded[n : n + 1] for n in range(len(encoded))]):
        with pytest.raises(BodyDamagedError):
            decoded(encoding, chunks)


@given(encoded=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_decoded_or_damaged(encoded: bytes, encoding: str) -> None:
    with contextlib.suppress(BodyDamagedError):
        decoded(encoding, [encoded])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_no_body_at_all_is_no_damage(encoding: str) -> None:
    assert decoded(encoding, []) == b""
    assert decoded(encoding, [b""]) == b""


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("br", "Content-Encoding is br"),
        (" ZSTD ", "Content-Encoding is zstd"),
        ("tok_secret", "Content-Encoding is unknown"),
        ("gzip, gzip", "more than once"),
        ("deflate,identity,br", "more than once"),
    ],
)
def test_an_encoding_that_was_not_asked_for_is_named(encoding: str, said: str) -> None:
    with pytest.raises(BodyEncodingError, match=said):
        BodyDecoder(encoding, 10)


def test_the_decoder_needs_nothing_of_the_client() -> None:
    shown = "import sys, squadiq._decoding; print(sorted(m for m in sys.modules if m.startswith(('squadiq', 'httpx'))))"
    ran = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "['squadiq', 'squadiq._decoding', 'squadiq._version']"
