"""An inbox by a time that the test decides."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

from squadiq.inbox import Inbox
from squadiq.queue.clock import Time


def timed_inbox(
    database: str | os.PathLike[str],
    *,
    now: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    rng: Callable[[], float] = random.random,
    **settings: Any,
) -> Inbox:
    """Return an inbox with clocks, and with chance, of the test's own."""

    class TimedInbox(Inbox):
        _time = Time(now, monotonic, rng)

    return TimedInbox(database, **settings)
