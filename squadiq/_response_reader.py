"""A response on its way in: bounded in bytes and in time, and what is known of it at any moment."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from squadiq._decoding import BodyDecoder, BodyEncodingError, BodyError
from squadiq.exchange import UNREADABLE

MAX_ERROR_BYTES = 1 << 20
"""Read of an error body at most: enough for something about each of 1,000 leads."""


class ResponseReader:
    """Take a response in; the drivers hand it the head and then the chunks of the body.

    Args:
        within_seconds: from now to the last byte.
        max_bytes: of the decoded body.
    """

    def __init__(self, within_seconds: float, max_bytes: int) -> None:
        self._ends = time.monotonic() + within_seconds
        self._max_bytes = max_bytes
        self._connecting = False
        self._opened: Any = None
        self._head: httpx.Response | None = None
        self._decoder = BodyDecoder(None, max_bytes)
        self._pieces: list[bytes] = []
        self._unreadable: BodyError | None = None

    @contextmanager
    def body(self, head: httpx.Response) -> Generator[Any]:
        """Take the head and give the stream of the body, whose chunks are for `steps` within the block.

        What happens to the body of an error does not matter: its status says what it is.
        """
        is_error, self._head = head.status_code >= 400, head
        stream = self._stream(head, min(self._max_bytes, MAX_ERROR_BYTES) if is_error else self._max_bytes)
        try:
            yield stream
            self._decoder.end()
        except BodyError as unreadable:
            self._unreadable = unreadable
        except Exception:
            if not is_error:
                raise

    def _stream(self, head: httpx.Response, max_bytes: int) -> Any:
        """The stream of the body; an empty one where it is no use reading it."""
        encoding: str | None = head.headers.get("Content-Encoding")
        stream: Any = head.stream
        with suppress(httpx.ResponseNotRead):  # an own transport may have read and decoded it
            encoding, stream = None, httpx.ByteStream(head.content)
        try:
            self._decoder = BodyDecoder(encoding, max_bytes)
        except BodyEncodingError as unreadable:
            self._unreadable = unreadable
            return httpx.ByteStream(b"")
        return stream

    def steps(self, chunk: bytes) -> Iterator[None]:
        """Take a chunk of the body, in steps that are short.

        Raises:
            httpx.ReadTimeout: the time is over.
        """
        self._look_at_the_clock()
        for piece in self._decoder.feed(chunk):
            if piece:
                self._pieces.append(piece)
            yield
            self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._ends:
            raise httpx.ReadTimeout("the deadline has passed")

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of what an async transport of httpx is about (its extension `trace`)."""
        step, _, state = event.rpartition(".")
        self._connecting = step.endswith(("connect_tcp", "start_tls")) and state != "complete"
        if step.endswith("connect_tcp") and state == "complete":
            self._opened = info["return_value"]

    async def close_half_open(self) -> None:
        """Close a connection that was about to be made, which a cancelled transport of httpx leaves open."""
        if self._connecting and self._opened is not None:
            await self._opened.aclose()

    def late(self) -> httpx.Response:
        """Return what there is when no more is waited for: an error response, whose status says enough.

        Raises:
            httpx.ConnectTimeout: there is no connection yet.
            httpx.ReadTimeout: it is no error, or has not begun to come.
        """
        if self._connecting:
            raise httpx.ConnectTimeout("the deadline has passed")
        if self._head is None or self._head.status_code < 400:
            raise httpx.ReadTimeout("the deadline has passed")
        return self.response()

    def response(self) -> httpx.Response:
        """Return the answer with its body, decoded, as far as it was read."""
        assert self._head is not None
        return httpx.Response(
            self._head.status_code,
            headers=[(name, value) for name, value in self._head.headers.raw if name.lower() != b"content-encoding"],
            content=b"".join(self._pieces),
            extensions={**self._head.extensions, UNREADABLE: self._unreadable},
        )
