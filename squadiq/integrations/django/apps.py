"""The app: it finds the handlers of all apps when Django starts."""

from __future__ import annotations

from django.apps import AppConfig  # type: ignore[import-untyped]
from django.utils.module_loading import autodiscover_modules  # type: ignore[import-untyped]

HANDLERS = "squadiq_handlers"
"""The module of an app that registers its handlers: `@inbox.on_processed`."""


class SquadIQConfig(AppConfig):  # type: ignore[misc]
    """The app `squadiq.integrations.django`."""

    name = "squadiq.integrations.django"
    label = "squadiq"
    verbose_name = "SquadIQ"

    def ready(self) -> None:
        """Import the handlers of every app that has some."""
        autodiscover_modules(HANDLERS)
