"""Whatever happens on the way: what was reported is true, and what is not known is said to be unknown."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.from_thread
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from squadiq import AsyncSquadIQ, SquadIQ, SquadIQError, StatusError
from squadiq.mock.server import RunningMock, running_mock
from squadiq.retry import GiveUp, Retry, RetryRules, RetryState, decide

TOKEN = "never-to-be-seen"
TIMEOUT_SECONDS, DEADLINE_SECONDS = 0.1, 2.0
RULES = RetryRules(max_attempts=3, first_backoff_seconds=0.002, longest_backoff_seconds=0.004)
RETRY_AFTER = [None, "0", "-1", "soon", "", "0.01", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"]

FAULTS = st.one_of(
    st.sampled_from(["none", "reset", "stall", "half", "200", "500", "502"]).flatmap(
        lambda kind: st.tuples(st.just(kind), st.booleans())
    ),
    st.sampled_from(["429", "503"]).flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(RETRY_AFTER))),
)
"""A kind of fault, and whether the request is carried out first; or what `Retry-After` says."""

CALLS = st.tuples(
    st.sampled_from(["create", "create", "update", "convert", "disable", "delete", "get"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.lists(FAULTS, max_size=4),
)


def policy(situation: RetryState) -> Retry | GiveUp:
    return decide(situation, RULES, 0.5)


def plan(mock: RunningMock, script: Sequence[tuple[str, Any]]) -> None:
    """Let the mock do to each request of a call what a script says, and then what is right."""
    mock.clear_faults()
    for kind, detail in script:
        if kind in ("429", "503"):
            mock.fault("429" if kind == "429" else "503", retry_after=detail, count=1)
        elif kind == "none":
            mock.fault("slow", seconds=0, count=1)
        elif kind == "stall":
            mock.fault("slow", seconds=600, carried_out=detail, count=1)
        elif kind == "reset":
            mock.fault("reset-after" if detail else "reset-before", count=1)
        elif kind == "half":
            mock.fault("half", count=1)
        else:
            mock.fault("html", status=int(kind), carried_out=detail, count=1)


@dataclass
class Told:
    """What the caller was told, and for how long it waited at most."""

    longest_seconds: float = 0.0
    messages: list[str] = field(default_factory=list[str])


def check(call: tuple[str, str, Any], campaign: Any, run: Any, mock: RunningMock, told: Told, number: int) -> None:
    """Make one call and hold what it reports against what the mock knows."""
    kind, lead_id, _ = call
    before = mock.core.lead_state("c", lead_id)
    lead = {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha", "call": number}
    calls: dict[str, Any] = {
        "create": lambda: campaign.create_leads([lead]),
        "update": lambda: campaign.update_lead(lead_id, call=number),
        "convert": lambda: campaign.convert_lead(lead_id, detail=f"D{number}"),
        "disable": lambda: campaign.disable_leads([lead_id]),
        "delete": lambda: campaign.delete_lead(lead_id),
        "get": lambda: campaign.get_leads(lead_id=lead_id),
    }
    error: SquadIQError | None = None
    began = time.monotonic()
    try:
        run(calls[kind])
    except SquadIQError as raised:
        error = raised
        told.messages.append(f"{raised} {raised!r} {getattr(raised, '__notes__', '')}")
    told.longest_seconds = max(told.longest_seconds, time.monotonic() - began)
    after = mock.core.lead_state("c", lead_id)
    effects = {
        "create": after is not None and after["custom_fields"] == {"call": number},
        "update": after is not None and after["custom_fields"] == {"call": number},
        "convert": after is not None and after["detail"] == f"D{number}",
        "disable": after is not None and after["disabled_at"] is not None,
        "delete": after is None,
        "get": True,
    }
    if error is None:
        assert effects[kind], "reported as done, and it is not"
    elif not error.outcome_unknown:
        assert after == before, "reported as not done, and something changed"
    if kind == "create" and isinstance(error, StatusError) and effects["create"] and before is None:
        assert error.previous_attempt_unknown or error.outcome_unknown
        assert all(one.state == "unknown" for one in error.lead_errors)


@contextmanager
def sync_campaign(url: str) -> Generator[tuple[Any, Any]]:
    with SquadIQ(TOKEN, base_url=url, **OPTIONS) as client:

        def run(made: Any) -> None:
            came = made()
            if hasattr(came, "pages"):
                list(came)

        yield client.campaign("c"), run


@contextmanager
def async_campaign(url: str) -> Generator[tuple[Any, Any]]:
    with anyio.from_thread.start_blocking_portal() as portal:
        client = portal.call(lambda: AsyncSquadIQ(TOKEN, base_url=url, **OPTIONS))

        def run(made: Any) -> None:
            async def finish() -> None:
                came = made()
                if hasattr(came, "pages"):
                    _ = [lead async for lead in came]
                else:
                    await came

            portal.call(finish)

        try:
            yield client.campaign("c"), run
        finally:
            portal.call(client.close)


OPTIONS: Any = {
    "timeout_seconds": TIMEOUT_SECONDS,
    "deadline_seconds": DEADLINE_SECONDS,
    "retry_policy": policy,
    "quota": "memory",
    "quota_hits": 100_000,
    "quota_window_seconds": 0.001,
}


def play(calls: list[tuple[str, str, Any]], opened: Any, mock: RunningMock) -> Told:
    told = Told()
    mock.load({"campaigns": []})
    with opened(mock.url) as (campaign, run):
        for number, call in enumerate(calls):
            plan(mock, call[2])
            check(call, campaign, run, mock, told, number)
    created = [one for one in ("u1", "u2", "u3") if mock.lead("c", one) is not None]
    assert mock.counts("c")["created"] == len(created), "a lead is there more than once"
    assert not any(TOKEN in message or "9876543210" in message or "Asha" in message for message in told.messages)
    return told


@pytest.fixture(scope="module")
def service() -> Generator[RunningMock]:
    with running_mock(tokens=(TOKEN,), rate=0, process_after_seconds=1e9) as running:
        yield running


@pytest.mark.parametrize("opened", [sync_campaign, async_campaign])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(CALLS, min_size=1, max_size=5))
def test_what_is_reported_is_true_whatever_happens_on_the_way(opened: Any, service: RunningMock, calls: Any) -> None:
    play(calls, opened, service)


@pytest.mark.soak
@pytest.mark.parametrize("opened", [sync_campaign, async_campaign])
def test_no_call_outlives_its_deadline(opened: Any, service: RunningMock, caplog: pytest.LogCaptureFixture) -> None:
    longest = 0.0
    caplog.set_level(logging.DEBUG)

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(calls=st.lists(CALLS, min_size=1, max_size=5))
    def play_many(calls: Any) -> None:
        nonlocal longest
        longest = max(longest, play(calls, opened, service).longest_seconds)

    play_many()
    assert TOKEN not in caplog.text
    assert longest <= DEADLINE_SECONDS + 0.1
    print(f"longest call: {longest:.3f} s of a deadline of {DEADLINE_SECONDS} s")
