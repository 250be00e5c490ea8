"""Sends deliveries to an endpoint: each has one deadline over all of it, and only the start of a response is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType

import httpx

from squadiq._deadline import deadline
from squadiq._decoding import ACCEPT_ENCODING, BodyDecoder, BodyError
from squadiq.config import network_from
from squadiq.transport import open_transport

RESPONSE_BYTES = 64 * 1024
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SentDelivery:
    """Hold what an endpoint answered: its status, and the start of its body."""

    status: int
    body: bytes = field(repr=False)


class DeliverySender:
    """Post to one endpoint, one delivery after the other, over connections that are kept.

    The environment's proxy is used as by the client of the API; cookies are not sent back.

    Args:
        url: of the endpoint.
        timeout_seconds: for a delivery from its first byte to the end of its response.

    Raises:
        ConfigurationError: the environment's proxy cannot be used.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._client = httpx.Client(
            transport=open_transport(network_from(httpx.URL(url), {})),
            headers={"Accept-Encoding": ACCEPT_ENCODING},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=timeout_seconds,
            trust_env=False,
        )

    def __enter__(self) -> DeliverySender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def post(self, body: bytes, headers: Headers) -> SentDelivery:
        """Post one delivery.

        Raises:
            httpx.HTTPError: there is no response.
        """
        with (
            deadline(self._timeout_seconds),
            self._client.stream("POST", self._url, content=body, headers=list(headers)) as response,
        ):
            return SentDelivery(response.status_code, _start_of(response))


def _start_of(response: httpx.Response) -> bytes:
    start = bytearray()
    with suppress(BodyError):  # then what could be read of it is its start
        decoder = BodyDecoder(response.headers.get("content-encoding"), RESPONSE_BYTES)
        for chunk in response.iter_raw():
            for piece in decoder.feed(chunk):
                start += piece
    return bytes(start)
