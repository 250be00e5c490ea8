"""What is to be done about a lead that stands in a source, by what the ledger knows of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from squadiq.push.ledger import Entry


class Decision(Enum):
    """What is to be done about a lead that stands in a source, by what the ledger knows of it."""

    CREATE = "send it"
    TAKE_OVER = "send it: a push that is gone wanted to"
    REPEAT = "send it again: it may have been created, and repeating is allowed"
    LOST = "it may have been created, and repeating is off"
    SETTLED = "it is created, or refused as it stands"
    ELSEWHERE = "another push has it in hand"


def decision_for(entry: Entry | None, content: bytes, alive: Collection[int], *, repeat_creates: bool) -> Decision:
    """Decide what is to be done about a lead.

    Args:
        entry: what the ledger knows of it, if anything.
        content: digest of the lead as it stands now.
        alive: owners of entries that still run.
        repeat_creates: whether leads are sent again when it is unknown if they were created.
    """
    if entry is None or (entry.state == "refused" and entry.content != content):
        return Decision.CREATE
    if entry.state in ("created", "existing", "refused"):
        return Decision.SETTLED
    if entry.state in ("waiting", "sending") and entry.owner in alive:
        return Decision.ELSEWHERE
    if not entry.sent_before and entry.state == "waiting":
        return Decision.TAKE_OVER
    return Decision.REPEAT if repeat_creates else Decision.LOST
