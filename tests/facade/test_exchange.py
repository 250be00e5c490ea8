"""The way of one call, on virtual time: quota, attempts, waits and what is raised in the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq import errors
from squadiq.attempts import Attempt, AttemptOutcome
from squadiq.errors import SquadIQError
from squadiq.exchange import Call, Exchange, Failure, Send, Step, UseStore, Wait
from squadiq.policy import CallPolicy
from squadiq.quota import MemoryStore, Reservation
from squadiq.retry import GiveUp, Retry, RetryState

OPERATIONS = ["createLeads", "getLeads", "updateLead", "convertLead", "disableLeads", "deleteLead"]
SENT = b'[{"lead_id": "u1", "phone_number": "+919876543210"}]'


@dataclass
class Response:
    status_code: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    content: bytes = b"{}"
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])
    latency: float = 0.1


def lost(outcome: AttemptOutcome = AttemptOutcome.UNKNOWN, *, timed_out: bool = False) -> Failure:
    return Failure(outcome, ConnectionResetError("+919876543210"), timed_out=timed_out)


def utcnow() -> datetime:
    return datetime(2026, 11, 24, tzinfo=UTC)


class World:
    """Virtual time, a store of the quota, and a server that responds by a script."""

    def __init__(self, script: Sequence[Response | Failure | BaseException], hits: int = 100) -> None:
        self.script = list(script)
        self.time = 1000.0
        self.store = MemoryStore(hits, 60.0, now=lambda: self.time)
        self.sent_at: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def run(self, call: Call) -> Any:
        exchange = Exchange(
            call, "api.squadiq.in", SENT, self.store, now=lambda: self.time, utcnow=utcnow, jitter=lambda: 0.5
        )
        steps = exchange.steps()
        result: Any = None
        raised: BaseException | None = None
        while True:
            try:
                step = steps.send(result) if raised is None else steps.throw(raised)
            except StopIteration as end:
                return end.value
            try:
                result, raised = self._do(step), None
            except BaseException as error:
                result, raised = None, error

    def _do(self, step: Step) -> Any:
        if isinstance(step, UseStore):
            return step.call()
        if isinstance(step, Wait):
            self.time += max(step.seconds, 1e-6)  # as real time, it passes
            self.on_wait()
            return None
        assert isinstance(step, Send)
        self.sent_at.append(self.time)
        came = self.script.pop(0)
        if isinstance(came, Response):
            self.time += came.latency
            return came
        self.time += step.within_seconds if isinstance(came, Failure) and came.timed_out else 0.1
        raise came


def call(operation: str = "getLeads", success: int = 200, **options: Any) -> Call:
    settings: dict[str, Any] = {"timeout_seconds": 10.0, "deadline_seconds": 120.0, **options}
    return Call(operation, CallPolicy(**settings), success)


def failing(world: World, request: Call) -> SquadIQError:
    with pytest.raises(SquadIQError) as raised:
        world.run(request)
    return raised.value


def test_a_good_response_is_returned_with_its_attempts() -> None:
    response = World([Response(200)]).run(call())
    assert response.status_code == 200
    [attempt] = response.extensions["squadiq.attempts"]
    assert (attempt.status, attempt.took_seconds) == (200, pytest.approx(0.1))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "trouble", [lost(), lost(AttemptOutcome.NEVER_SENT), Response(500), Response(502), Response(503), Response(429)]
)
def test_trouble_that_passes_is_not_seen(operation: str, trouble: Response | Failure) -> None:
    assert World([trouble, Response(200)]).run(call(operation)).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 418])
def test_a_request_that_is_wrong_is_sent_once(status: int) -> None:
    world = World([Response(status)])
    error = failing(world, call())
    assert isinstance(error, errors.StatusError)
    assert (error.status, error.operation, len(error.attempts)) == (status, "getLeads", 1)


def test_a_request_that_no_server_could_take_is_sent_once() -> None:
    error = failing(World([lost(AttemptOutcome.FINAL)]), call())
    assert str(error) == "getLeads: no response from api.squadiq.in (ConnectionResetError)"


def test_an_error_tells_each_attempt() -> None:
    world = World([Response(500), lost(timed_out=True), Response(503), Response(503)])
    error = failing(world, call())
    assert isinstance(error, errors.ServiceUnavailableError)
    assert [attempt.status or attempt.failure for attempt in error.attempts] == [500, "ConnectionResetError", 503, 503]
    assert [attempt.unknown for attempt in error.attempts] == [True, True, False, False]
    assert error.attempts[1].took_seconds == pytest.approx(10.0)
    assert error.attempts[1].started_after_seconds == pytest.approx(0.475)
    assert error.__notes__ == ["4 attempts: " + "; ".join(str(attempt) for attempt in error.attempts)]
    assert error.previous_attempt_unknown


def test_an_error_names_no_person() -> None:
    error = failing(World([lost(AttemptOutcome.FINAL)]), call())
    assert "98765" not in str(error) + repr(error) + "".join(getattr(error, "__notes__", []))


@pytest.mark.parametrize(
    ("failure", "name"), [(lost(), "ConnectionFailedError"), (lost(timed_out=True), "DeadlineExceededError")]
)
def test_no_response_is_an_error_of_its_own(failure: Failure, name: str) -> None:
    error = failing(World([failure]), call(max_attempts=1))
    assert type(error).__name__ == name
    assert isinstance(error, errors.NoResponseError)
    assert error.outcome_unknown
    assert error.__cause__ is failure.cause


def test_a_redirect_is_not_followed() -> None:
    error = failing(World([Response(302, {"Location": "https://elsewhere.example/"})]), call())
    assert "it redirects, which is not followed: check the base URL (api.squadiq.in)" in str(error)


def test_squadiq_is_given_the_time_that_it_asks_for() -> None:
    world = World([Response(503, {"Retry-After": "42"}), Response(200)])
    world.run(call())
    assert world.sent_at == [1000.0, pytest.approx(1042.1)]


def test_a_wait_that_would_overrun_the_deadline_is_not_waited() -> None:
    world = World([Response(503, {"Retry-After": "42"})])
    error = failing(world, call(deadline_seconds=40.0))
    assert isinstance(error, errors.ServiceUnavailableError)
    assert error.retry_after_seconds == 42
    assert world.time == pytest.approx(1000.1)


def test_an_attempt_gets_no_more_time_than_the_deadline_leaves() -> None:
    world = World([lost(timed_out=True)])
    failing(world, call(deadline_seconds=3.0))
    assert world.time == pytest.approx(1003.0)


@pytest.mark.parametrize("body", [b"", b"{}", b" [1]", b'"ok"', b"null", b"7"])
def test_another_success_than_the_documented_one_is_a_success_if_it_speaks_json(body: bytes) -> None:
    assert World([Response(200, content=body)]).run(call("createLeads", success=201)).status_code == 200


@pytest.mark.parametrize("status", [200, 201])
def test_the_page_of_a_proxy_is_no_success(status: int) -> None:
    page = Response(status, content=b"\n<html>Please log in to the Wi-Fi</html>")
    error = failing(World([page] * 4), call("createLeads", success=201))
    assert isinstance(error, errors.UnexpectedResponseError)
    assert error.outcome_unknown
    assert len(error.attempts) == 4
    assert World([page, Response(201)]).run(call("createLeads", success=201)).status_code == 201


def test_a_delete_that_was_carried_out_by_the_attempt_before_is_done() -> None:
    assert World([lost(), Response(404)]).run(call("deleteLead")).status_code == 404


def test_a_delete_of_a_lead_that_never_was_is_an_error() -> None:
    assert isinstance(failing(World([Response(404)]), call("deleteLead")), errors.NotFoundError)
    assert isinstance(failing(World([Response(503), Response(404)]), call("deleteLead")), errors.NotFoundError)


def test_only_a_delete_is_done_when_the_lead_is_gone() -> None:
    assert isinstance(failing(World([lost(), Response(404)]), call("updateLead")), errors.NotFoundError)


def test_a_repeated_create_that_is_refused_says_what_can_be_known() -> None:
    world = World([lost(), Response(400, content=b'[{"lead_id": ["Exists."]}]')])
    error = failing(world, call("createLeads"))
    assert isinstance(error, errors.BadRequestError)
    assert error.previous_attempt_unknown
    assert [lead.state for lead in error.lead_errors] == ["unknown"]


@pytest.mark.parametrize("trouble", [lost(), Response(500)])
def test_leads_are_not_created_twice_when_repeating_is_off(trouble: Response | Failure) -> None:
    error = failing(World([trouble]), call("createLeads", repeat_creates=False))
    assert isinstance(error, errors.OutcomeUnknownError)
    assert error.outcome_unknown
    assert isinstance(error.__cause__, SquadIQError)


def test_leads_that_surely_were_not_created_are_sent_again_even_then() -> None:
    world = World([lost(AttemptOutcome.NEVER_SENT), Response(429), Response(503), Response(201)])
    assert world.run(call("createLeads", repeat_creates=False)).status_code == 201


def test_an_own_policy_decides() -> None:
    seen: list[RetryState] = []

    def policy(situation: RetryState) -> Retry | GiveUp:
        seen.append(situation)
        return Retry(1.0) if situation.attempt < 2 else GiveUp("enough")

    failing(World([Response(400), Response(400)]), call(retry_policy=policy))
    assert [(one.attempt, one.status, one.outcome) for one in seen] == [
        (1, 400, AttemptOutcome.FINAL),
        (2, 400, AttemptOutcome.FINAL),
    ]


def test_the_deadline_holds_whatever_an_own_policy_says() -> None:
    def stubborn(_: RetryState) -> Retry:
        return Retry(2.0)

    world = World([Response(503)] * 10)
    failing(world, call(deadline_seconds=5.0, retry_policy=stubborn))
    assert world.time <= 1005.0


def test_hooks_see_each_attempt() -> None:
    seen: list[Any] = []

    def before(operation: str, number: int) -> None:
        seen.append((operation, number))

    def after(operation: str, number: int, attempt: Attempt) -> None:
        seen.append((operation, number, attempt.status))

    World([Response(503), Response(200)]).run(call(before_attempt=before, after_attempt=after))
    assert seen == [("getLeads", 1), ("getLeads", 1, 503), ("getLeads", 2), ("getLeads", 2, 200)]


def test_a_call_waits_for_the_quota() -> None:
    world = World([Response(200), Response(200)], hits=1)
    world.run(call())
    world.run(call())
    assert world.sent_at == [1000.0, pytest.approx(1060.1, abs=0.1)]


def test_a_call_that_would_wait_longer_than_it_may_fails_at_once() -> None:
    world = World([Response(200)], hits=1)
    world.run(call())
    error = failing(world, call(max_wait_seconds=5.0))
    assert isinstance(error, errors.QuotaWaitError)
    assert error.wait_seconds == pytest.approx(60.0, abs=0.2)
    assert world.time == pytest.approx(1000.1)


def test_a_call_that_would_wait_too_long_gives_its_place_back() -> None:
    world = World([Response(200), Response(200)], hits=1)
    world.run(call())
    elsewhere = Reservation(1, 0.0, 0.0)
    world.on_wait = lambda: world.store.throttled(elsewhere, 60.0)
    error = failing(world, call(max_wait_seconds=62.0))
    assert isinstance(error, errors.QuotaWaitError)
    assert world.time <= 1000.1 + 62.0
    assert world.store.snapshot().waiting == 0


def test_a_call_that_may_not_wait_is_sent_if_a_hit_is_free() -> None:
    assert World([Response(200)]).run(call(max_wait_seconds=0.0)).status_code == 200


def test_a_call_whose_quota_comes_after_the_deadline_fails_at_once() -> None:
    world = World([Response(200)], hits=1)
    world.run(call())
    assert isinstance(failing(world, call(deadline_seconds=30.0)), errors.QuotaWaitError)
    assert world.time == pytest.approx(1000.1)


def test_without_a_hit_for_another_attempt_the_last_error_is_raised() -> None:
    error = failing(World([Response(503)], hits=1), call(deadline_seconds=30.0))
    assert isinstance(error, errors.ServiceUnavailableError)


def test_a_hit_that_never_left_is_given_back() -> None:
    world = World([lost(AttemptOutcome.NEVER_SENT), Response(200)], hits=1)
    world.run(call())
    assert world.sent_at[1] < 1001.0


def test_a_hit_whose_response_is_lost_is_kept() -> None:
    world = World([lost(), Response(200)], hits=1)
    world.run(call())
    assert world.sent_at[1] >= 1060.0


def test_a_429_makes_everybody_wait() -> None:
    world = World([Response(429, {"Retry-After": "30"}), Response(200)])
    failing(world, call(max_attempts=1))
    world.run(call())
    assert world.sent_at[1] >= 1030.0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("1000000000", 1e9),
        ("Fri, 31 Dec 9999 23:59:59 GMT", pytest.approx(2.5e11, rel=0.01)),
        ("inf", None),
        ("nan", None),
        ("1e400", None),
        ("-5", 0.0),
    ],
)
def test_no_429_stops_everybody_for_long_and_the_call_says_what_was_asked_for(asked: str, told: float | None) -> None:
    headers = {"Retry-After": asked, "Date": "Mon, 01 Jan 2035 00:00:00 GMT"}
    world = World([Response(429, headers), Response(200)])
    error = failing(world, call(max_attempts=1))
    assert isinstance(error, errors.TooManyRequestsError)
    assert error.retry_after_seconds == told
    assert world.store.snapshot().paused_for_seconds <= 3 * 60.0 * 1.01
    world.run(call(deadline_seconds=200.0))


class Broken(MemoryStore):
    """A store of the user's own, of which one method raises something of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(1)
        setattr(self, name, self.broken)

    def broken(self, *_: object, **__: object) -> Any:
        raise KeyError("s3cret")


