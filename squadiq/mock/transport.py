"""The mock within the process, as a transport of an httpx client: no socket, no thread."""

from __future__ import annotations

import time

import anyio
import httpx

from squadiq.mock.core import Mock
from squadiq.mock.faults import PlannedFault
from squadiq.mock.messages import MockRequest


class InProcessTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answer the requests of a sync or an async client from a mock.

    Args:
        core: the mock; it is closed by whoever made it.
    """

    def __init__(self, core: Mock) -> None:
        self.core = core

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        response, fault = self._answered(request, request.read())
        if fault is None:
            return response
        time.sleep(_seconds_until_known(request, fault))
        return _as_it_arrives(request, response, fault)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        response, fault = self._answered(request, await request.aread())
        if fault is None:
            return response
        await anyio.sleep(_seconds_until_known(request, fault))
        return _as_it_arrives(request, response, fault)

    def _answered(self, request: httpx.Request, body: bytes) -> tuple[httpx.Response, PlannedFault | None]:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        received = MockRequest(
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): text for name, text in request.headers.items()},
            body=body,
            base_url=f"{request.url.scheme}://{request.url.netloc.decode('ascii')}",
        )
        fault = self.core.next_fault(received)
        response = self.core.respond(received) if fault is None else self.core.respond_wrongly(fault, received)
        media_type = [] if response.status == 204 else [("content-type", response.media_type)]
        headers = [*media_type, *response.headers]
        return httpx.Response(response.status, headers=headers, content=response.body, request=request), fault


def _seconds_until_known(request: httpx.Request, fault: PlannedFault) -> float:
    patience = _patience(request)
    return fault.seconds if patience is None else min(fault.seconds, patience)


def _as_it_arrives(request: httpx.Request, response: httpx.Response, fault: PlannedFault) -> httpx.Response:
    """Return the response, or raise what httpx does where the connection is at fault."""
    patience = _patience(request)
    if fault.kind == "slow" and patience is not None and patience < fault.seconds:
        raise httpx.ReadTimeout("The response is late on purpose.", request=request)
    if fault.kind in ("reset-before", "reset-after") or (fault.kind == "slow" and not fault.carried_out):
        raise httpx.ReadError("The connection is reset on purpose.", request=request)
    if fault.kind == "half":
        raise httpx.RemoteProtocolError("The response is cut off on purpose.", request=request)
    return response


def _patience(request: httpx.Request) -> float | None:
    timeout = request.extensions.get("timeout", {})
    patience: float | None = timeout.get("read")
    return patience
