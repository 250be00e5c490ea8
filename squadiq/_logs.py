"""Keeping phone numbers out of a log that is not ours."""

from __future__ import annotations

import logging
import re

_LEAD_ID = re.compile(r"(lead_id=)[^&#\s\"]+")


class _HideLeadIds(logging.Filter):
    """httpx logs addresses; the `lead_id` in one may be somebody's phone number."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _LEAD_ID.sub(r"\1…", str(argument)) if "lead_id=" in str(argument) else argument
                for argument in record.args
            )
        return True


_FILTER = _HideLeadIds()


def hide_phone_numbers(logger: logging.Logger) -> None:
    """Let a logger write addresses without the `lead_id` in them."""
    logger.addFilter(_FILTER)  # adding the same filter twice does nothing
