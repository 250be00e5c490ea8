"""Django: the webhook as a view, the inbox in your own database, and `manage.py squadiq_inbox` beside them.

    INSTALLED_APPS = [..., "squadiq.integrations.django"]
    SQUADIQ = {"CALLERS": [HeaderSecret("X-Webhook-Secret", os.environ["WEBHOOK_SECRET"])]}
    urlpatterns = [..., path("hooks/squadiq", lead_processed_view)]

Handlers stand in a module `squadiq_handlers` of any of your apps, and are found by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squadiq._extras import needs_package

with needs_package("django"):
    import django as django  # type: ignore[import-untyped]

from squadiq.integrations.django.project_inbox import project_inbox
from squadiq.integrations.django.views import lead_processed_view

if TYPE_CHECKING:
    from squadiq.inbox import Inbox

    inbox: Inbox

__all__ = ["inbox", "lead_processed_view"]


def __getattr__(name: str) -> Inbox:
    """Make the inbox when it is first imported: Django has read its settings by then."""
    if name != "inbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return project_inbox()
