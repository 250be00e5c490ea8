"""What changed on a page that is looked at, as server-sent events (HTML, 9.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

from squadiq._extras import needs_extra
from squadiq.mock.core import Mock
from squadiq.mock.page.calls import CallLog
from squadiq.mock.page.layout import clock_face
from squadiq.mock.page.pieces import Asked
from squadiq.mock.page.routes import view_of

with needs_extra("mock"):
    import orjson

PAUSE_SECONDS = 0.2
"""Between two looks at what changed."""
SHARE = 20
"""The pages that are looked at take at most one part in so many of the mock's time."""
OPEN_AT_MOST = 32
"""Streams that are open at the same time."""


class EventStreams:
    """Tell browsers what changed, without holding up the API.

    Args:
        mock: what is looked at.
        calls: its latest calls.
    """

    def __init__(self, mock: Mock, calls: CallLog) -> None:
        self._mock = mock
        self._calls = calls
        self._open = set[asyncio.Event]()
        self._ended = False

    @property
    def is_full(self) -> bool:
        """Whether no further stream can be opened."""
        return len(self._open) >= OPEN_AT_MOST

    def end(self) -> None:
        """Let every stream come to its end."""
        self._ended = True
        for over in self._open:
            over.set()

    async def changes(self, asked: Asked, over: asyncio.Event) -> AsyncGenerator[bytes]:
        """Yield events: by id the sections of a page that differ from those before, at first all of them.

        Args:
            asked: the page.
            over: is set when nobody looks any more, or the mock ends.
        """
        told: dict[str, str] = {}
        self._open.add(over)
        try:
            yield b"retry: 1000\n\n"
            while not (self._ended or over.is_set()):
                began = time.perf_counter()
                view = view_of(self._mock, self._calls, asked)
                if view.status != 200:
                    yield b"event: gone\ndata: {}\n\n"
                    return
                sections = {"clock": clock_face(self._mock.clock.now(), self._mock.settings.speed), **view.sections}
                changed = {name: content for name, content in sections.items() if told.get(name) != content}
                told.update(changed)
                if changed:
                    yield b"data: " + orjson.dumps(changed) + b"\n\n"
                took = time.perf_counter() - began
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(PAUSE_SECONDS, took * SHARE * len(self._open))):
                        await over.wait()
        finally:
            self._open.remove(over)
