"""What can be set about the mock."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args
from urllib.parse import urlsplit

from squadiq.mock.callers import host_name
from squadiq.mock.faults import FaultError, parsed_fault

DuplicateLeads = Literal["reject", "replace"]
Trouble = Literal["duplicates", "reorder", "delays", "bursts", "slow", "cuts"]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)


_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


class SettingError(ValueError):
    """A setting of the mock is not usable; the message names it."""


class MockOptions(TypedDict, total=False):
    """The settings by name, for functions that pass them on."""

    tokens: tuple[str, ...]
    """Access tokens that are accepted; each is one business with a quota of its own."""
    rate: int | None
    """Hits per window and token, 0 for no limit, None for what the document says."""
    db: str
    """A file for the state, kept over restarts, or `:memory:`."""
    seed: int
    """The same seed, campaign and lead_id give the same calls and the same outcome."""
    process_after_seconds: float
    """Every lead is processed within this time, and not before half of it."""
    speed: float
    """How many seconds pass for the leads in one second."""
    duplicate_leads: DuplicateLeads
    """What createLeads does with a lead_id that exists."""
    webhook_url: str | None
    """Where processed leads are POSTed to; None for nowhere."""
    webhook_headers: tuple[tuple[str, str], ...]
    """Names and values to add to each delivery, such as a secret."""
    webhook_trouble: Collection[Trouble]
    """How deliveries go wrong on purpose: `duplicates`, `reorder`, `delays`, `bursts`, `slow` (in sending and in
    reading) and `cuts` (of connections)."""
    allow_hosts: tuple[str, ...]
    """Names or addresses, beside this machine's own, by which the helper endpoints may be asked."""
    faults: tuple[str, ...]
    """What goes wrong with the API itself from the start, each such as `500:share=0.05`."""
    load: str | None
    """A file with a state to begin with, as `GET /_mock/state` gives it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MockSettings:
    """Hold what can be set about the mock; `MockOptions` explains each.

    Raises:
        SettingError: a value is out of range.
    """

    tokens: tuple[str, ...] = field(default=("test_token",), repr=False)
    rate: int | None = None
    db: str = ":memory:"
    seed: int = 0
    process_after_seconds: float = 5.0
    speed: float = 1.0
    duplicate_leads: DuplicateLeads = "reject"
    webhook_url: str | None = field(default=None, repr=False)
    webhook_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    webhook_trouble: Collection[Trouble] = ()
    allow_hosts: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    load: str | None = None

    def __post_init__(self) -> None:
        # 31 years at most: past the year 9999 a time has no ISO 8601 form of four-digit years.
        if not self.tokens or not all(_VISIBLE.fullmatch(token) for token in self.tokens):
            raise SettingError("tokens: give at least one, of visible ASCII characters without blanks")
        if self.rate is not None and self.rate < 0:
            raise SettingError(f"rate: give 0 (no limit) or more hits, not {self.rate}")
        if not 0 <= self.process_after_seconds <= 1e9:
            raise SettingError(f"process_after_seconds: give 0 to 1e9 seconds, not {self.process_after_seconds}")
        if not (math.isfinite(self.speed) and 0 < self.speed <= 1e6):
            raise SettingError(f"speed: give more than 0 and at most 1e6, not {self.speed}")
        if self.duplicate_leads not in ("reject", "replace"):
            raise SettingError(f"duplicate_leads: give reject or replace, not {self.duplicate_leads}")
        if self.webhook_url is not None and not _is_http(self.webhook_url):
            raise SettingError("webhook_url: give an http:// or https:// URL with a host")
        for name, value in self.webhook_headers:
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise SettingError("webhook_headers: give 'Name: value', of visible ASCII characters")
        for kind in self.webhook_trouble:
            if kind not in get_args(Trouble):
                raise SettingError(f"webhook_trouble: give some of {', '.join(get_args(Trouble))}, not {kind}")
        try:
            for name in self.allow_hosts:
                host_name(name)
        except ValueError:
            raise SettingError("allow_hosts: give names or addresses of hosts, without a scheme and a port") from None
        try:
            for text in self.faults:
                parsed_fault(text)
        except FaultError as wrong:
            raise SettingError(f"faults: {wrong}") from None


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isascii())
    except ValueError:
        return False