@pytest.mark.parametrize("name", ["reserve", "confirm"])
def test_whatever_a_store_of_ones_own_raises_is_an_error_of_ours(name: str) -> None:
    world = World([Response(503), Response(200)])
    world.store = Broken(name)
    if name == "confirm":
        world.store.reserve(0.1)
    error = failing(world, call())
    assert isinstance(error, errors.QuotaStoreError)
    assert str(error) == "The store of the quota (quota=) cannot be used: KeyError."
    assert (error.operation, error.attempts) == ("getLeads", ())


@pytest.mark.parametrize("came", [Response(200), Response(429, {"Retry-After": "0"}), lost(AttemptOutcome.NEVER_SENT)])
def test_what_a_request_brought_is_not_lost_over_a_store_of_ones_own(
    came: Response | Failure, caplog: pytest.LogCaptureFixture
) -> None:
    name = {200: "completed", 429: "throttled"}.get(getattr(came, "status_code", 0), "give_back")
    world = World([came, Response(200)])
    world.store = Broken(name)
    request = call(max_attempts=1)
    if name == "completed":
        assert world.run(request).status_code == 200
    else:
        assert len(failing(world, request).attempts) == 1
    assert caplog.messages == [
        "The store of the quota was not told (KeyError): a slot stays taken until its lease ends."
    ]


