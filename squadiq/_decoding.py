"""The body of a response, decoded in bounded steps and up to a bound, however small it came. Pure: no I/O, no clock."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

ACCEPT_ENCODING = "gzip, deflate"
"""To send as `Accept-Encoding`: only what `BodyDecoder` can bound."""

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""The bound unless another is set: some 60 kB for each of the 1,000 leads that a page has at most."""

STEP_BYTES = 1 << 16
"""A step takes at most so many bytes in, and brings at most so many out."""

_KNOWN = frozenset({"br", "zstd", "compress", "x-compress", "gzip", "x-gzip", "deflate"})


class BodyError(Exception):
    """A body cannot be read; the message says why, without anything of it."""


class BodyTooLargeError(BodyError):
    """A body is larger than its bound."""


class BodyEncodingError(BodyError):
    """A body is in an encoding that was not asked for."""


class BodyDamagedError(BodyError):
    """A body is not what its encoding says, or is cut short."""


class BodyDecoder:
    """Decode what comes, chunk by chunk; the one place that knows content encodings (RFC 9110, 8.4)."""

    def __init__(self, content_encoding: str | None, max_bytes: int) -> None:
        """Take the value of `Content-Encoding` and the bound.

        Args:
            content_encoding: None if there is none; several header lines are joined by commas.
            max_bytes: decoded bytes at most.

        Raises:
            BodyEncodingError: it is an encoding that cannot be bounded, or several on top of each other.
        """
        self._max_bytes = max_bytes
        self._decoded = 0
        self._encoded = 0
        self._inflater = _inflater_for(content_encoding or "")

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Decode a chunk step by step, so that a deadline can be looked at in between; a step may bring nothing.

        Raises:
            BodyTooLargeError: the bound is passed; all that fits within was yielded before.
            BodyDamagedError: the chunk is not in the encoding that it should be.
        """
        for start in range(0, len(chunk), STEP_BYTES):
            part = chunk[start : start + STEP_BYTES]
            self._encoded += len(part)
            for piece in [part] if self._inflater is None else self._inflater.feed(part):
                fits = piece[: self._max_bytes - self._decoded]
                self._decoded += len(fits)
                yield fits
                if len(fits) < len(piece):
                    raise self._too_large()
            # No honest encoding makes a body longer by more than a few bytes in a block.
            if self._encoded > self._max_bytes + self._max_bytes // 100 + 1024:
                raise self._too_large()

    def end(self) -> None:
        """Say that nothing more comes.

        Raises:
            BodyDamagedError: the body is cut short.
        """
        if self._inflater is not None and self._encoded and not self._inflater.complete:
            raise BodyDamagedError("it ends before its encoding does")

    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(f"it is larger than {self._max_bytes} bytes")


class _Inflater:
    """Members of gzip one after the other, or one zlib or raw stream of deflate."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._begun = b""
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None

    @property
    def complete(self) -> bool:
        return self._stream is not None and self._stream.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            yield from self._inflated(data)
        except zlib.error:
            raise BodyDamagedError("it is not in the encoding that it says") from None

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._begun += data
            if len(self._begun) < 2:
                return
            data, self._begun = self._begun, b""
            self._stream = zlib.decompressobj(_window_bits_of_deflate(data))
        stream = self._stream
        while data or not stream.eof:
            if stream.eof:
                data = self._next_member(data)
                stream = self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if data else stream
                continue
            piece = stream.decompress(data, STEP_BYTES)
            yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            if not data and not piece:
                return

    def _next_member(self, data: bytes) -> bytes:
        """What follows a member without the zeros that may pad it, as gzip itself reads it."""
        if not self._gzip:
            raise BodyDamagedError("something follows its end")
        return data.lstrip(b"\0")


def _inflater_for(content_encoding: str) -> _Inflater | None:
    names = [name.strip().lower() for name in content_encoding.split(",")]
    encodings = [name for name in names if name not in ("", "identity")]
    if not encodings:
        return None
    if len(encodings) > 1:
        raise BodyEncodingError("it is encoded more than once")
    if encodings[0] in ("gzip", "x-gzip"):
        return _Inflater(gzip=True)
    if encodings[0] == "deflate":
        return _Inflater(gzip=False)
    name = encodings[0] if encodings[0] in _KNOWN else "unknown"
    raise BodyEncodingError(f"its Content-Encoding is {name}, which was not asked for")


def _window_bits_of_deflate(start: bytes) -> int:
    """Tell zlib's header, which RFC 9110 asks for, from the raw stream that some servers send."""
    has_header = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
