"""The mock within the process, as a transport of an httpx client: no socket, no thread."""

from __future__ import annotations

import httpx

from squadiq.mock.core import Mock
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
        return self._answered(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return self._answered(request, await request.aread())

    def _answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        response = self.core.respond(
            MockRequest(
                method=request.method,
                path=path,
                query=query,
                headers={name.lower(): text for name, text in request.headers.items()},
                body=body,
                base_url=f"{request.url.scheme}://{request.url.netloc.decode('ascii')}",
            )
        )
        media_type = [] if response.status == 204 else [("content-type", "application/json")]
        headers = [*media_type, *response.headers]
        return httpx.Response(response.status, headers=headers, content=response.body, request=request)