def test_a_store_that_returns_something_else_is_an_error_of_ours() -> None:
    world = World([Response(200)])
    store: Any = world.store
    store.reserve = lambda *_, **__: None  # pyright: ignore[reportUnknownLambdaType]
    assert isinstance(failing(world, call()), errors.QuotaStoreError)


def test_a_store_lost_while_waiting_does_not_hide_an_unknown_outcome() -> None:
    world = World([lost()], hits=1)

    def broken(*_: object, **__: object) -> float:
        raise errors.QuotaStoreError("gone")

    store: Any = world.store
    store.confirm = broken
    error = failing(world, call())
    assert isinstance(error, errors.ConnectionFailedError)
    assert error.outcome_unknown
    assert world.store.snapshot().waiting == 0


def test_no_lease_is_longer_than_what_is_left_of_the_deadline() -> None:
    world = World([lost()], hits=1)
    failing(world, call(timeout_seconds=1000.0, deadline_seconds=5.0))
    world.time += 5 + 1 + 60.1
    assert world.store.snapshot().free_now == 1


def test_breaking_off_a_wait_gives_the_hit_back() -> None:
    world = World([Response(200), Response(200)], hits=1)
    world.run(call())
    steps = Exchange(
        call(), "host", b"", world.store, now=lambda: world.time, utcnow=utcnow, jitter=lambda: 0.5
    ).steps()
    ask = next(steps)
    assert isinstance(ask, UseStore)
    assert isinstance(steps.send(ask.call()), Wait)
    give_back = steps.throw(KeyboardInterrupt())
    assert isinstance(give_back, UseStore)
    with pytest.raises(KeyboardInterrupt):
        steps.send(give_back.call())
    world.run(call())
    assert world.sent_at[1] == pytest.approx(1060.1, abs=0.1)


