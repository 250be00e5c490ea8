"""The webhook as a router of FastAPI, which stands in `/openapi.json` with its payload."""

from __future__ import annotations

from typing import Any

from squadiq._extras import needs_package

with needs_package("fastapi"):
    from fastapi import APIRouter, Request, Response

from squadiq.webhooks import MAX_BODY_BYTES, AsgiWebhook, AsyncReceiver, Callers, DeliveredLead

_DETAIL = {"type": "object", "additionalProperties": True}
_REFUSALS = {
    400: "It is no processed lead; says what is wrong, by field.",
    403: "The caller is not allowed to deliver.",
    413: "It is larger than what is taken.",
    503: "It could not be stored: deliver it again.",
}


class _Delivery(Response):
    """The response that the webhook gives when it is asked to send it."""

    def __init__(self, webhook: AsgiWebhook) -> None:
        super().__init__()
        self._webhook = webhook

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._webhook(scope, receive, send)


def webhook_router(
    receiver: AsyncReceiver,
    callers: Callers | None = None,
    *,
    path: str = "/hooks/squadiq",
    max_body_bytes: int = MAX_BODY_BYTES,
) -> APIRouter:
    """Return a router that takes deliveries: `app.include_router(webhook_router(inbox, callers))`.

    Args:
        receiver: where processed leads go, such as an `Inbox`.
        callers: who may deliver; without it anyone may.
        path: where; with a `UrlSecret` it ends with a parameter: `/hooks/squadiq/{secret}`.
        max_body_bytes: deliveries with more are refused.

    Raises:
        ConfigurationError: one of them is not what it should be.
    """
    webhook = AsgiWebhook(receiver, callers, max_body_bytes=max_body_bytes)
    router = APIRouter(tags=["squadiq"])

    async def take_processed_lead(request: Request) -> Response:
        return _Delivery(webhook)

    router.add_api_route(
        path,
        take_processed_lead,
        methods=["POST"],
        status_code=201,
        response_class=Response,
        summary="Take a lead that SquadIQ has processed",
        response_description="It is stored, or was before.",
        responses={status: {"description": said, **_json(_DETAIL)} for status, said in _REFUSALS.items()},
        openapi_extra={"requestBody": {"required": True, **_json(_payload())}},
    )
    return router


def _payload() -> dict[str, Any]:
    schema = DeliveredLead.model_json_schema(mode="validation")
    return {**schema, "title": "ProcessedLead", "description": "A lead that SquadIQ has processed."}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
