"""How a request goes with what stands in the outbox already: pure decisions, as cases."""

from __future__ import annotations

import pytest
from squadiq_generated.constants import CONVERT_LEAD, CREATE_LEADS, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq.outbox.requests import EarlierEntry, Insert, OutboxRequest, Replace, Supersede, changes_for


def asked(operation: str, payload: bytes = b"{}") -> OutboxRequest:
    return OutboxRequest(operation, "L1", payload)


def stored(
    number: int, operation: str, state: str = "waiting", *, free: bool = True, payload: bytes = b"{}"
) -> EarlierEntry:
    return EarlierEntry(number, operation, state, free, payload)  # type: ignore[arg-type]


CREATE = asked(CREATE_LEADS)
DELETE = asked(DELETE_LEAD)
FOLDED = OutboxRequest(UPDATE_LEAD, "L1", b'{"a":1,"b":2}')
LATER = asked(UPDATE_LEAD, b'{"b":2}')
EARLIER = b'{"a":1,"b":1}'


@pytest.mark.parametrize(
    ("request_", "earlier", "change"),
    [
        (CREATE, [], Insert(CREATE)),
        (CREATE, [stored(1, CREATE_LEADS)], None),
        (CREATE, [stored(1, CREATE_LEADS, "done")], None),
        (CREATE, [stored(1, CREATE_LEADS, "unknown")], None),
        (CREATE, [stored(1, CREATE_LEADS, "refused")], Replace(1, CREATE)),
        (CREATE, [stored(1, CREATE_LEADS, "refused"), stored(2, UPDATE_LEAD)], Replace(1, CREATE)),
        (CREATE, [stored(1, CREATE_LEADS, "done"), stored(2, DELETE_LEAD)], Insert(CREATE)),
        (CREATE, [stored(1, DELETE_LEAD), stored(2, CREATE_LEADS)], None),
        (LATER, [], Insert(LATER)),
        (LATER, [stored(1, UPDATE_LEAD, payload=EARLIER)], Replace(1, FOLDED)),
        (LATER, [stored(1, UPDATE_LEAD, payload=EARLIER, free=False)], Insert(LATER)),
        (LATER, [stored(1, UPDATE_LEAD, "done")], Insert(LATER)),
        (LATER, [stored(1, UPDATE_LEAD, "refused")], Insert(LATER)),
        (LATER, [stored(1, UPDATE_LEAD, payload=EARLIER), stored(2, CONVERT_LEAD)], Insert(LATER)),
        (asked(DISABLE_LEADS), [stored(1, DISABLE_LEADS)], None),
        (asked(CONVERT_LEAD, b'{"detail":"A"}'), [stored(1, CONVERT_LEAD, payload=b'{"detail":"A"}')], None),
        (
            asked(CONVERT_LEAD, b'{"detail":"A"}'),
            [stored(1, CONVERT_LEAD, payload=b'{"detail":"B"}')],
            Insert(asked(CONVERT_LEAD, b'{"detail":"A"}')),
        ),
        (asked(DELETE_LEAD), [], Insert(asked(DELETE_LEAD))),
        (asked(DELETE_LEAD), [stored(1, CREATE_LEADS), stored(2, UPDATE_LEAD)], Supersede([1, 2], DELETE)),
        (asked(DELETE_LEAD), [stored(1, CREATE_LEADS, "refused"), stored(2, UPDATE_LEAD)], Supersede([1, 2], DELETE)),
        (asked(DELETE_LEAD), [stored(1, CREATE_LEADS, free=False)], Insert(asked(DELETE_LEAD))),
        (asked(DELETE_LEAD), [stored(1, CREATE_LEADS, "done")], Insert(asked(DELETE_LEAD))),
        (asked(DELETE_LEAD), [stored(1, CREATE_LEADS, "unknown")], Insert(asked(DELETE_LEAD))),
        (asked(DELETE_LEAD), [stored(1, UPDATE_LEAD)], Insert(asked(DELETE_LEAD))),
        (asked(DELETE_LEAD), [stored(1, DELETE_LEAD)], None),
        (asked(DELETE_LEAD), [stored(1, DELETE_LEAD, "done"), stored(2, CREATE_LEADS)], Supersede([2], DELETE)),
    ],
)
def test_what_is_stored_goes_with_what_is_there(
    request_: OutboxRequest, earlier: list[EarlierEntry], change: object
) -> None:
    assert changes_for(request_, earlier) == change
