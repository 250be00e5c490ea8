"""The two drivers of an exchange, blocking and not: the only place that waits, sends again or raises for a status."""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx

from squadiq._deadline import DeadlineBackend, LateError, deadline, in_time
from squadiq._decoding import ACCEPT_ENCODING
from squadiq._network import address_of, why_not_connected
from squadiq._redaction import SentMetadata
from squadiq._response_reader import ResponseReader
from squadiq.attempts import AttemptOutcome
from squadiq.auth import AsyncTokenFunction
from squadiq.config import Network
from squadiq.errors import ConfigurationError
from squadiq.exchange import AskToken, Call, Exchange, Failure, Send, Step, UseStore, Wait
from squadiq.policy import CallPolicy
from squadiq.quota import QuotaStore, ends_in_time
from squadiq.quota.client import drive

STORE_MARGIN_SECONDS = 0.25
"""How much longer than it was given a store may take before it is left behind; its slot then ends with its lease."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NEVER_WILL_BE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)

_CLOSING_SECONDS = 1.0
"""Given to an own transport to close what it had opened, after the deadline."""
_MOST_BUFFERED = 1 << 16
"""Chunks that httpcore may have read and not given out: it reads so many bytes at once."""


class StockTransport(httpx.HTTPTransport):
    """A blocking transport that keeps the deadline of the thread which uses it.

    Attributes:
        keeps_deadlines: False for TLS within TLS, where httpcore reads by itself.
    """

    def __init__(self, proxy: httpx.URL | None, **options: Any) -> None:
        super().__init__(proxy=proxy, **options)
        self.keeps_deadlines = proxy is None or proxy.scheme != "https"
        # httpx has no argument for this; httpcore, below it, has (`network_backend`).
        pool: Any = self._pool
        pool._network_backend = DeadlineBackend(pool._network_backend)


class Transport(httpx.BaseTransport):
    """Send requests within the quota, again where that is safe, and raise for what is not a success."""

    def __init__(self, inner: httpx.BaseTransport, store: QuotaStore, *, via: str = "") -> None:
        self._inner = inner
        self._store = store
        self._via = via
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, read to its end.

        Raises:
            ConfigurationError: the client is closed.
            SquadIQError: there is no response, or it is an error.
        """
        _refuse_if(self._is_closed)
        exchange = _exchange(request, self._store, self._via)
        max_bytes = exchange.call.policy.max_response_bytes
        response: httpx.Response = drive(exchange.steps(), lambda step: self._do(step, request, max_bytes))
        return response

    def _do(self, step: Step, request: httpx.Request, max_bytes: int) -> Any:
        if isinstance(step, UseStore):
            if ends_in_time(self._store):
                return step.call()
            return in_time(step.call, step.within_seconds + STORE_MARGIN_SECONDS, lambda _: None)
        if isinstance(step, Wait):
            return time.sleep(step.seconds)
        if isinstance(step, AskToken):
            try:
                return in_time(step.function, step.within_seconds, lambda _: None)
            except LateError:
                raise TimeoutError from None
        incoming = ResponseReader(step.within_seconds, max_bytes)
        _prepare(request, step)
        with _failures():
            if isinstance(self._inner, StockTransport) and self._inner.keeps_deadlines:
                return self._received(request, incoming, step.within_seconds)
            try:
                # Nobody knows how long it takes, so it is not this thread that waits for it.
                return in_time(
                    lambda: self._received(request, incoming, step.within_seconds), step.within_seconds, lambda _: None
                )
            except LateError:
                return incoming.late()

    def _received(self, request: httpx.Request, incoming: ResponseReader, within_seconds: float) -> httpx.Response:
        with deadline(within_seconds):
            response = self._inner.handle_request(request)
            try:
                with incoming.body(response) as stream:
                    for chunk in stream:
                        for _ in incoming.steps(chunk):
                            pass
            finally:
                with suppress(Exception):
                    response.close()
        return incoming.response()

    def close(self) -> None:
        """Close the connections; nothing can be sent any more."""
        self._is_closed = True
        self._inner.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """What `Transport` does, without blocking the event loop."""

    def __init__(self, inner: httpx.AsyncBaseTransport, store: QuotaStore, *, via: str = "") -> None:
        self._inner = inner
        self._store = store
        self._via = via
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, read to its end.

        Raises:
            ConfigurationError: the client is closed.
            SquadIQError: there is no response, or it is an error.
        """
        _refuse_if(self._is_closed)
        exchange = _exchange(request, self._store, self._via)
        steps, max_bytes = exchange.steps(), exchange.call.policy.max_response_bytes
        result: Any = None
        raised: BaseException | None = None
        while True:
            try:
                step = steps.send(result) if raised is None else steps.throw(raised)
            except StopIteration as end:
                response: httpx.Response = end.value
                return response
            try:
                result, raised = await self._do(step, request, max_bytes), None
            except BaseException as error:  # the exchange tidies up and raises it again
                result, raised = None, error

    async def _do(self, step: Step, request: httpx.Request, max_bytes: int) -> Any:
        if isinstance(step, UseStore):
            return await self._ask(step)
        if isinstance(step, Wait):
            return await anyio.sleep(step.seconds)
        if isinstance(step, AskToken):
            with anyio.fail_after(step.within_seconds):
                return await _asked(step.function)
        incoming = ResponseReader(step.within_seconds, max_bytes)
        _prepare(request, step)
        _trace(request, incoming)
        with _failures():
            with anyio.move_on_after(step.within_seconds):
                return await self._received(request, incoming)
            return incoming.late()

    async def _received(self, request: httpx.Request, incoming: ResponseReader) -> httpx.Response:
        async with AsyncExitStack() as opened:
            opened.push_async_callback(_close, incoming.close_half_open)
            response = await self._inner.handle_async_request(request)
            opened.push_async_callback(_close, response.aclose)
            with incoming.body(response) as stream:
                chunks: AsyncIterator[bytes] = aiter(stream)
                if isinstance(chunks, AsyncGenerator):
                    opened.push_async_callback(_break_off, cast("AsyncGenerator[bytes]", chunks))
                async for chunk in chunks:
                    for _ in incoming.steps(chunk):
                        await anyio.lowlevel.checkpoint()
        return incoming.response()

    async def _ask(self, step: UseStore) -> Any:
        if not self._store.does_io:
            return step.call()
        # Shielded, so that a slot is never taken unknown; a store that hangs all the same is left behind.
        with anyio.fail_after(step.within_seconds + STORE_MARGIN_SECONDS, shield=True):
            return await anyio.to_thread.run_sync(step.call, abandon_on_cancel=True)

    async def aclose(self) -> None:
        """Close the connections; nothing can be sent any more."""
        self._is_closed = True
        await self._inner.aclose()


def open_transport(network: Network) -> httpx.BaseTransport:
    """Return the transport that the user gave, or a stock one that keeps deadlines.

    Raises:
        ConfigurationError: the one given is for the other kind of client, or a setting is wrong.
    """
    if network.transport is None:
        with _usable(network):
            return StockTransport(**_options(network))
    if not isinstance(network.transport, httpx.BaseTransport):
        raise ConfigurationError("transport= must be an httpx.BaseTransport for SquadIQ.")
    return network.transport


def open_async_transport(network: Network) -> httpx.AsyncBaseTransport:
    """Return the transport that the user gave, or a stock one.

    Raises:
        ConfigurationError: the one given is for the other kind of client, or a setting is wrong.
    """
    if network.transport is None:
        with _usable(network):
            return httpx.AsyncHTTPTransport(**_options(network))
    if not isinstance(network.transport, httpx.AsyncBaseTransport):
        raise ConfigurationError("transport= must be an httpx.AsyncBaseTransport for AsyncSquadIQ.")
    return network.transport


def _options(network: Network) -> dict[str, Any]:
    return {
        "verify": network.tls,
        "proxy": network.proxy,
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=20),
    }


def _refuse_if(is_closed: bool) -> None:
    if is_closed:
        raise ConfigurationError("The client is closed: call within its `with` block, or make another client.")


def _exchange(request: httpx.Request, store: QuotaStore, via: str) -> Exchange:
    """The way of a request: as its caller wants it or, from another httpx client, a careful one."""
    call = request.extensions.get("squadiq.call")
    if call is None:
        call = Call(request.extensions.get("squadiq.operation", request.method), CallPolicy())
    envelope = SentMetadata(request.url.query.decode("ascii"), request.headers)
    return Exchange(
        call,
        address_of(request.url) + via,
        request.read(),
        store,
        now=time.monotonic,
        utcnow=lambda: datetime.now(UTC),
        jitter=random.random,
        envelope=envelope,
    )


async def _asked(function: AsyncTokenFunction) -> Any:
    """Call a function without blocking the event loop, whether it is to be awaited or not."""
    if inspect.iscoroutinefunction(function):
        return await function()
    given: Any = await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
    return await given if inspect.isawaitable(given) else given


def _prepare(request: httpx.Request, step: Send) -> None:
    """Ask for no encoding that cannot be bounded, and say how long each operation may take, and who asks."""
    request.headers["Accept-Encoding"] = ACCEPT_ENCODING
    if step.token is not None:
        request.headers["Authorization"] = f"Bearer {step.token.reveal()}"
    names = ("connect", "read", "write", "pool")
    request.extensions = {**request.extensions, "timeout": dict.fromkeys(names, step.within_seconds)}


async def _close(close: Callable[[], Awaitable[None]]) -> None:
    """Close what was opened even if the call is cancelled, but not for ever."""
    with anyio.move_on_after(_CLOSING_SECONDS, shield=True), suppress(Exception):
        await close()


async def _break_off(chunks: AsyncGenerator[bytes]) -> None:
    """End an iteration that may not have come to its end.

    To close it would leave the generators within it to the garbage collector. To cancel it, where it
    waits, ends them all from the innermost outwards; what it has in a buffer comes before that.
    """
    with anyio.CancelScope(shield=True) as scope, suppress(Exception):
        scope.cancel()
        for _ in range(_MOST_BUFFERED):
            await anext(chunks)
    await _close(chunks.aclose)


def _trace(request: httpx.Request, incoming: ResponseReader) -> None:
    """Let what comes in see what an async transport is about, unless another client of httpx has its own trace."""
    theirs: object = request.extensions.get("trace")
    if theirs is None or isinstance(getattr(theirs, "__self__", None), ResponseReader):
        request.extensions["trace"] = incoming.trace


@contextmanager
def _usable(network: Network) -> Generator[None]:
    """Say of which setting it is that httpx cannot make a transport."""
    try:
        yield
    except ImportError:
        raise ConfigurationError(
            f"{network.proxy_setting} is a SOCKS proxy, which needs a package: pip install 'httpx[socks]'"
        ) from None


@contextmanager
def _failures() -> Generator[None]:
    """Say of an exception of the HTTP library, or of an own transport, what is known of the request."""
    try:
        yield
    except _NEVER_WILL_BE as cause:
        raise Failure(AttemptOutcome.FINAL, _without_words(cause)) from None
    except _NEVER_SENT as cause:
        timed_out = isinstance(cause, httpx.TimeoutException)
        raise Failure(
            AttemptOutcome.NEVER_SENT, _without_words(cause), timed_out=timed_out, reason=why_not_connected(cause)
        ) from None
    except Exception as cause:
        timed_out = isinstance(cause, httpx.TimeoutException | TimeoutError)
        raise Failure(
            AttemptOutcome.UNKNOWN, _without_words(cause), timed_out=timed_out, reason=why_not_connected(cause)
        ) from None


def _without_words(cause: Exception) -> Exception:
    """The exception without what the peer said, who may repeat what was sent, the access token included."""
    for kind in (httpx.RemoteProtocolError, httpx.LocalProtocolError, httpx.ProxyError):
        if isinstance(cause, kind):
            return kind("what was said is left out, for it may repeat what was sent")
    return cause
