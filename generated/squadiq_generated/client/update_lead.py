"""Update a lead."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from squadiq_generated._base import to_json
from squadiq_generated.client.types import Response, UnexpectedStatus
from squadiq_generated.models import LeadUpdate

OPERATION = "updateLead"
SUCCESS = 200


def get_kwargs(campaign_id: str, *, body: LeadUpdate) -> dict[str, Any]:
    """Build the request of this operation, as arguments for `httpx.Client.request`."""

    return {
        "method": "PATCH",
        "url": "/api/v4/leads/update/{campaign_id}/".format(campaign_id=quote(str(campaign_id), safe="")),
        "content": to_json(body),
        "headers": {"Content-Type": "application/json"},
        "extensions": {"squadiq.operation": OPERATION},
    }


def parse_response(response: httpx.Response) -> None:
    """Read a successful answer from its bytes.

    Raises:
        UnexpectedStatus: the status is not the documented 200.
    """
    if response.status_code != SUCCESS:
        raise UnexpectedStatus(response.status_code, response.content)


def sync_detailed(campaign_id: str, *, client: httpx.Client, body: LeadUpdate) -> Response[None]:
    """Update a lead."""
    response = client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)


async def asyncio_detailed(campaign_id: str, *, client: httpx.AsyncClient, body: LeadUpdate) -> Response[None]:
    """Update a lead."""
    response = await client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)
