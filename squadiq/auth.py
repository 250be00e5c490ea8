"""The access token: sent to SquadIQ's own address only, and never shown."""

from __future__ import annotations

from collections.abc import Generator

import httpx

from squadiq.errors import ConfigurationError


class AccessToken:
    """An access token that shows itself to nobody but the server."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take a token as the SquadIQ Dashboard gives it.

        Raises:
            ConfigurationError: it is empty or holds what cannot stand in a header.
        """
        if not text:
            raise ConfigurationError("The access token is empty. Pass access_token= or set SQUADIQ_ACCESS_TOKEN.")
        if not all("!" <= character <= "~" for character in text):
            raise ConfigurationError("The access token holds blanks, line ends or other characters that no token has.")
        self._text = text

    def reveal(self) -> str:
        """Return the token itself, for a header or a hash."""
        return self._text

    def __repr__(self) -> str:
        return "AccessToken(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessToken) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class BearerAuth(httpx.Auth):
    """Add the access token to requests that go to the base URL's own scheme, host and port."""

    def __init__(self, token: AccessToken, base_url: httpx.URL) -> None:
        self._header = f"Bearer {token.reveal()}"
        self._origin = _origin(base_url)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header, or none where the request goes elsewhere."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request

    def __repr__(self) -> str:
        return "BearerAuth(…)"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default_ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or default_ports.get(url.scheme)
