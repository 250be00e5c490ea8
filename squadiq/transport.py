"""The two drivers of an exchange, blocking and not: the only place that waits, sends again or raises for a status."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx

from squadiq._deadline import DeadlineBackend, deadline
from squadiq._redaction import Envelope
from squadiq.config import Network
from squadiq.errors import ConfigurationError
from squadiq.exchange import Ask, Call, Exchange, Failure, Send, Wait
from squadiq.quota import Store
from squadiq.retry import Outcome

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NEVER_WILL_BE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Transport(httpx.BaseTransport):
    """Send requests within the quota, again where that is safe, and raise for what is not a success."""

    def __init__(self, inner: httpx.BaseTransport, store: Store) -> None:
        self._inner = inner
        self._store = store

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, read to its end.

        Raises:
            SquadIQError: there is no answer, or it is an error.
        """
        steps = _exchange(request, self._store).steps()
        result: Any = None
        raised: BaseException | None = None
        while True:
            try:
                step = steps.send(result) if raised is None else steps.throw(raised)
            except StopIteration as end:
                answer: httpx.Response = end.value
                return answer
            try:
                result, raised = self._do(step, request), None
            except BaseException as error:  # the exchange tidies up and raises it again
                result, raised = None, error

    def _do(self, step: Ask | Wait | Send, request: httpx.Request) -> Any:
        if isinstance(step, Ask):
            return step.call()
        if isinstance(step, Wait):
            return time.sleep(step.seconds)
        _limit(request, step.within_seconds)
        with _failures(), deadline(step.within_seconds):
            response = self._inner.handle_request(request)
            try:
                response.read()
            finally:
                response.close()
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """What `Transport` does, without blocking the event loop."""

    def __init__(self, inner: httpx.AsyncBaseTransport, store: Store) -> None:
        self._inner = inner
        self._store = store

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, read to its end.

        Raises:
            SquadIQError: there is no answer, or it is an error.
        """
        steps = _exchange(request, self._store).steps()
        result: Any = None
        raised: BaseException | None = None
        while True:
            try:
                step = steps.send(result) if raised is None else steps.throw(raised)
            except StopIteration as end:
                answer: httpx.Response = end.value
                return answer
            try:
                result, raised = await self._do(step, request), None
            except BaseException as error:  # the exchange tidies up and raises it again
                result, raised = None, error

    async def _do(self, step: Ask | Wait | Send, request: httpx.Request) -> Any:
        if isinstance(step, Ask):
            return await self._ask(step)
        if isinstance(step, Wait):
            return await anyio.sleep(step.seconds)
        _limit(request, step.within_seconds)
        with _failures():
            with anyio.move_on_after(step.within_seconds):
                response = await self._inner.handle_async_request(request)
                try:
                    await response.aread()
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
                return response
            raise httpx.ReadTimeout("the deadline has passed", request=request)

    async def _ask(self, step: Ask) -> Any:
        if not self._store.does_io:
            return step.call()
        with anyio.CancelScope(shield=True):
            return await anyio.to_thread.run_sync(step.call)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def open_transport(network: Network) -> httpx.BaseTransport:
    """Return the transport that the user gave, or a stock one that keeps deadlines.

    Raises:
        ConfigurationError: the one given is for the other kind of client.
    """
    if network.transport is None:
        stock = httpx.HTTPTransport(**_options(network))
        # httpx has no argument for this; httpcore, below it, has (`network_backend`).
        pool: Any = stock._pool  # pyright: ignore[reportPrivateUsage]
        pool._network_backend = DeadlineBackend(pool._network_backend)
        return stock
    if not isinstance(network.transport, httpx.BaseTransport):
        raise ConfigurationError("transport= must be an httpx.BaseTransport for SquadIQ.")
    return network.transport


def open_async_transport(network: Network) -> httpx.AsyncBaseTransport:
    """Return the transport that the user gave, or a stock one.

    Raises:
        ConfigurationError: the one given is for the other kind of client.
    """
    if network.transport is None:
        return httpx.AsyncHTTPTransport(**_options(network))
    if not isinstance(network.transport, httpx.AsyncBaseTransport):
        raise ConfigurationError("transport= must be an httpx.AsyncBaseTransport for AsyncSquadIQ.")
    return network.transport


def _options(network: Network) -> dict[str, Any]:
    return {
        "verify": network.verify,
        "cert": network.cert,
        "proxy": network.proxy,
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=20),
    }


def _exchange(request: httpx.Request, store: Store) -> Exchange:
    """The way of a request: as its caller wants it or, from another httpx client, a careful one."""
    call = request.extensions.get("squadiq.call")
    if call is None:
        call = Call(request.extensions.get("squadiq.operation", request.method), 10.0, 120.0)
    envelope = Envelope(request.url.query.decode("ascii"), request.headers)
    return Exchange(call, request.url.host, request.read(), store, envelope=envelope)


def _limit(request: httpx.Request, within_seconds: float) -> None:
    names = ("connect", "read", "write", "pool")
    request.extensions = {**request.extensions, "timeout": dict.fromkeys(names, within_seconds)}


@contextmanager
def _failures() -> Generator[None]:
    """Say of an exception of the HTTP library what is known of the request."""
    try:
        yield
    except _NEVER_WILL_BE as cause:
        raise Failure(Outcome.FINAL, cause) from None
    except _NEVER_SENT as cause:
        raise Failure(Outcome.NEVER_SENT, cause, timed_out=isinstance(cause, httpx.TimeoutException)) from None
    except (httpx.RequestError, httpx.StreamError) as cause:
        raise Failure(Outcome.UNKNOWN, cause, timed_out=isinstance(cause, httpx.TimeoutException)) from None
