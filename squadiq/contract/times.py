"""Times of a response, in any form that the document allows."""

from __future__ import annotations

from datetime import UTC, datetime

from squadiq.contract.rules import BrokenError, Finding, Rule


def in_seconds(moment: str | float) -> float:
    """Return a time of a response in seconds since the epoch; without an offset it is UTC (decision 0002).

    Raises:
        BrokenError: there is no such time, though the schema allows its form: a leap second, the year 0.
    """
    if not isinstance(moment, str):
        return float(moment)
    try:
        read = datetime.fromisoformat(moment.upper())
    except ValueError:
        raise BrokenError(Finding(Rule.TIMES, "a time that no calendar of a program has")) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