def test_breaking_off_a_request_is_not_taken_for_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        World([KeyboardInterrupt()]).run(call())


TROUBLE = st.sampled_from([200, 400, 404, 429, 500, 502, 503, "never", "lost", "timeout"])


@given(
    st.sampled_from(OPERATIONS),
    st.lists(TROUBLE, min_size=1, max_size=8),
    st.floats(0.5, 200),
    st.sampled_from([None, "5", "100"]),
    st.integers(1, 3),
)
def test_no_call_outlives_its_deadline(
    operation: str, script: list[Any], deadline: float, retry_after: str | None, hits: int
) -> None:
    headers = {"Retry-After": retry_after} if retry_after else {}
    kinds = {"never": AttemptOutcome.NEVER_SENT, "lost": AttemptOutcome.UNKNOWN, "timeout": AttemptOutcome.UNKNOWN}
    came: list[Response | Failure] = [
        lost(kinds[one], timed_out=one == "timeout") if isinstance(one, str) else Response(one, headers)
        for one in script
    ]
    world = World([*came, *[Response(200)] * 8], hits=hits)
    with contextlib.suppress(SquadIQError):
        world.run(call(operation, deadline_seconds=deadline))
    assert world.time - 1000.0 <= deadline + 0.1 + 1e-6


def test_a_call_made_to_wait_beyond_its_deadline_gives_up() -> None:
    world = World([Response(200)], hits=1)
    world.run(call())
    world.on_wait = lambda: world.store.throttled(Reservation(0, 0.0, 0.0), 500.0)
    assert isinstance(failing(world, call(deadline_seconds=70.0)), errors.QuotaWaitError)
    assert world.time < 1070.0
    assert world.store.snapshot().waiting == 0
