"""The whole state of a mock: saved and loaded, processed at once, with outcomes that a test chooses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from squadiq.mock.deliveries.delivery_store import DeliveryAttempt
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import SettingError
from squadiq.mock.state import StateError, chosen_outcome
from tests.deliveries import endpoint
from tests.deliveries.endpoint import create, helper
from tests.mock.caller import START, Caller, lead
from tests.servers import Reply, acting_server

Start = Callable[..., Caller]
PERSON = {"lead_id": "u1", "phone_number": "9876543210", "contact_name": "Asha"}


def used(start_mock: Start, **options: Any) -> Caller:
    """A mock to which something of everything has happened."""
    mock = start_mock(tokens=("one", "two"), process_after_seconds=60, **options)
    mock.call("create", [lead("a", plan="Lite", size=2), lead("b"), lead("c"), lead("é")], token="one")
    mock.call("create", [lead("a", phone_number="+91 9123456789")], campaign="c2", token="two")
    mock.call("disable", [{"lead_id": "b"}], token="one")
    mock.advance(60)
    mock.call("create", lead("later"), token="one")
    mock.call("convert", {"lead_id": "c", "detail": "PAID"}, token="one")
    mock.call("delete", {"lead_id": "é"}, token="one")
    mock.call("update", {"lead_id": "a", "plan": "Pro"}, token="one")
    return mock


@pytest.mark.parametrize("seed", [0, 7])
def test_a_saved_state_is_loaded_as_it_was(start_mock: Start, seed: int) -> None:
    before = used(start_mock)
    saved = json.loads(json.dumps(before.core.state()))
    after = start_mock(tokens=("three", "four"), seed=seed)
    after.create("of", "another", "state", "and", "more")
    after.list()
    after.core.load(saved)
    assert after.core.state() == saved
    assert after.list(token="three").json == before.list(token="one").json
    assert after.list(token="four").status == 403
    assert after.list(campaign="c2", token="four").json["count"] == 1
    for lead_id in ("a", "b", "c", "later"):
        assert after.lead_state(lead_id) == before.lead_state(lead_id)
    assert after.core.counts("c1") == before.core.counts("c1")
    assert after.core.clock.now() == before.core.clock.now() == START + 60
    assert after.call("create", lead("a"), token="three").status == 400
    assert after.call("create", lead("new"), token="three").status == 201
    after.advance(120)
    assert after.core.counts("c1")["processed"] == 4


def test_a_state_is_saved_and_loaded_in_a_file_over_restarts(start_mock: Start, tmp_path: Path) -> None:
    saved = used(start_mock).core.state()
    (tmp_path / "state.json").write_text(json.dumps(saved), "utf-8")
    db = str(tmp_path / "mock.sqlite3")
    options: dict[str, Any] = {"db": db, "tokens": ("one", "two")}
    mock = start_mock(load=str(tmp_path / "state.json"), **options)
    assert mock.core.state() == saved
    mock.core.close()
    mock = start_mock(**options)
    assert mock.core.state() == saved
    mock.core.close()
    with pytest.raises(SettingError, match=r"^load: .*mock\.sqlite3 has leads already"):
        start_mock(load=str(tmp_path / "state.json"), **options)
    assert start_mock(**options).core.state() == saved


def test_nothing_of_the_state_before_is_left_in_the_file(start_mock: Start, tmp_path: Path) -> None:
    mock = start_mock(db=str(tmp_path / "mock.sqlite3"))
    mock.create("a", contact_name="Somebody Else")
    mock.core.load({"campaigns": []})
    assert b"Somebody" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_person_writes_a_state_with_what_matters(start_mock: Start) -> None:
    mock = start_mock()
    written = {
        "campaigns": [
            {
                "campaign_id": "c1",
                "leads": [
                    {**PERSON, "lead_outcome": "Bought", "processed_at": "2023-11-14T23:00:00+01:00"},
                    {**PERSON, "lead_id": 2},
                    {**PERSON, "lead_id": "u3", "created_at": "2023-11-14T22:13:18Z"},
                    {**PERSON, "lead_id": "u4", "disabled_at": "2023-11-14T22:13:20Z"},
                ],
            }
        ]
    }
    mock.core.load(written)
    (listed,) = mock.list().json["results"]
    assert (listed["lead_outcome"], listed["lead_responses"], listed["latest_recording_url"]) == ("Bought", {}, None)
    assert (listed["created_at"], listed["processed_at"]) == ("2023-11-14T22:00:00+00:00",) * 2
    assert (listed["phone_number"], mock.core.clock.now()) == ("+919876543210", START)
    assert [mock.lead_state(lead_id)["state"] for lead_id in ("2", "u3", "u4")] == ["created", "called", "disabled"]
    mock.core.process_all()
    assert (mock.core.counts("c1")["processed"], mock.core.counts("c1")["disabled"]) == (3, 1)


def test_a_thousand_processed_leads_are_there_at_once(start_mock: Start) -> None:
    mock = start_mock()
    mock.core.load({"campaigns": [{"campaign_id": "c1", "leads": [{**PERSON, "lead_id": n} for n in range(1000)]}]})
    mock.core.process_all()
    assert mock.list("page_size=1000").json["count"] == 1000


@pytest.mark.parametrize("now", [START + 0.3, START - 1e8 + 0.7, START + 1e8])
def test_time_goes_on_from_that_of_the_state_while_the_quota_keeps_its_own(start_mock: Start, now: float) -> None:
    mock = start_mock(rate=1)
    assert [mock.list().status, mock.list().status] == [200, 429]
    saved = start_mock()
    saved.core.clock.set(now)
    mock.core.load(saved.core.state())
    assert mock.core.clock.now() == pytest.approx(now, abs=1e-6)
    assert mock.list().headers["Retry-After"] == "60"
    mock.advance(60)
    assert mock.list().status == 200


def test_what_became_of_deliveries_is_saved_and_nothing_is_delivered_twice() -> None:
    with acting_server(Reply(201)) as receiver, running_mock(rate=0, webhook_url=receiver.url) as before:
        create(before, ["a", "b"])
        before.process_all()
        before.deliveries(wait_for=2)
        saved = helper(before, "state").json()
        assert helper(before, "state", "POST").status_code == 405
    assert [delivery["attempts"][0]["status"] for delivery in saved["deliveries"]] == [201, 201]
    with acting_server(Reply(201)) as receiver, running_mock(rate=0, webhook_url=receiver.url) as after:
        after.load(saved)
        assert after.state()["deliveries"] == saved["deliveries"]
        saved["campaigns"][0]["leads"].append({**PERSON, "processed_at": saved["now"]})
        after.load(saved)
        assert {delivery["lead_id"] for delivery in after.deliveries(wait_for=3)} == {"a", "b", "u1"}
        assert [seen.json["lead_id"] for seen in receiver.seen] == ["u1"]


def test_a_delivery_that_was_under_way_does_not_touch_the_state_that_was_loaded(start_mock: Start) -> None:
    mock = start_mock(webhook_url="http://127.0.0.1:9/")
    mock.create("a")
    mock.core.process_all()
    (due,), _ = mock.core.deliveries.take(1)
    saved = mock.core.state()
    mock.core.load(saved)
    mock.core.deliveries.note(due, DeliveryAttempt(START, 1.0, status=201))
    assert mock.core.state() == saved


def test_a_file_of_the_version_before_is_brought_forward(start_mock: Start, tmp_path: Path) -> None:
    db = str(tmp_path / "mock.sqlite3")
    mock = start_mock(db=db)
    mock.create("a")
    mock.core.process_all()
    listed = mock.list().json
    mock.core.close()
    connection = sqlite3.connect(db)
    connection.executescript("ALTER TABLE lead DROP COLUMN chosen; PRAGMA user_version=2")
    connection.close()
    mock = start_mock(db=db)
    assert mock.list().json == listed
    mock.core.close()
    assert start_mock(db=db).list().json == listed


def test_an_outcome_is_chosen_before_and_after_a_lead_is_processed(squadiq_mock: RunningMock) -> None:
    create(squadiq_mock, ["a", "b"])
    squadiq_mock.set_outcome("a", "Bought", lead_responses={"plan": "Lite", "seats": 2})
    assert squadiq_mock.state()["campaigns"][0]["leads"][0]["lead_outcome"] == "Bought"
    assert shown(squadiq_mock, "a")["lead_outcome"] is None
    squadiq_mock.process_all()
    assert listed(squadiq_mock)["a"] == shown(squadiq_mock, "a")["lead_outcome"] == "Bought"
    assert shown(squadiq_mock, "a")["lead_responses"] == {"plan": "Lite", "seats": 2}
    url = "https://recordings.example/1.mp3"
    squadiq_mock.set_outcome("b", "Left", campaign_id="c1", latest_recording_url=url)
    assert listed(squadiq_mock)["b"] == "Left"
    assert shown(squadiq_mock, "b")["latest_recording_url"] == url
    assert shown(squadiq_mock, "b")["lead_responses"] == {}
    squadiq_mock.process_all()


def shown(mock: RunningMock, lead_id: str) -> dict[str, Any]:
    found = mock.lead("c1", lead_id)
    assert found is not None
    return found


def listed(mock: RunningMock) -> dict[str, str]:
    return {lead["lead_id"]: lead["lead_outcome"] for lead in endpoint.listed(mock)}


def test_a_chosen_outcome_goes_with_its_lead(start_mock: Start) -> None:
    mock = start_mock(duplicate_leads="replace")
    mock.create("a")
    mock.core.choose_outcome("c1", "a", chosen_outcome(mock.core.spec, "Bought", {}, None))
    mock.call("update", {"lead_id": "a", "contact_name": "Ravi"})
    mock.core.process_all()
    assert mock.list().json["results"][0]["lead_outcome"] == "Bought"
    mock.create("a")
    mock.core.process_all()
    assert mock.list().json["results"][0]["lead_outcome"] != "Bought"


def test_an_outcome_for_a_lead_that_is_not_known_or_not_the_only_one_is_refused(squadiq_mock: RunningMock) -> None:
    create(squadiq_mock, ["a"], "c1")
    create(squadiq_mock, ["a"], "c2")
    for lead_id, campaign_id, words in [("x", None, "no such lead"), ("a", "c3", "no such"), ("a", None, "several")]:
        with pytest.raises(LookupError, match=words):
            squadiq_mock.set_outcome(lead_id, "Bought", campaign_id=campaign_id)
    squadiq_mock.set_outcome("a", "Bought", campaign_id="c2")
    nothing: Any = None
    with pytest.raises(StateError, match=r"^lead_outcome: Not a valid string\.$"):
        squadiq_mock.set_outcome("a", nothing, campaign_id="c2")


SECRET = "Very Private Person"
BAD: list[tuple[Any, str]] = [
    ({"campaigns": {SECRET}}, r"^the state: something in it is no JSON"),
    ([], r"^the state: Invalid data\. Expected an object\.$"),
    ({}, r"^the state: campaigns is missing$"),
    ({"campaigns": [], SECRET: 1}, r"^the state: it has a field that is none of now, campaigns, deliveries$"),
    ({"campaigns": [], "now": SECRET}, r"^now: give a time with its offset"),
    ({"campaigns": [], "now": "2020-01-01T00:00:00"}, r"^now: give a time with its offset"),
    ({"campaigns": [], "now": "1969-01-01T00:00:00Z"}, r"^now: give a time from 1970 to 9999$"),
    ({"campaigns": [{"campaign_id": SECRET, "leads": []}]}, r"^campaigns\[0\]\.campaign_id: Enter a valid value\.$"),
    ({"campaigns": [{"campaign_id": "c", "leads": []}] * 2}, r"^campaigns\[1\]\.campaign_id: it stands here more"),
    (
        {"campaigns": [{"campaign_id": "c", "leads": [], "business": 2}]},
        r"^campaigns\[0\]\.business: the mock has 1 access token",
    ),
]
BAD_LEADS: list[tuple[dict[str, Any], str]] = [
    ({"phone_number": SECRET}, r"\.phone_number: Enter a valid Indian phone number\."),
    ({"contact_name": 5}, r"\.contact_name: Not a valid string\."),
    ({"lead_id": ""}, r"\.lead_id: Enter a valid value\."),
    ({"custom_fields": {SECRET + "\n": 1}}, r"\.custom_fields: Not a valid name of a field\."),
    ({"custom_fields": {"lead_id": "2"}}, r"\.custom_fields\.lead_id: Enter a valid value\."),
    ({"custom_fields": SECRET}, r"\.custom_fields: Invalid data\. Expected an object\."),
    ({SECRET: 1}, r": it has a field that is none of lead_id, phone_number, contact_name, custom_fields, "),
    ({"created_at": "9999-12-31T23:59:59-10:00"}, r"\.created_at: give a time from 1970 to 9999"),
    ({"converted_at": "2016-12-31T23:59:60Z"}, r"\.converted_at: give a time from 1970 to 9999"),
    ({"processed_at": "0001-01-01T00:00:00+10:00"}, r"\.processed_at: give a time from 1970 to 9999"),
    (
        {"processed_at": "2020-01-01T00:00:00Z", "created_at": "2020-01-01T00:00:01Z"},
        r"\.processed_at: the lead is created after it",
    ),
    ({"detail": SECRET * 10}, r"\.detail: Enter a valid value\."),
    ({"lead_responses": {}}, r": lead_outcome is missing"),
    ({"lead_outcome": "x", "calls": []}, r"\.calls: This list may not be empty\."),
    ({"lead_outcome": "x", "calls": ["1900-01-01T00:00:00Z"]}, r"\.calls\[0\]: give a time from 1970 to 9999"),
    ({"lead_outcome": "x", "lead_responses": []}, r"\.lead_responses: Invalid data\. Expected an object\."),
]


@pytest.mark.parametrize(("state", "words"), BAD)
def test_a_bad_state_is_told_by_where_and_what_and_changes_nothing(start_mock: Start, state: Any, words: str) -> None:
    mock = start_mock()
    mock.create("a")
    before = mock.core.state()
    with pytest.raises(StateError, match=words) as raised:
        mock.core.load(state)
    assert SECRET not in str(raised.value)
    assert mock.core.state() == before


@pytest.mark.parametrize(("wrong", "words"), BAD_LEADS)
def test_a_bad_lead_is_told_by_its_place(start_mock: Start, wrong: dict[str, Any], words: str) -> None:
    leads = [PERSON, {**PERSON, "lead_id": "u2", **wrong}]
    with pytest.raises(StateError, match=rf"^campaigns\[0\]\.leads\[1\]{words}") as raised:
        start_mock().core.load({"campaigns": [{"campaign_id": "c1", "leads": leads}]})
    assert SECRET not in str(raised.value)


def test_a_lead_that_stands_twice_is_told_and_only_the_first_ten_errors_are(start_mock: Start) -> None:
    leads = [PERSON] * 50
    with pytest.raises(
        StateError, match=r"^campaigns\[0\]\.leads\[1\]\.lead_id: it stands here more than once; "
    ) as raised:
        start_mock().core.load({"campaigns": [{"campaign_id": "c1", "leads": leads}]})
    assert str(raised.value).count("more than once") == 10


def test_a_bad_delivery_is_told_by_its_place(start_mock: Start) -> None:
    mock = start_mock(webhook_url="http://127.0.0.1:9/")
    mock.create("a", "b")
    mock.core.process_all()
    mock.core.deliveries.take(1)
    saved = mock.core.state()
    saved["deliveries"][1] |= {"id": 1, "lead_id": "x", "next_attempt_at": "1900-01-01T00:00:00Z"}
    with pytest.raises(StateError) as raised:
        mock.core.load(saved)
    assert str(raised.value).split("; ") == [
        "deliveries[1].next_attempt_at: give a time from 1970 to 9999",
        "deliveries[1].id: it stands here more than once",
        "deliveries[1].lead_id: the state has no such lead",
    ]


def test_a_file_that_cannot_be_read_is_named(
    start_mock: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squadiq_mock: RunningMock
) -> None:
    with pytest.raises(SettingError, match=r"^load: .*nowhere\.json cannot be read \(No such file or directory\)"):
        start_mock(load=str(tmp_path / "nowhere.json"))
    text = tmp_path / "text.json"
    text.write_text(f'{{"campaigns":\n  {SECRET}', "utf-8")
    with pytest.raises(StateError, match=r"text\.json is not JSON: line 2, column 3$"):
        squadiq_mock.load(text)
    text.write_text('{"campaigns": []}', "utf-8")
    squadiq_mock.load(str(text))
    monkeypatch.setattr("squadiq.mock.state.FILE_LIMIT", 5)
    with pytest.raises(StateError, match=r"text\.json has more than 5 bytes"):
        squadiq_mock.load(text)
