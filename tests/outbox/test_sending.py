"""What is stored is sent once each, in its order, and what cannot be sent stays and is told."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from squadiq_generated.client import convert_lead, delete_lead, disable_leads, update_lead

from squadiq import SquadIQ
from squadiq.errors import ConfigurationError, InvalidInputError
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from squadiq.outbox.requests import changes_for
from squadiq.outbox.sending import LONGEST_WAIT_SECONDS
from squadiq.queue.backoff import backoff_seconds
from tests.outbox.conftest import CAMPAIGN, drain, lead
from tests.servers import Action, Reply, Reset, Seen, acting_server

SUCCESS = {
    "update": update_lead.SUCCESS,
    "convert": convert_lead.SUCCESS,
    "disable": disable_leads.SUCCESS,
    "delete": delete_lead.SUCCESS,
}


class Service:
    """Creates whole batches, and notes what was done; `disturb` says what else becomes of a request."""

    def __init__(self, disturb: Callable[[Seen, int], Action | None] = lambda seen, number: None) -> None:
        self.leads: Counter[str] = Counter()
        self.requests: list[tuple[str, str, Any]] = []
        self.disturb = disturb
        self.bad: set[str] = set()
        self.lose: set[int] = set()
        self.largest = 1000

    def __call__(self, seen: Seen) -> Action:
        self.requests.append((seen.method, seen.target, seen.json))
        number = len(self.requests)
        if (action := self.disturb(seen, number)) is not None:
            return action
        name = name_of(seen.target)
        action = self.create(seen.json) if name == "create" else Reply(SUCCESS[name], {})
        return Reset() if number in self.lose and action.status < 300 else action

    def create(self, batch: list[dict[str, Any]]) -> Reply:
        if len(batch) > self.largest:
            return Reply(413, {"detail": "Too large."})
        wrong: dict[str, Any] = {}
        for place, each in enumerate(batch):
            if each["lead_id"] in self.leads:
                wrong[str(place)] = {"lead_id": ["Lead with this lead id already exists."]}
            elif each["lead_id"] in self.bad:
                wrong[str(place)] = {"contact_name": ["Not this one."]}
        if wrong:
            return Reply(400, wrong)
        self.leads.update(each["lead_id"] for each in batch)
        return Reply(201, [])


def name_of(target: str) -> str:
    """Which of the operations a request was for."""
    return target.split("/leads/")[1].split("/")[0]


def states(outbox: Outbox, *numbers: int) -> list[list[tuple[str, str, str]]]:
    return [
        [(each.operation, each.state, each.code) for each in outbox.entries(CAMPAIGN, f"L{number}")]
        for number in numbers
    ]


def test_leads_of_many_calls_are_sent_in_one_request(outbox: Outbox, mock: RunningMock) -> None:
    for number in range(30):
        assert outbox.create_leads(CAMPAIGN, [lead(number, city="Pune")]) == 1
    with SquadIQ("test_token", base_url=mock.url, quota="memory") as client:
        assert outbox.run(client, once=True) == 30
        assert client.quota.snapshot().free_now == 99
    assert all(mock.lead(CAMPAIGN, f"L{number}") for number in range(30))
    kept = json.dumps(mock.lead(CAMPAIGN, "L7"))
    assert '"city": "Pune"' in kept
    assert '"+919800000007"' in kept
    assert outbox.counts() == {"waiting": 0, "done": 30, "refused": 0, "unknown": 0}
    assert outbox.entries(CAMPAIGN, "L7")[0].values == {}
    assert drain(outbox, mock.url) == 0


def test_all_operations_arrive_in_the_order_in_which_they_were_stored(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1), lead(2)])
    service = Service()
    with acting_server(service) as server:
        assert drain(outbox, server.url) == 2
        outbox.convert_lead(CAMPAIGN, "L1", detail="SIGNED")
        outbox.update_lead(CAMPAIGN, "L1", city="Pune")
        outbox.disable_leads(CAMPAIGN, ["L1", "L2"])
        outbox.update_lead(CAMPAIGN, "L2", {"first-name": "A"})
        outbox.convert_lead(CAMPAIGN, "L2", detail="SIGNED")
        outbox.delete_lead(CAMPAIGN, "L2")
        assert drain(outbox, server.url) == 7
    sent = [(name_of(target), json.dumps(body)) for _, target, body in service.requests]
    assert [name for name, text in sent if "L1" in text] == ["create", "convert", "update", "disable"]
    assert [name for name, text in sent if "L2" in text] == ["create", "disable", "update", "convert", "delete"]
    assert outbox.counts()["done"] == 9


def test_a_delete_takes_the_place_of_what_was_never_sent(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1), lead(2)])
    outbox.update_lead(CAMPAIGN, "L1", city="Pune")
    assert outbox.delete_lead(CAMPAIGN, "L1") == 1
    service = Service(lambda seen, _: Reply(404, {"detail": "Not found."}) if "delete" in seen.target else None)
    with acting_server(service) as server:
        # SquadIQ may know the lead from elsewhere. That it does not is no reason to bother anybody.
        assert drain(outbox, server.url) == 2
    assert service.leads == Counter({"L2": 1})
    assert states(outbox, 1) == [[("deleteLead", "done", "")]]
    assert outbox.erase(CAMPAIGN, "L2") == 1
    assert outbox.counts()["done"] == 1


def test_a_lead_that_is_refused_keeps_the_others_from_nothing(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    outbox.create_leads(CAMPAIGN, [lead(number) for number in range(10)])
    outbox.update_lead(CAMPAIGN, "L3", city="Pune")
    service = Service()
    service.bad = {"L3"}
    with acting_server(service) as server, caplog.at_level(logging.DEBUG, "squadiq"):
        assert drain(outbox, server.url) == 9
        [entry] = outbox.failed()
        assert (entry.lead_id, entry.state, entry.code) == ("L3", "refused", "refused_contact_name")
        assert entry.reason == "lead is refused: contact_name: Not this one."
        assert states(outbox, 3) == [
            [("createLeads", "refused", "refused_contact_name"), ("updateLead", "waiting", "")]
        ], "what was stored on top of it was sent"
        # The lead as it was mended takes the place of the one that was refused.
        service.bad = set()
        assert outbox.create_leads(CAMPAIGN, [lead(3, contact_name="Ravi")]) == 1
        assert drain(outbox, server.url) == 2
    assert service.leads == Counter({f"L{number}": 1 for number in range(10)})
    assert states(outbox, 3) == [[("createLeads", "done", ""), ("updateLead", "done", "")]]
    assert not any("Asha" in message or "98000" in message for message in caplog.messages)


def test_what_is_discarded_lets_later_changes_go(outbox: Outbox) -> None:
    outbox.convert_lead(CAMPAIGN, "L1", detail="SIGNED")
    outbox.update_lead(CAMPAIGN, "L1", city="Pune")

    def not_there(seen: Seen, number: int) -> Action | None:
        return Reply(404, {"detail": "Not found."}) if number == 1 else None

    with acting_server(Service(not_there)) as server:
        assert drain(outbox, server.url) == 0
        [entry] = outbox.failed()
        assert (entry.code, entry.reason) == ("not_found", "lead is not in this campaign")
        assert outbox.discard([entry.id]) == 1
        assert outbox.discard([entry.id]) == 0
        assert drain(outbox, server.url) == 1
    assert states(outbox, 1) == [[("updateLead", "done", "")]]


def test_a_lost_response_is_settled_by_asking_again(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(number) for number in range(5)])
    service = Service()
    service.lose = {1}
    with acting_server(service) as server:
        assert drain(outbox, server.url) == 5
    assert service.leads == Counter({f"L{number}": 1 for number in range(5)})
    assert outbox.counts()["done"] == 5


def test_without_repeating_a_lost_response_is_unknown_and_told(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(number) for number in range(5)])
    outbox.update_lead(CAMPAIGN, "L1", city="Pune")
    service = Service()
    service.lose = {1}
    with acting_server(service) as server:
        assert drain(outbox, server.url, repeat_creates=False) == 0
        assert [(each.state, each.code) for each in outbox.failed()] == [("unknown", "unknown")] * 5
        assert len(service.requests) == 1
        # Somebody has looked, and decides to send them again.
        assert outbox.replay() == 5
        assert drain(outbox, server.url, repeat_creates=False) == 1
    assert service.leads == Counter({f"L{number}": 1 for number in range(5)})
    assert states(outbox, 1, 2) == [
        [("createLeads", "done", "existing"), ("updateLead", "done", "")],
        [("createLeads", "done", "existing")],
    ]


def test_a_worker_that_was_killed_while_it_sent_leaves_what_is_unknown(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1), lead(2)])
    store = outbox._store()  # pyright: ignore[reportPrivateUsage]
    taken = store.claim(lease_seconds=0.001, largest=1, allow_duplicates=False)
    assert taken is not None
    store.sending(taken.claims)
    service = Service()
    with acting_server(service) as server:
        while not (outbox.failed()):
            drain(outbox, server.url, repeat_creates=False)
    assert states(outbox, 1, 2) == [[("createLeads", "unknown", "unknown")], [("createLeads", "done", "")]]


@pytest.mark.parametrize("status", [401, 500, 503])
def test_while_squadiq_cannot_be_asked_everything_waits(
    outbox: Outbox, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.create_leads(CAMPAIGN, [lead(number) for number in range(5)])
    with acting_server(Reply(status, {"detail": "Down."})) as server:
        assert drain(outbox, server.url, max_attempts=1) == 0
    assert outbox.counts()["waiting"] == 5
    assert f"answered with {status}" in outbox.entries(CAMPAIGN, "L1")[0].reason
    assert "wait" in caplog.text


def test_a_batch_that_is_too_large_is_halved_and_no_later_one_is(outbox: Outbox) -> None:
    outbox.create_leads(CAMPAIGN, [lead(number) for number in range(100)])
    service = Service()
    service.largest = 30
    with acting_server(service) as server:
        assert drain(outbox, server.url) == 100
        outbox.create_leads(CAMPAIGN, [lead(number) for number in range(100, 200)])
    assert len(service.leads) == 100
    assert [len(body) for _, _, body in service.requests] == [100, 50, 25, 25, 50, 25, 25]


def test_a_second_worker_takes_nothing_that_the_first_one_has(outbox: Outbox, mock: RunningMock) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1)])
    store = outbox._store()  # pyright: ignore[reportPrivateUsage]
    assert store.claim(lease_seconds=60, largest=10, allow_duplicates=False) is not None
    assert store.claim(lease_seconds=60, largest=10, allow_duplicates=False) is None
    assert drain(outbox, mock.url) == 0
    outbox.create_leads(CAMPAIGN, [lead(2)])
    assert drain(outbox, mock.url) == 1


def test_one_phone_number_under_two_leads_is_called_once(outbox: Outbox, mock: RunningMock, database: str) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1)])
    outbox.create_leads(CAMPAIGN, [lead(2, phone_number="+91 98000-00001")])
    assert drain(outbox, mock.url) == 1
    outbox.create_leads(CAMPAIGN, [lead(3, phone_number="9800000001")])
    outbox.create_leads("c2", [lead(4, phone_number="9800000001")])
    assert drain(outbox, mock.url) == 1
    assert [(each.lead_id, each.code) for each in outbox.failed()] == [
        ("L2", "duplicate_phone_number"),
        ("L3", "duplicate_phone_number"),
    ]
    # Who was deleted may sign up again.
    outbox.delete_lead(CAMPAIGN, "L1")
    assert drain(outbox, mock.url) == 1
    outbox.create_leads(CAMPAIGN, [lead(5, phone_number="9800000001")])
    assert drain(outbox, mock.url) == 1
    with Outbox(database, duplicate_phone_numbers="allow") as allowing:
        allowing.create_leads(CAMPAIGN, [lead(6, phone_number="9800000001")])
        assert drain(allowing, mock.url) == 1


def test_what_is_not_valid_is_refused_before_it_is_stored(outbox: Outbox) -> None:
    wrong: list[Callable[[], int]] = [
        lambda: outbox.create_leads(CAMPAIGN, [lead(1), lead(2, phone_number="12")]),
        lambda: outbox.create_leads(CAMPAIGN, [lead(1), lead(2, phone_number="9800000001")]),
        lambda: outbox.update_lead(CAMPAIGN, "L1"),
        lambda: outbox.convert_lead(CAMPAIGN, "L1", detail="x" * 33),
        lambda: outbox.disable_leads(CAMPAIGN, ["L1", ""]),
        lambda: outbox.delete_lead(CAMPAIGN, ""),
    ]
    for call in wrong:
        with pytest.raises(InvalidInputError):
            call()
    with pytest.raises(ConfigurationError):
        outbox.create_leads("", [lead(1)])
    with pytest.raises(ConfigurationError, match="client"):
        outbox.run("token")  # type: ignore[arg-type]
    assert outbox.create_leads(CAMPAIGN, []) == 0
    assert sum(outbox.counts().values()) == 0


def test_a_lead_that_two_transactions_stored_at_once_is_no_duplicate_of_itself(
    outbox: Outbox, user_engine: Engine, database: str
) -> None:
    outbox.create_leads(CAMPAIGN, [lead(1)])
    with user_engine.begin() as connection:  # as another one that did not see it, as neither was committed
        columns = "campaign_id, lead_id, operation, payload, number, stored_at"
        connection.execute(
            text(f"INSERT INTO squadiq_outbox_entries ({columns}) SELECT {columns} FROM squadiq_outbox_entries")
        )
    service = Service()
    with acting_server(service) as server:
        drain(outbox, server.url)
    assert states(outbox, 1) == [[("createLeads", "done", ""), ("createLeads", "done", "existing")]]
    assert service.leads == Counter({"L1": 1})


def test_no_worker_takes_what_a_transaction_is_looking_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite a change could be folded into one that is being sent, and be lost with it."""
    path = tmp_path / "o.sqlite3"
    refusals: list[str] = []

    def look(*arguments: Any) -> Any:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as worker:
            try:
                worker.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                refusals.append(str(error))
        return changes_for(*arguments)

    monkeypatch.setattr("squadiq.outbox.store.changes_for", look)
    with Outbox(path) as outbox, closing(sqlite3.connect(path)) as mine:
        outbox.update_lead(CAMPAIGN, "L1", city="Pune")
        outbox.update_lead(CAMPAIGN, "L1", city="Goa", connection=mine)
        mine.commit()
        assert [each.values for each in outbox.entries(CAMPAIGN, "L1")] == [{"city": "Goa"}]
    assert refusals == ["database is locked"] * 2


def test_whatever_is_wrong_entries_are_tried_again_within_five_minutes() -> None:
    waits = [backoff_seconds(attempts, 0.0, LONGEST_WAIT_SECONDS) for attempts in range(1, 60)]
    assert (waits[0], max(waits)) == (10.0, 300.0)
