"""The mock on a port of this machine: for the command, and within a process that tests."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Unpack

from squadiq._extras import needs_extra
from squadiq.mock.app import application
from squadiq.mock.connection import MockConnection
from squadiq.mock.core import Mock
from squadiq.mock.deliveries.deliverer import delivering
from squadiq.mock.faults import FaultKind, FaultOptions, planned_fault
from squadiq.mock.page.application import MockPage
from squadiq.mock.settings import MockOptions, MockSettings
from squadiq.mock.state import chosen_outcome, state_in_file

with needs_extra("mock"):
    import uvicorn

LOOPBACK = "127.0.0.1"


class Server(uvicorn.Server):
    """Serve a mock on a socket that is bound already; `ready` is set once it answers."""

    def __init__(self, mock: Mock) -> None:
        self._page = MockPage(mock)
        super().__init__(
            uvicorn.Config(
                application(mock, self._page),
                access_log=False,
                date_header=False,
                http=MockConnection,
                lifespan="off",
                log_level="error",
                loop="auto",
                server_header=False,
                # Who still waits for deliveries at the end is not waited for.
                timeout_graceful_shutdown=1,
                ws="none",
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go who look at the page, and end."""
        self._page.streams.end()
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that responds on a loopback port.

    Args:
        url: base URL, without a slash at its end.
        token: the first access token that is accepted.
        core: the mock itself.
    """

    url: str
    token: str = field(repr=False)
    core: Mock

    def advance(self, seconds: float) -> None:
        """Let seconds pass at once, for the leads and for the quota."""
        self.core.advance(seconds)

    def counts(self, campaign_id: str) -> dict[str, int]:
        """Count the leads of a campaign by what has happened to them."""
        return self.core.counts(campaign_id)

    def lead(self, campaign_id: str, lead_id: str) -> dict[str, Any] | None:
        """Return everything that the mock knows of a lead, None if nothing."""
        return self.core.lead_state(campaign_id, lead_id)

    def process_all(self) -> None:
        """Let time pass until every lead is processed that is not disabled."""
        self.core.process_all()

    def set_outcome(
        self,
        lead_id: str,
        lead_outcome: str,
        *,
        campaign_id: str | None = None,
        lead_responses: Mapping[str, Any] | None = None,
        latest_recording_url: str | None = None,
    ) -> None:
        """Choose the outcome that a lead has once it is processed, or has at once if it is.

        Args:
            lead_id: of a lead that was created.
            lead_outcome: the outcome in words.
            campaign_id: of the lead; needed if several campaigns have such a lead.
            lead_responses: what the lead answers; nothing without it.
            latest_recording_url: of the conversation.

        Raises:
            LookupError: there is no such lead, or one in several campaigns.
            StateError: the document does not allow such an outcome.
        """
        outcome = chosen_outcome(self.core.spec, lead_outcome, lead_responses or {}, latest_recording_url)
        self.core.choose_outcome(campaign_id, lead_id, outcome)

    def state(self) -> dict[str, Any]:
        """Return everything that the mock keeps, as `GET /_mock/state` does."""
        return self.core.state()

    def load(self, state: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Forget everything and begin with a state.

        Args:
            state: as `state()` returns it, or the path of a file of JSON.

        Raises:
            StateError: it cannot be read, or is not usable; the message says where.
        """
        self.core.load(state if isinstance(state, Mapping) else state_in_file(state))

    def fault(self, kind: FaultKind, **options: Unpack[FaultOptions]) -> None:
        """Let requests to come go wrong, as `POST /_mock/faults` does.

        Args:
            kind: what goes wrong.
            options: `operation`, `share`, `count`, and what the kind has beside.

        Raises:
            FaultError: the kind has no such option, or its value is not usable.
        """
        self.core.add_fault(planned_fault({"kind": kind, **options}))

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        self.core.clear_faults()

    def deliveries(self, *, wait_for: int = 0, timeout_seconds: float = 30) -> list[dict[str, Any]]:
        """Return what is delivered, with every attempt, as `/_mock/deliveries` does.

        Args:
            wait_for: of how many leads a delivery must have been answered with 201 before.
            timeout_seconds: how long to wait for that.

        Raises:
            TimeoutError: there were fewer in time.
        """
        return self.core.deliveries.wait(wait_for, timeout_seconds)


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        OSError: the address is taken, or is not one of this machine.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family)


def base_url(listening: socket.socket) -> str:
    """Return the base URL of a listening socket, without a slash at its end.

    Of one that listens on every address it is the loopback address.
    """
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - recognised, not bound
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 else f"http://{host}:{port}"


@contextmanager
def running_mock(**options: Unpack[MockOptions]) -> Generator[RunningMock]:
    """Run a mock on a free loopback port, in a thread of this process, until the block ends.

    Args:
        options: as for MockSettings.
    """
    settings = MockSettings(**options)
    core = Mock(settings)
    server = Server(core)
    listening = bound_socket(LOOPBACK, 0)
    url = base_url(listening)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="squadiq-mock", daemon=True)
    thread.start()
    try:
        server.ready.wait()
        with delivering(core.deliveries):
            yield RunningMock(url, settings.tokens[0], core)
    finally:
        server.should_exit = True
        thread.join()
        core.close()
