"""Get processed leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from squadiq_generated.client.types import UNSET, Response, UnexpectedStatus, Unset
from squadiq_generated.models import LeadsPage

OPERATION = "getLeads"
SUCCESS = 200


def get_kwargs(
    campaign_id: str,
    *,
    lead_id: str | Unset = UNSET,
    processed_after: int | Unset = UNSET,
    processed_before: int | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> dict[str, Any]:
    """Build the request of this operation, as arguments for `httpx.Client.request`."""
    params: dict[str, Any] = {}

    params["lead_id"] = lead_id

    params["processed_after"] = processed_after

    params["processed_before"] = processed_before

    params["page"] = page

    params["page_size"] = page_size

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    return {
        "method": "GET",
        "url": "/api/v4/leads/responses/{campaign_id}/".format(campaign_id=quote(str(campaign_id), safe="")),
        "params": params,
        "extensions": {"squadiq.operation": OPERATION},
    }


def parse_response(response: httpx.Response) -> LeadsPage:
    """Read a successful answer from its bytes.

    Raises:
        UnexpectedStatus: the status is not the documented 200.
        pydantic.ValidationError: the body is not what the document says.
    """
    if response.status_code != SUCCESS:
        raise UnexpectedStatus(response.status_code, response.content)
    return LeadsPage.model_validate_json(response.content)


def sync_detailed(
    campaign_id: str,
    *,
    client: httpx.Client,
    lead_id: str | Unset = UNSET,
    processed_after: int | Unset = UNSET,
    processed_before: int | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[LeadsPage]:
    """Get processed leads."""
    response = client.request(
        **get_kwargs(
            campaign_id=campaign_id,
            lead_id=lead_id,
            processed_after=processed_after,
            processed_before=processed_before,
            page=page,
            page_size=page_size,
        )
    )
    return Response(response.status_code, response.content, response.headers, parse_response(response))


async def asyncio_detailed(
    campaign_id: str,
    *,
    client: httpx.AsyncClient,
    lead_id: str | Unset = UNSET,
    processed_after: int | Unset = UNSET,
    processed_before: int | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
) -> Response[LeadsPage]:
    """Get processed leads."""
    response = await client.request(
        **get_kwargs(
            campaign_id=campaign_id,
            lead_id=lead_id,
            processed_after=processed_after,
            processed_before=processed_before,
            page=page,
            page_size=page_size,
        )
    )
    return Response(response.status_code, response.content, response.headers, parse_response(response))
