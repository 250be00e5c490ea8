"""A mock behind a server that keeps every request, and time that passes only when somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from contract_tests.targets import FaultyMock, Plant, sound
from squadiq.auth import AccessToken
from squadiq.contract.live import LiveSettings
from squadiq.mock.messages import MockRequest
from squadiq.mock.settings import MockSettings
from squadiq.quota import MemoryStore
from squadiq.spec import Spec
from tests.servers import ActingServer, Action, Reply, Seen, acting_server

TOKEN = "secret_token_of_the_business"
CAMPAIGN = "live-1"
PHONE_NUMBER = "9812345678"
DOCUMENT = Spec.installed()
PEOPLE = ["9876500001", "asha.rao-17", "u3", "u4", "u5"]
"""lead_ids as businesses choose them: one is a phone number, one holds a name."""


Interfere = Callable[[Seen], Action | None]


@dataclass
class VirtualTime:
    """Seconds that pass only when somebody sleeps."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Recording:
    """A mock on a port, and what came to it."""

    mock: FaultyMock
    server: ActingServer
    time: VirtualTime
    interfere: Interfere
    arrivals: list[float] = field(default_factory=list[float])

    @property
    def seen(self) -> list[Seen]:
        return self.server.seen

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self, tmp_path: Path, **options: Any) -> LiveSettings:
        given: dict[str, Any] = {
            "base_url": httpx.URL(self.url),
            "campaign_id": CAMPAIGN,
            "token": AccessToken(TOKEN),
            "ledgers": tmp_path,
            "quota": MemoryStore(100, 60.0, now=self.time.now),
            "sleep": self.time.sleep,
            "now": self.time.now,
            "spec": DOCUMENT,
        }
        return LiveSettings(**{**given, **options})


@contextmanager
def recording(
    plant: Plant = sound, *, interfere: Interfere = lambda seen: None, leads: int = 5
) -> Generator[Recording]:
    """Run a mock with some processed leads; `interfere` may act in its place."""
    mock = FaultyMock(plant, MockSettings(tokens=(TOKEN,), rate=0, process_after_seconds=0))
    time = VirtualTime()

    def respond(seen: Seen) -> Action:
        recorded.arrivals.append(time.now())
        action = recorded.interfere(seen)
        return action if action is not None else _reply(mock, seen)

    with acting_server(respond) as server:
        recorded = Recording(mock, server, time, interfere)
        for lead_id in PEOPLE[:leads]:
            create(mock, lead_id)
        mock.advance(1)
        yield recorded
    mock.close()


def create(mock: FaultyMock, lead_id: str) -> None:
    body = b'{"lead_id": "%s", "phone_number": "9899999999", "contact_name": "Meera Iyer"}' % lead_id.encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    assert mock.sound(MockRequest("POST", f"/api/v4/leads/create/{CAMPAIGN}/", "", headers, body)).status == 201


def _reply(mock: FaultyMock, seen: Seen) -> Reply:
    path, _, query = seen.target.partition("?")
    response = mock.respond(MockRequest(seen.method, path, query, seen.headers, seen.body, "http://127.0.0.1"))
    return Reply(response.status, response.body, dict(response.headers))
