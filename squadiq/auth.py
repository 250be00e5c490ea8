"""The access token: never shown to anybody but the server."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from squadiq.errors import ConfigurationError

TokenFunction = Callable[[], str]
"""Gives the access token: for one that changes, or that somebody else keeps."""
AsyncTokenFunction = Callable[[], str | Awaitable[str]]
"""The same for `AsyncSquadIQ`: a plain function, which is called in a thread, or one to be awaited."""


class AccessToken:
    """An access token that shows itself to nobody but the server."""

    __slots__ = ("_text",)

    def __init__(self, text: object) -> None:
        """Take a token as the SquadIQ Dashboard gives it.

        Raises:
            ConfigurationError: it is no text, is empty, or holds what cannot stand in a header.
        """
        if not isinstance(text, str):
            if inspect.iscoroutine(text):
                text.close()  # which nobody is going to await
            raise ConfigurationError(f"The access_token must be a text, not a value of type {type(text).__name__}.")
        if not text:
            raise ConfigurationError("The access token is empty. Pass access_token= or set SQUADIQ_ACCESS_TOKEN.")
        if not all("!" <= character <= "~" for character in text):
            raise ConfigurationError(
                "The access token holds blanks, line ends or other characters that no token has. "
                "Look at access_token= or SQUADIQ_ACCESS_TOKEN."
            )
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
