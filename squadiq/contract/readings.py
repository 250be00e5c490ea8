"""How a server reads what the API documentation leaves open; none of these readings is a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readings:
    """Hold what was found out about a server; the defaults are what the document assumes.

    Args:
        denied: status for a request without a good access token (decision 0005).
        refuses_repeats: whether a lead_id that exists is refused in a create (decision 0009).
        ignores_unknown: whether a disable leaves out leads that do not exist (decision 0011).
        told: all readings in words, for the user.
    """

    denied: int = 401
    refuses_repeats: bool = True
    ignores_unknown: bool = False
    told: Sequence[str] = ()
