"""How long an entry that failed waits to be tried again. Pure."""

from __future__ import annotations

FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 3600.0


def backoff_seconds(attempts: int, rng: float, longest_seconds: float = LONGEST_RETRY_SECONDS) -> float:
    """Return how long to wait after a number of failures: doubling, up to a quarter less by chance."""
    longest = min(longest_seconds, FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 30))
    return longest * (1 - rng / 4)
