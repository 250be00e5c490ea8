"""What the tests of deliveries share: leads in a mock, and what came to an endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from squadiq.mock.server import RunningMock
from tests.servers import ActingServer, Seen

FAST = 2000.0
"""Seconds of the leads in one second: waits of a minute pass in thirty milliseconds."""
PHONE_NUMBER = "+919876543210"


def create(mock: RunningMock, lead_ids: Iterable[str | int], campaign_id: str = "c1") -> None:
    leads = [{"lead_id": lead_id, "phone_number": PHONE_NUMBER, "contact_name": "Asha Rao"} for lead_id in lead_ids]
    send(mock, "create", leads, campaign_id)


def send(mock: RunningMock, action: str, body: Any, campaign_id: str = "c1") -> None:
    response = httpx.post(f"{mock.url}/api/v4/leads/{action}/{campaign_id}/", json=body, headers=bearer(mock))
    assert response.is_success, response.text


def listed(mock: RunningMock, campaign_id: str = "c1") -> list[dict[str, Any]]:
    url = f"{mock.url}/api/v4/leads/responses/{campaign_id}/?page_size=1000"
    leads: list[dict[str, Any]] = httpx.get(url, headers=bearer(mock)).json()["results"]
    return leads


def bearer(mock: RunningMock) -> dict[str, str]:
    return {"Authorization": f"Bearer {mock.token}"}


def helper(mock: RunningMock, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    return httpx.request(method, f"{mock.url}/_mock/{path}", timeout=60, **options)


def whole(server: ActingServer) -> list[Seen]:
    """Return the requests that came with all of their body."""
    return [seen for seen in server.seen if len(seen.body) == int(seen.headers["content-length"])]
