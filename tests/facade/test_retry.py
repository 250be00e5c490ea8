"""Whether and when a request is sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from squadiq_generated.constants import IDEMPOTENT

from squadiq.attempts import AttemptOutcome, outcome_of_status, parse_retry_after
from squadiq.retry import GiveUp, Retry, RetryRules, RetryState, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPERATIONS = [*sorted(IDEMPOTENT), "createLeads"]


def situation(
    operation: str = "getLeads",
    outcome: AttemptOutcome = AttemptOutcome.NEVER_SENT,
    attempt: int = 1,
    retry_after: float | None = None,
    now: float = 0.0,
    deadline: float = 1000.0,
) -> RetryState:
    return RetryState(operation, attempt, outcome, None, retry_after, now, deadline)


@pytest.mark.parametrize("operation", [*OPERATIONS, "somethingNew"])
@pytest.mark.parametrize("outcome", [AttemptOutcome.NEVER_SENT, AttemptOutcome.REJECTED])
def test_what_surely_was_not_done_is_sent_again_whatever_it_is(operation: str, outcome: AttemptOutcome) -> None:
    assert isinstance(decide(situation(operation, outcome), RetryRules(), 0.5), Retry)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_may_have_been_done_is_sent_again_if_twice_is_as_good_as_once(operation: str) -> None:
    assert isinstance(decide(situation(operation, AttemptOutcome.UNKNOWN), RetryRules(), 0.5), Retry)


def test_what_may_have_been_done_is_not_sent_again_if_nothing_is_known_of_it() -> None:
    assert isinstance(decide(situation("somethingNew", AttemptOutcome.UNKNOWN), RetryRules(), 0.5), GiveUp)


def test_leads_that_may_have_been_created_are_not_sent_again_when_that_is_off() -> None:
    rules = RetryRules(repeat_creates=False)
    assert isinstance(decide(situation("createLeads", AttemptOutcome.UNKNOWN), rules, 0.5), GiveUp)
    assert isinstance(decide(situation("createLeads", AttemptOutcome.REJECTED), rules, 0.5), Retry)
    assert isinstance(decide(situation("updateLead", AttemptOutcome.UNKNOWN), rules, 0.5), Retry)


def test_what_sending_again_would_not_change_is_not_sent_again() -> None:
    assert isinstance(decide(situation(outcome=AttemptOutcome.FINAL), RetryRules(), 0.5), GiveUp)


def test_a_request_is_sent_no_more_often_than_allowed() -> None:
    rules = RetryRules(max_attempts=3)
    assert isinstance(decide(situation(attempt=2), rules, 0.5), Retry)
    assert isinstance(decide(situation(attempt=3), rules, 0.5), GiveUp)


@given(attempt=st.integers(1, 60), jitter=st.floats(0, 1))
def test_the_wait_doubles_up_to_a_limit_and_varies_by_half(attempt: int, jitter: float) -> None:
    rules = RetryRules(max_attempts=100, first_backoff_seconds=0.5, longest_backoff_seconds=30)
    decision = decide(situation(attempt=attempt), rules, jitter)
    longest = min(30, 0.5 * 2 ** (attempt - 1))
    assert isinstance(decision, Retry)
    assert longest / 2 <= decision.after_seconds <= longest


def test_squadiq_is_not_asked_before_the_time_that_it_names() -> None:
    assert decide(situation(retry_after=42.0), RetryRules(), 0.5) == Retry(42.0)


@given(now=st.floats(0, 100), retry_after=st.none() | st.floats(0, 100), deadline=st.floats(0, 100))
def test_nothing_is_sent_again_after_the_deadline(now: float, retry_after: float | None, deadline: float) -> None:
    decision = decide(situation(retry_after=retry_after, now=now, deadline=deadline), RetryRules(), 0.5)
    assert isinstance(decision, GiveUp) or now + decision.after_seconds < deadline


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, AttemptOutcome.FINAL),
        (401, AttemptOutcome.FINAL),
        (404, AttemptOutcome.FINAL),
        (408, AttemptOutcome.UNKNOWN),
        (429, AttemptOutcome.REJECTED),
        (500, AttemptOutcome.UNKNOWN),
        (502, AttemptOutcome.UNKNOWN),
        (503, AttemptOutcome.REJECTED),
        (504, AttemptOutcome.UNKNOWN),
        (520, AttemptOutcome.UNKNOWN),
        (307, AttemptOutcome.FINAL),
    ],
)
def test_a_status_says_whether_anything_was_done(status: int, outcome: AttemptOutcome) -> None:
    assert outcome_of_status(status) is outcome


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("42", 42.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 00:00:30", 30.0),
        ("Thu, 99 Jan 2026 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, None, NOW) == seconds


@given(skew=st.integers(-100_000, 100_000), wait=st.integers(0, 100_000))
def test_a_wrong_clock_on_this_machine_does_not_change_the_wait(skew: int, wait: int) -> None:
    server = NOW + timedelta(seconds=skew)
    header = format_datetime(server + timedelta(seconds=wait), usegmt=True)
    assert parse_retry_after(header, format_datetime(server, usegmt=True), NOW) == wait
