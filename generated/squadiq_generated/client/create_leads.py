"""Create leads in a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx

from squadiq_generated._base import to_json
from squadiq_generated.client.types import Response, UnexpectedStatus
from squadiq_generated.models import Lead

OPERATION = "createLeads"
SUCCESS = 201


def get_kwargs(campaign_id: str, *, body: Lead | Sequence[Lead]) -> dict[str, Any]:
    """Build the request of this operation, as arguments for `httpx.Client.request`."""

    return {
        "method": "POST",
        "url": "/api/v4/leads/create/{campaign_id}/".format(campaign_id=quote(str(campaign_id), safe="")),
        "content": to_json(body),
        "headers": {"Content-Type": "application/json"},
        "extensions": {"squadiq.operation": OPERATION},
    }


def parse_response(response: httpx.Response) -> None:
    """Read a successful answer from its bytes.

    Raises:
        UnexpectedStatus: the status is not the documented 201.
    """
    if response.status_code != SUCCESS:
        raise UnexpectedStatus(response.status_code, response.content)


def sync_detailed(campaign_id: str, *, client: httpx.Client, body: Lead | Sequence[Lead]) -> Response[None]:
    """Create leads in a campaign."""
    response = client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)


async def asyncio_detailed(
    campaign_id: str, *, client: httpx.AsyncClient, body: Lead | Sequence[Lead]
) -> Response[None]:
    """Create leads in a campaign."""
    response = await client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)
