"""A mock and what a browser sends to it, for the tests of its page."""

from __future__ import annotations

from typing import Any

import httpx

from squadiq.mock.server import RunningMock

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
HTTP = httpx.Client(verify=False, trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""One for all: to make one reads every certificate that the machine trusts."""
NAME, PHONE_NUMBER = "Asha Rao", "9876543210"


def get(mock: RunningMock, path: str = "/", **headers: str) -> httpx.Response:
    return HTTP.get(f"{mock.url}{path}", headers={"Accept": BROWSER, **headers})


def page(mock: RunningMock, path: str = "/") -> str:
    """A page that must be there."""
    response = get(mock, path)
    assert response.status_code == 200, (path, response.text)
    return response.text


def press(mock: RunningMock, path: str, **fields: str) -> httpx.Response:
    """Send a form as a browser does."""
    return HTTP.post(f"{mock.url}/_mock/page{path}", data=fields, headers={"Origin": mock.url})


def call(mock: RunningMock, method: str, path: str, **options: Any) -> httpx.Response:
    """Call the API."""
    headers = {"Authorization": f"Bearer {mock.token}", **options.pop("headers", {})}
    return HTTP.request(method, f"{mock.url}/api/v4/leads/{path}", headers=headers, **options)


def lead(lead_id: str, **fields: Any) -> dict[str, Any]:
    return {"lead_id": lead_id, "phone_number": PHONE_NUMBER, "contact_name": NAME, **fields}


def create(mock: RunningMock, *lead_ids: str, campaign: str = "c1", **fields: Any) -> None:
    response = call(mock, "POST", f"create/{campaign}/", json=[lead(lead_id, **fields) for lead_id in lead_ids])
    assert response.status_code == 201, response.text
