"""The inbox of a Django project, made when it is first asked for: the settings are read then."""

from __future__ import annotations

from functools import cache

from squadiq.inbox import Inbox
from squadiq.integrations.django.conf import inbox_database


@cache
def project_inbox() -> Inbox:
    """Return the inbox that `settings.SQUADIQ` means."""
    return Inbox(inbox_database())
