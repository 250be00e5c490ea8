"""Faults that show only when requests overlap: what was looked at has changed before something is written."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from contract_tests.faults.mutants import CREATE, DELETE, UPDATE, another, campaign_of, fault, leads_of
from contract_tests.targets import FaultyMock
from squadiq.contract.cases_of_overlap import CREATED, DELETED
from squadiq.contract.rules import Rule
from squadiq.mock.messages import MockRequest, MockResponse, json_response

PATIENCE_SECONDS = 5.0
"""How long a request waits for the one beside it; without the limit a fault might hang."""
_MAKING = threading.Lock()


class Meeting:
    """Counts how far requests with one lead_id are, so that each can wait for another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reached: Counter[tuple[str, str]] = Counter()

    def reach(self, lead_id: str, point: str) -> None:
        with self._changed:
            self._reached[lead_id, point] += 1
            self._changed.notify_all()

    def wait(self, lead_id: str, point: str, times: int = 1) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._reached[lead_id, point] >= times, PATIENCE_SECONDS)


def at_once(path: str, mark: str, mock: FaultyMock, request: MockRequest) -> tuple[Meeting, str]:
    """Return where requests meet, and the lead_id of a request of this path that others come beside, "" for none."""
    with _MAKING:
        meeting = mock.__dict__.setdefault("_meeting", Meeting())
    leads = leads_of(request) if request.path.startswith(path) else []
    lead_id = str(leads[0].get("lead_id")) if len(leads) == 1 else ""
    return meeting, lead_id if lead_id.endswith(mark) else ""


def created_without_a_constraint(
    mock: FaultyMock, request: MockRequest, then: Callable[[MockResponse], MockResponse]
) -> MockResponse:
    meeting, lead_id = at_once(CREATE, CREATED, mock, request)
    if not lead_id or mock.lead_state(campaign_of(request), lead_id):
        return mock.sound(request)
    meeting.reach(lead_id, "looked")
    meeting.wait(lead_id, "looked", times=2)
    return then(mock.sound(request))


@fault(Rule.LEAD_ID_ONCE, by_machine=False, overlap=True)
def creates_at_once_are_both_taken(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return created_without_a_constraint(mock, request, lambda response: json_response(201, {}))


@fault(Rule.NO_SERVER_ERROR, by_machine=False, overlap=True)
def creates_at_once_break_a_constraint(mock: FaultyMock, request: MockRequest) -> MockResponse:
    def broken(response: MockResponse) -> MockResponse:
        return json_response(500, {"detail": "Internal Server Error"}) if response.status == 400 else response

    return created_without_a_constraint(mock, request, broken)


@fault(Rule.DELETES, by_machine=False, overlap=True)
def an_update_beside_a_delete_writes_the_lead_back(mock: FaultyMock, request: MockRequest) -> MockResponse:
    meeting, updated = at_once(UPDATE, DELETED, mock, request)
    _, deleted = at_once(DELETE, DELETED, mock, request)
    if deleted:
        meeting.wait(deleted, "read")
        response = mock.sound(request)
        meeting.reach(deleted, "deleted")
        return response
    read = mock.lead_state(campaign_of(request), updated) if updated else None
    if not read:
        return mock.sound(request)
    meeting.reach(updated, "read")
    meeting.wait(updated, "deleted")
    mock.sound(another(request, CREATE, {name: read[name] for name in ("lead_id", "phone_number", "contact_name")}))
    return mock.sound(request)
