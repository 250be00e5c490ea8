"""A short way to call a mock within the process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest

START = 1_700_000_000


@dataclass(frozen=True)
class Reply:
    """A response of the mock with its body read."""

    status: int
    json: Any
    headers: dict[str, str]


class Caller:
    """Calls a mock whose time stands still until it is moved."""

    def __init__(self, core: Mock) -> None:
        self.core = core
        self.advance = core.advance

    def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        token: str | None = "test_token",
        content_type: str | None = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token}")
        if content_type is not None:
            sent.setdefault("content-type", content_type)
        response = self.core.respond(MockRequest(method, path, query, sent, body, "http://mock.test"))
        return Reply(response.status, json.loads(response.body) if response.body else None, dict(response.headers))

    def call(self, action: str, body: Any, *, campaign: str = "c1", token: str = "test_token") -> Reply:
        method = "PATCH" if action == "update" else "POST"
        return self.send(method, f"/api/v4/leads/{action}/{campaign}/", body=json.dumps(body).encode(), token=token)

    def create(self, *lead_ids: str | int, campaign: str = "c1", **fields: Any) -> Reply:
        return self.call("create", [lead(lead_id, **fields) for lead_id in lead_ids], campaign=campaign)

    def list(self, query: str = "", *, campaign: str = "c1", token: str = "test_token") -> Reply:
        return self.send("GET", f"/api/v4/leads/responses/{campaign}/", query=query, token=token)

    def lead_state(self, lead_id: str, *, campaign: str = "c1") -> dict[str, Any]:
        lead_state = self.core.lead_state(campaign, lead_id)
        assert lead_state is not None
        return lead_state


def lead(lead_id: str | float, **fields: Any) -> dict[str, Any]:
    return {"lead_id": lead_id, "phone_number": "98765 43210", "contact_name": "Asha", **fields}
