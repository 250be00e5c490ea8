"""What a worker claims ahead: as much as it soon begins, given back when it does not, in few commits."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, event

from squadiq.errors import UnexpectedResponseError
from squadiq.inbox import worker
from squadiq.inbox.leases import Mark
from squadiq.inbox.pace import AHEAD_SECONDS, MOST_AHEAD, Pace
from squadiq.responses import Differences, read_lead
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import OpenInbox
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, take, until
from tests.inbox.test_pace import worker_of


def test_only_so_much_is_claimed_ahead_and_nothing_of_slow_handlers() -> None:
    pace = Pace(4)
    assert pace.ahead == 0
    pace.took(0.0)
    assert pace.ahead == MOST_AHEAD
    for _ in range(100):
        pace.took(5 * AHEAD_SECONDS)
    assert pace.ahead == 0
    pace.took(0.0)
    pace.stall()
    assert pace.ahead == 0


def test_notes_of_results_that_are_done_at_nearly_the_same_time_share_a_commit(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.on_processed(take)
    for number in range(60):
        receive(inbox, lead_id=number)
    commits: list[object] = []
    note = commits.append
    event.listen(Engine, "commit", note)
    try:
        assert inbox.run(once=True) == 60
    finally:
        event.remove(Engine, "commit", note)
    assert len(commits) < 60


def test_of_marks_in_one_commit_only_those_count_whose_claim_is_held(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    store = inbox._open()  # pyright: ignore[reportPrivateUsage]
    for lead_id in "ab":
        receive(inbox, lead_id=lead_id)
    claims = store.claim(2, lease_seconds=60, max_attempts=8)
    store.release(claims[:1])
    assert store.mark_all([Mark(claim, frozenset({"done"}), finished=True) for claim in claims]) == [False, True]
    assert inbox.counts() == {"waiting": 1, "handled": 1, "failed": 0}


def test_what_was_claimed_ahead_is_given_back_when_no_handler_is_begun(
    open_inbox: OpenInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    inbox, other = open_inbox(), open_inbox()
    go_on, slow = threading.Event(), threading.Event()
    handled: list[str] = []

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        if lead.lead_id == "slow":
            slow.set()
            assert go_on.wait(DEADLINE_SECONDS)

    @other.on_processed
    def take_over(lead: DeliveredLead) -> None:
        handled.append(lead.lead_id)

    for minute, lead_id in enumerate(("quick", "slow", "a", "b")):
        receive(inbox, lead_id=lead_id, processed_at=f"2018-12-03T14:0{minute}:00Z")
    with worker_of(inbox, concurrency=1):
        assert slow.wait(DEADLINE_SECONDS)
        until(lambda: other.run(once=True) or len(handled) == 2)
        until(lambda: len(handled) == 2 or other.run(once=True))
        go_on.set()
    assert sorted(handled) == ["a", "b"]
    assert [inbox.results("campaign-1", name)[0].attempts for name in "ab"] == [1, 1]


@pytest.mark.parametrize("payload", [b"[]", b"{", b"1"])
def test_what_is_no_object_is_no_lead(payload: bytes) -> None:
    with pytest.raises(UnexpectedResponseError, match="cannot be read as a lead"):
        read_lead(payload, "getLeads", Differences())


def test_a_lead_is_read_whether_it_is_odd_or_not() -> None:
    odd = read_lead(b'{"lead_id": 7, "extra": 1}', "getLeads", Differences())
    assert odd.model_extra == {"extra": 1}
    assert "contact_name" not in odd.model_fields_set
