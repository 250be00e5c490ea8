"""Disable one or more leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx

from squadiq_generated._base import to_json
from squadiq_generated.client.types import Response, UnexpectedStatus
from squadiq_generated.models import LeadReference

OPERATION = "disableLeads"
SUCCESS = 201


def get_kwargs(campaign_id: str, *, body: LeadReference | Sequence[LeadReference]) -> dict[str, Any]:
    """Build the request of this operation, as arguments for `httpx.Client.request`."""

    return {
        "method": "POST",
        "url": "/api/v4/leads/disable/{campaign_id}/".format(campaign_id=quote(str(campaign_id), safe="")),
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


def sync_detailed(
    campaign_id: str, *, client: httpx.Client, body: LeadReference | Sequence[LeadReference]
) -> Response[None]:
    """Disable one or more leads."""
    response = client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)


async def asyncio_detailed(
    campaign_id: str, *, client: httpx.AsyncClient, body: LeadReference | Sequence[LeadReference]
) -> Response[None]:
    """Disable one or more leads."""
    response = await client.request(**get_kwargs(campaign_id=campaign_id, body=body))
    parse_response(response)
    return Response(response.status_code, response.content, response.headers, None)
