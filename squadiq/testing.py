"""For tests of your own: the mock with clients of it, as the fixture `squadiq_mock` gives it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Unpack

from squadiq.client import AsyncSquadIQ, SquadIQ
from squadiq.config import ClientOptions
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import MockOptions

_OWN_QUOTA = {"quota", "quota_hits", "quota_window_seconds"}


@dataclass(frozen=True, slots=True)
class SquadIQMock(RunningMock):
    """A mock that responds on a loopback port, and makes clients of itself."""

    _clients: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)

    def client(self, access_token: str | None = None, **options: Unpack[ClientOptions]) -> SquadIQ:
        """Return a client of the mock, which is closed when the mock ends, if it is not before.

        It keeps its quota to itself, and holds no call back unless a setting of the quota is given.

        Args:
            access_token: one that the mock accepts; by default its first.
            options: see `squadiq.ClientOptions`.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        return self._clients.enter_context(SquadIQ(access_token or self.token, **self._options(options)))

    def async_client(self, access_token: str | None = None, **options: Unpack[ClientOptions]) -> AsyncSquadIQ:
        """Return a client of the mock for `async with`: only within its event loop can it be closed.

        It keeps its quota to itself, and holds no call back unless a setting of the quota is given.

        Args:
            access_token: one that the mock accepts; by default its first.
            options: see `squadiq.ClientOptions`.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        return AsyncSquadIQ(access_token or self.token, **self._options(options))

    def _options(self, given: ClientOptions) -> ClientOptions:
        # Not the file that this user's programs share: a test spends nobody's quota, and leaves nothing behind.
        options: ClientOptions = {"base_url": self.url, "quota": "memory"}
        if not _OWN_QUOTA & given.keys():
            options["quota_window_seconds"] = 0.001
        return {**options, **given}


@contextmanager
def running_squadiq_mock(**options: Unpack[MockOptions]) -> Generator[SquadIQMock]:
    """Run a mock on a free loopback port, in a thread of this process, until the block ends; then close its clients.

    Args:
        options: as for `squadiq.mock.settings.MockSettings`.
    """
    with running_mock(**options) as running, ExitStack() as clients:
        yield SquadIQMock(running.url, running.token, running.core, clients)
