"""The webhook as a blueprint of Flask."""

from __future__ import annotations

from squadiq._extras import needs_package

with needs_package("flask"):
    from flask import Blueprint, Response, request

from squadiq.webhooks import MAX_BODY_BYTES, Callers, Receiver, WsgiWebhook


def webhook_blueprint(
    receiver: Receiver,
    callers: Callers | None = None,
    *,
    path: str = "/hooks/squadiq",
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Blueprint:
    """Return a blueprint that takes deliveries: `app.register_blueprint(webhook_blueprint(inbox, callers))`.

    Args:
        receiver: where processed leads go, such as an `Inbox`.
        callers: who may deliver; without it anyone may.
        path: where; with a `UrlSecret` it ends with a parameter: `/hooks/squadiq/<secret>`.
        max_body_bytes: deliveries with more are refused.

    Raises:
        ConfigurationError: one of them is not what it should be.
    """
    webhook = WsgiWebhook(receiver, callers, max_body_bytes=max_body_bytes)
    blueprint = Blueprint("squadiq", __name__)

    def take_processed_lead(**_: str) -> Response:
        response = webhook.respond(request.environ)
        return Response(response.body, response.status, list(response.headers))

    blueprint.add_url_rule(path, "lead_processed", take_processed_lead, methods=["POST"])
    return blueprint
