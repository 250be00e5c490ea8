"""What faults do to a connection: late, cut off in the middle of a response, or reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.faults import PlannedFault

with needs_extra("mock"):
    from starlette.types import Message, Receive, Scope, Send
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time: closing sends a reset."""


class MockConnection(HttpToolsProtocol):
    """Serve a connection as uvicorn does, and let the application have it, as `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def misbehaving(fault: PlannedFault, scope: Scope, receive: Receive, send: Send) -> Send:
    """Return what sends a response as a fault has it, in place of `send`."""
    # The request was read to its end, so what is received next is that the connection is closed.
    transport: asyncio.Transport = scope["state"]["transport"]

    async def send_late(message: Message) -> None:
        if message["type"] == "http.response.start":
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    await receive()
        await (send if fault.carried_out else send_reset)(message)

    async def send_half(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            return
        body = message["body"]
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        transport.close()
        await receive()

    async def send_reset(message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        if not transport.is_closing():  # else the caller was faster
            connected: Any = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            transport.abort()
        await receive()

    match fault.kind:
        case "slow":
            return send_late
        case "half":
            return send_half
        case "reset-before" | "reset-after":
            return send_reset
        case _:
            return send
