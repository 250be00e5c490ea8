"""The webhook as a view, of Django under WSGI and ASGI alike."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
from django.views.decorators.csrf import csrf_exempt  # type: ignore[import-untyped]

from squadiq.integrations.django.conf import configured_callers
from squadiq.integrations.django.project_inbox import project_inbox
from squadiq.webhooks import WsgiWebhook


@csrf_exempt  # type: ignore[untyped-decorator]
def lead_processed_view(request: HttpRequest, **_: str) -> HttpResponse:
    """Take a delivery: `path("hooks/squadiq", lead_processed_view)`.

    With a `UrlSecret` the path ends with a parameter: `hooks/squadiq/<str:secret>`.
    """
    # What is read by the request has an end, whatever server it came from.
    environ: dict[str, Any] = {**cast(Any, request).META, "wsgi.input": request, "wsgi.input_terminated": True}
    response = _webhook().respond(environ)
    return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


@cache
def _webhook() -> WsgiWebhook:
    return WsgiWebhook(project_inbox(), configured_callers())
