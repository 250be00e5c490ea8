"""A server that reads requests and answers each path with the same bytes: `python -m benchmarks.canned`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import uvloop

LEAD: dict[str, Any] = {
    "phone_number": "+919876543210",
    "lead_id": "test_lead_id",
    "latest_recording_url": "https://www.squadiq.in/",
    "campaign_id": "c1",
    "latest_called_at": "2018-12-03T14:36:38+00:00",
    "lead_outcome": "Connected : Objective Met",
    "processed_at": "2018-12-03T14:37:54+00:00",
    "contact_name": "John Doe",
    "created_at": "2018-12-03T14:36:01+00:00",
    "lead_responses": {f"response_key_{n}": f"response_value_{n}" for n in (1, 2, 3)},
}
"""A processed lead as the API documentation shows it."""


def page(leads: int) -> bytes:
    """Return a page of so many leads, the last one."""
    return json.dumps({"count": leads, "next": None, "previous": None, "results": [LEAD] * leads}).encode()


def respond(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Canned(asyncio.Protocol):
    """Answer a POST with 201 and a GET with a page of one lead."""

    POSTED = respond("201 Created", b'[{"lead_id": "u1"}]')
    GOT = respond("200 OK", page(1))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *([0-9]+)", head)
        if end and len(rest) >= (int(length[1]) if length else 0):
            self._received = b""
            self._transport.write(self.POSTED if head.startswith(b"POST") else self.GOT)


async def main() -> None:
    serving = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}")
    await serving.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
