"""Erasure: nothing of a lead is left, and no late repeat brings it back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from squadiq.inbox import Inbox, InboxError
from squadiq.webhooks import DeliveredLead, parse
from tests.inbox.conftest import Clock, OpenInbox
from tests.webhooks.payloads import NAME, PERSONAL, PHONE_NUMBER, delivery


def test_all_results_of_the_lead_are_gone_and_no_others(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    for second in range(3):
        inbox.receive(parse(delivery(lead_id="a", processed_at=f"2018-12-03T14:37:0{second}Z"), {}))
    inbox.receive(parse(delivery(lead_id="b"), {}))
    inbox.receive(parse(delivery(lead_id="a", campaign_id="campaign-2"), {}))
    assert inbox.erase("campaign-1", "a") == 3
    assert inbox.erase("campaign-1", "a") == 0
    assert inbox.results("campaign-1", "a") == []
    assert inbox.counts()["waiting"] == 2


def test_a_late_repeat_is_acknowledged_and_not_stored_but_a_new_result_is(open_inbox: OpenInbox, clock: Clock) -> None:
    inbox = open_inbox()
    inbox.receive(parse(delivery(), {}))
    inbox.erase("campaign-1", "test_lead_id")
    inbox.receive(parse(delivery(), {}))
    inbox.receive(parse(delivery(processed_at="2020-01-01T00:00:00Z"), {}))
    assert inbox.results("campaign-1", "test_lead_id") == []
    clock.time += 100
    inbox.erase("campaign-1", "test_lead_id")
    assert clock.time == 1_800_000_100
    for processed_at in ("2027-01-15T08:01:40Z", "2027-01-15T08:01:41Z"):
        inbox.receive(parse(delivery(processed_at=processed_at), {}))
    assert [result.processed_at.second for result in inbox.results("campaign-1", "test_lead_id")] == [41]


def test_a_lead_that_is_erased_while_it_is_handled_stays_erased(
    open_inbox: OpenInbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = open_inbox()

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        inbox.erase(lead.campaign_id, lead.lead_id)

    inbox.receive(parse(delivery(), {}))
    assert inbox.run(once=True) == 0
    assert inbox.results("campaign-1", "test_lead_id") == []
    assert "its lease ended" in caplog.text


def test_nothing_of_an_erased_lead_is_left_in_the_files(tmp_path: Path) -> None:
    lead_id = "9876501234"
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        for number in range(200):
            inbox.receive(parse(delivery(lead_id=number, phone_number="+910000000000", contact_name="Other"), {}))
        for second in range(10, 60):
            changes = {"lead_id": lead_id, "processed_at": f"2018-12-03T14:37:{second}Z"}
            inbox.receive(parse(delivery(**changes, lead_responses={"long": NAME * 300}), {}))
        assert all(secret.encode() in _bytes_of(tmp_path) for secret in (PHONE_NUMBER, NAME, lead_id))
        assert inbox.erase("campaign-1", lead_id) == 50
        left = _bytes_of(tmp_path)
        assert inbox.counts()["waiting"] == 200
    kept_by_others = ("secret-recording", "https://recordings.example/secret-recording")
    assert not [secret for secret in PERSONAL if secret not in kept_by_others and secret.encode() in left]
    assert lead_id.encode() not in left
    assert b"Other" in left


def _bytes_of(folder: Path) -> bytes:
    files = list(folder.iterdir())
    assert {file.name for file in files} >= {"inbox.sqlite3", "inbox.sqlite3-wal"}
    return b"".join(file.read_bytes() for file in files)


def test_a_reader_that_keeps_the_log_from_being_emptied_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.queue.database.BUSY_SECONDS", 0.05)
    path = tmp_path / "inbox.sqlite3"
    with Inbox(path) as inbox:
        inbox.receive(parse(delivery(), {}))
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM squadiq_inbox_results").fetchone()
            with pytest.raises(InboxError, match="Call erase\\(\\) again"):
                inbox.erase("campaign-1", "test_lead_id")
            reader.execute("ROLLBACK")
        assert inbox.erase("campaign-1", "test_lead_id") == 0
        assert PHONE_NUMBER.encode() not in _bytes_of(tmp_path)
