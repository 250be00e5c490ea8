"""The mock POSTs each processed lead to the webhook until it is answered with 201."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from squadiq_generated.models import ProcessedLead

from squadiq.mock.deliveries import deliverer, delivery_store
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import Trouble
from tests.deliveries.endpoint import FAST, PHONE_NUMBER, create, helper, listed, send, whole
from tests.servers import Action, Half, Reply, Reset, Seen, Stall, acting_server, scripted

KINDS: tuple[Trouble, ...] = ("duplicates", "reorder", "delays", "bursts", "slow", "cuts")
SLOW: tuple[Trouble, ...] = ("slow",)
TOO_FEW = "of 2 leads were acknowledged with 201 in time."
TAKEN = Reply(201, {"lead_id": "taken"})


def statuses(delivery: dict[str, Any]) -> list[int | str]:
    return [attempt["status"] or attempt["error"] for attempt in delivery["attempts"]]


def test_every_processed_lead_is_delivered_once_as_it_is_listed() -> None:
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=f"{server.url}/hook", speed=FAST) as mock:
        create(mock, range(50))
        create(mock, ["same", "other"], "c2")
        deliveries = mock.deliveries(wait_for=52)
        expected = [*listed(mock), *listed(mock, "c2")]
    assert sorted((seen.json for seen in server.seen), key=str) == sorted(expected, key=str)
    assert {(seen.method, seen.target, seen.headers["content-type"]) for seen in server.seen} == {
        ("POST", "/hook", "application/json")
    }
    for seen in server.seen:
        ProcessedLead.model_validate_json(seen.body, strict=False)
    assert all(statuses(each) == [201] for each in deliveries)
    assert sorted((each["body"] for each in deliveries), key=str) == sorted(expected, key=str)


def test_nothing_is_delivered_before_it_is_processed_and_then_at_once() -> None:
    with (
        acting_server(TAKEN) as server,
        running_mock(rate=0, webhook_url=server.url, process_after_seconds=1e6) as mock,
    ):
        create(mock, ["a", "disabled"])
        send(mock, "disable", [{"lead_id": "disabled"}])
        assert helper(mock, "deliveries").json() == {"count": 0, "waiting": 0, "leads_acknowledged": 0, "results": []}
        assert helper(mock, "advance", "POST", json={"seconds": 1e6}).status_code == 200
        assert [each["lead_id"] for each in mock.deliveries(wait_for=1)] == ["a"]
        create(mock, ["b"])
        mock.advance(1e6)
        assert [each["lead_id"] for each in mock.deliveries(wait_for=2)] == ["a", "b"]
    assert len(server.seen) == 2


def test_leads_of_the_second_that_is_already_delivered_are_delivered_too() -> None:
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=server.url, process_after_seconds=0) as mock:
        for number in range(20):
            create(mock, [number])
            mock.deliveries(wait_for=number + 1)
    assert len(server.seen) == 20


def test_a_delivery_is_repeated_with_growing_waits_until_201() -> None:
    responses: list[Action] = [
        Reply(500),
        Reply(403),
        Reply(200),
        Reply(400),
        Reset(),
        Half(TAKEN),
        Reply(302),
        Reply(204, b""),
    ]
    with (
        acting_server(scripted(*responses, then=TAKEN)) as server,
        running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock,
    ):
        create(mock, ["a"])
        (delivery,) = mock.deliveries(wait_for=1)
        assert helper(mock, "deliveries").json()["waiting"] == 0
    assert statuses(delivery)[:4] == [500, 403, 200, 400]
    assert statuses(delivery)[4] in ("ReadError", "RemoteProtocolError")
    assert statuses(delivery)[5:] == ["RemoteProtocolError", 302, 204, 201]
    assert delivery["attempts"][-1]["response"] == '{"lead_id": "taken"}'
    assert len({seen.body for seen in server.seen}) == 1
    moments = [datetime.fromisoformat(attempt["sent_at"]).timestamp() for attempt in delivery["attempts"]]
    waits = [later - sooner for sooner, later in pairwise(moments)]
    assert waits[6] >= 0.75 * 60 - 1, "the waits do not grow to a minute"


def test_an_endpoint_that_is_not_there_yet_gets_everything_later() -> None:
    with acting_server(TAKEN) as gone:
        url = gone.url
    with running_mock(rate=0, webhook_url=url, speed=FAST) as mock:
        create(mock, ["a"])
        tried = threading.Event()
        with mock.core.deliveries.watching(tried.set):
            while not (found := mock.deliveries()) or not found[0]["attempts"]:
                assert tried.wait(20)
                tried.clear()
        assert statuses(found[0])[0] == "ConnectError"
        assert mock.core.deliveries.leads_acknowledged() == 0


@pytest.mark.parametrize("endless", [False, True])
def test_an_endpoint_that_does_not_response_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, endless: bool
) -> None:
    monkeypatch.setattr(deliverer, "TIMEOUT_SECONDS", 0.2)
    if endless:
        monkeypatch.setattr(deliverer, "SLOW_SECONDS", -0.05)
    with (
        acting_server(scripted(Stall(), then=TAKEN)) as server,
        running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock,
    ):
        create(mock, ["a"])
        (delivery,) = mock.deliveries(wait_for=1)
    assert statuses(delivery) == ["TimeoutError" if endless else "ReadTimeout", 201]


def test_headers_are_sent_and_no_secret_is_shown() -> None:
    secret = ("X-Webhook-Secret", "s3cret")
    with (
        acting_server(scripted(Reset(), then=TAKEN)) as server,
        running_mock(rate=0, webhook_url=f"{server.url}/s3cret", webhook_headers=(secret,), speed=FAST) as mock,
    ):
        create(mock, ["a"])
        mock.deliveries(wait_for=1)
        shown = helper(mock, "deliveries").text + repr(mock.core.settings) + repr(mock)
    assert {seen.headers["x-webhook-secret"] for seen in server.seen} == {"s3cret"}
    assert "s3cret" not in shown


def test_no_more_of_a_response_is_kept_than_a_person_reads() -> None:
    with (
        acting_server(Reply(201, b"x" * 1_000_000)) as server,
        running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock,
    ):
        create(mock, ["a"])
        (delivery,) = mock.deliveries(wait_for=1)
    assert len(delivery["attempts"][0]["response"]) == deliverer.RESPONSE_LIMIT


def test_a_crowd_is_planned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_store, "PLANNED_AT_ONCE", 7)
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=server.url, process_after_seconds=0) as mock:
        create(mock, range(40))
        mock.deliveries(wait_for=40)
    assert len({seen.json["lead_id"] for seen in server.seen}) == len(server.seen) == 40


def test_nothing_of_a_deleted_lead_is_kept_even_if_it_is_just_being_sent() -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(seen: Seen) -> Reply:
        arrived.set()
        assert go_on.wait(20)
        return TAKEN

    with acting_server(hold) as server, running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock:
        create(mock, ["deleted"])
        assert arrived.wait(20)
        send(mock, "delete", {"lead_id": "deleted"})
        create(mock, ["kept"])
        go_on.set()
        assert [each["lead_id"] for each in mock.deliveries(wait_for=1)] == ["kept"]
        send(mock, "delete", {"lead_id": "kept"})
        assert mock.deliveries() == []


def test_a_lead_that_is_replaced_is_delivered_again() -> None:
    with (
        acting_server(TAKEN) as server,
        running_mock(rate=0, webhook_url=server.url, speed=FAST, duplicate_leads="replace") as mock,
    ):
        for _ in range(2):
            create(mock, ["a"])
            mock.deliveries(wait_for=1)
    assert len({seen.body for seen in server.seen}) == 2


def test_a_mock_that_is_stopped_while_it_delivers_delivers_after_its_next_start(tmp_path: Path) -> None:
    db = str(tmp_path / "mock.sqlite3")
    arrived = threading.Event()

    def stall(seen: Seen) -> Stall:
        arrived.set()
        return Stall()

    with acting_server(stall) as server, running_mock(rate=0, db=db, webhook_url=server.url, speed=FAST) as mock:
        create(mock, ["a"])
        assert arrived.wait(20)
    with acting_server(TAKEN) as server, running_mock(rate=0, db=db, webhook_url=server.url, speed=FAST) as mock:
        (delivery,) = mock.deliveries(wait_for=1)
    assert statuses(delivery) == [201]
    with acting_server(TAKEN) as server, running_mock(rate=0, db=db, webhook_url=server.url, speed=FAST) as mock:
        create(mock, ["b"])
        mock.deliveries(wait_for=2)
    assert [seen.json["lead_id"] for seen in server.seen] == ["b"], "what was acknowledged is not sent after a start"


def test_without_a_webhook_nothing_is_sent_and_with_one_later_everything_is(tmp_path: Path) -> None:
    db = str(tmp_path / "mock.sqlite3")
    with running_mock(rate=0, db=db, process_after_seconds=10) as mock:
        create(mock, range(3))
        mock.advance(10)
        assert mock.deliveries() == []
    with acting_server(TAKEN) as server, running_mock(rate=0, db=db, webhook_url=server.url) as mock:
        assert len(mock.deliveries(wait_for=3)) == 3
    with running_mock(rate=0, db=db) as mock:
        response = helper(mock, "deliveries/1/send", "POST")
        assert (response.status_code, response.json()) == (
            400,
            {"detail": "Nothing is sent: start the mock with --webhook-url."},
        )


def test_all_trouble_at_once_loses_nothing() -> None:
    with (
        acting_server(TAKEN) as server,
        running_mock(rate=0, webhook_url=server.url, speed=FAST, webhook_trouble=KINDS, seed=1) as mock,
    ):
        create(mock, range(150))
        deliveries = mock.deliveries(wait_for=150)
    arrived = [seen.json for seen in whole(server)]
    assert {lead["lead_id"] for lead in arrived} == {str(number) for number in range(150)}
    assert len(deliveries) > 150, "no duplicates"
    assert len(whole(server)) < len(server.seen), "nothing was cut in its body"
    told = {words for each in deliveries for attempt in each["attempts"] for words in attempt["trouble"]}
    assert told == {"slow", "cut in the body", "cut before the response"}
    moments = [lead["processed_at"] for lead in arrived]
    assert moments != sorted(moments), "nothing came out of order"
    for each in deliveries:
        for attempt in each["attempts"]:
            cut = any("cut" in words for words in attempt["trouble"])
            assert (attempt["error"] == "cut on purpose") == cut
            assert (attempt["status"] is None) == cut


def test_a_slow_delivery_takes_its_time_in_sending_and_in_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliverer, "SLOW_SECONDS", 0.2 * 1000)
    with (
        acting_server(TAKEN) as server,
        running_mock(rate=0, webhook_url=server.url, speed=1000, webhook_trouble=SLOW) as mock,
    ):
        create(mock, range(40))
        deliveries = mock.deliveries(wait_for=40)
    slow = [attempt["milliseconds"] for each in deliveries for attempt in each["attempts"] if attempt["trouble"]]
    assert slow
    assert min(slow) >= 400
    assert len(whole(server)) == len(server.seen) == 40


def test_a_test_can_wait_see_and_send_again_over_http() -> None:
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock:
        create(mock, ["a", "b"])
        create(mock, ["a"], "c2")
        response = helper(mock, "deliveries?wait_for=3&timeout_seconds=30").json()
        assert (response["count"], response["waiting"], response["leads_acknowledged"]) == (3, 0, 3)
        assert helper(mock, "deliveries?campaign_id=c1&lead_id=a&wait_for=1").json()["count"] == 1
        assert [each["id"] for each in helper(mock, "deliveries?limit=1&after=1").json()["results"]] == [2]
        one = helper(mock, "deliveries/1").json()
        assert one == response["results"][0]
        assert one["body"]["phone_number"] == PHONE_NUMBER
        server.handler = scripted(Reply(500), then=TAKEN)
        again = helper(mock, "deliveries/1/send", "POST").json()
        assert again["next_attempt_at"] is not None
        waited = threading.Event()
        with mock.core.deliveries.watching(waited.set):
            while len(found := helper(mock, "deliveries/1").json()["attempts"]) < 3:
                assert waited.wait(20)
                waited.clear()
        assert [attempt["status"] for attempt in found] == [201, 500, 201]
    bodies = [json.dumps(seen.json) for seen in server.seen]
    assert len(bodies) == 5
    assert bodies[3] == bodies[4] == json.dumps(one["body"])


def test_who_waits_is_answered_as_soon_as_it_is_delivered() -> None:
    responses: list[Any] = []
    with (
        acting_server(TAKEN) as server,
        running_mock(rate=0, webhook_url=server.url, process_after_seconds=1e6) as mock,
    ):
        create(mock, ["a"])
        waiting = threading.Thread(target=lambda: responses.append(helper(mock, "deliveries?wait_for=1").json()))
        with Watched(mock) as watched:
            waiting.start()
            watched.somebody_waits()
        mock.advance(1e6)
        waiting.join(20)
    assert responses[0]["leads_acknowledged"] == 1


def test_the_mock_ends_although_somebody_waits() -> None:
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=server.url) as mock:
        gone: list[BaseException] = []

        def wait() -> None:
            try:
                helper(mock, "deliveries?wait_for=1&timeout_seconds=600")
            except Exception as error:
                gone.append(error)

        waiting = threading.Thread(target=wait)
        with Watched(mock) as watched:
            waiting.start()
            watched.somebody_waits()
    waiting.join(20)
    assert not waiting.is_alive()


class Watched:
    """Sees when somebody begins to wait for deliveries of a mock."""

    def __init__(self, mock: RunningMock) -> None:
        self._deliveries = mock.core.deliveries
        self._watching = self._deliveries.watching
        self._begun = threading.Event()

    def __enter__(self) -> Watched:
        @contextmanager
        def watching(tell: Callable[[], None]) -> Generator[None]:
            with self._watching(tell):
                self._begun.set()
                yield

        self._deliveries.watching = watching  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._deliveries.watching = self._watching  # type: ignore[method-assign]

    def somebody_waits(self) -> None:
        assert self._begun.wait(20)


def test_who_waits_for_too_many_is_told_how_many_there_were() -> None:
    with acting_server(TAKEN) as server, running_mock(rate=0, webhook_url=server.url, speed=FAST) as mock:
        create(mock, ["a"])
        mock.deliveries(wait_for=1)
        response = helper(mock, "deliveries?wait_for=2&timeout_seconds=0")
        assert (response.status_code, response.json()["detail"]) == (
            408,
            "1 of 2 leads were acknowledged with 201 in time.",
        )
        with pytest.raises(TimeoutError, match="1 of 2 leads"):
            mock.deliveries(wait_for=2, timeout_seconds=0)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "deliveries?wait_for=none", 400, "wait_for"),
        ("GET", "deliveries?limit=0", 400, "limit"),
        ("GET", "deliveries?wait=1", 400, "There is no such parameter"),
        ("GET", "deliveries/9", 404, "Not found"),
        ("GET", "deliveries/x", 404, "Not found"),
        ("GET", "deliveries/99999999999999999999", 404, "Not found"),
        ("POST", "deliveries/9/send", 404, "Not found"),
        ("GET", "deliveries/9/send", 405, "not allowed"),
        ("DELETE", "deliveries", 405, "not allowed"),
        ("PUT", "deliveries/1", 405, "not allowed"),
    ],
)
def test_what_cannot_be_asked_of_deliveries_is_refused(method: str, path: str, status: int, words: str) -> None:
    with running_mock(rate=0, webhook_url="http://127.0.0.1:9") as mock:
        response = helper(mock, path, method)
    assert response.status_code == status
    assert words in response.text
