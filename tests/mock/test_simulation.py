"""What becomes of a lead, and how time passes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.mock import simulation
from squadiq.mock.clock import Clock
from squadiq.mock.core import Mock
from squadiq.mock.settings import MockSettings, SettingError
from squadiq.mock.throttle import Throttle
from tests.mock.caller import START, Caller

seeds, texts, moments = st.integers(0, 2**64), st.text(max_size=40), st.integers(0, 2**33)


@given(seeds, texts, texts, moments, st.floats(0, 1e6))
def test_a_life_is_in_order_whoever_it_is(
    seed: int, campaign_id: str, lead_id: str, created_at: int, process_after_seconds: float
) -> None:
    key = simulation.campaign_key(seed, campaign_id)
    delay = simulation.delay_seconds(key, lead_id, process_after_seconds)
    assert process_after_seconds / 2 <= delay <= math.ceil(process_after_seconds)
    lived = simulation.simulate_lead(key, campaign_id, lead_id, created_at, created_at + delay)
    assert lived == simulation.simulate_lead(key, campaign_id, lead_id, created_at, created_at + delay)
    moments = [created_at, *lived.calls, created_at + delay]
    assert moments == sorted(moments)
    assert lived.calls[0] == simulation.first_call(created_at, created_at + delay)
    connected = lived.lead_outcome.startswith("Connected")
    assert 1 <= len(lived.calls) <= 3
    assert bool(lived.lead_responses) is connected
    assert (lived.recording_url is not None) is connected
    assert lived.recording_url is None or lived.recording_url.startswith("https://")


def test_many_leads_have_every_outcome_in_about_its_share() -> None:
    key = simulation.campaign_key(0, "c1")
    lives = [simulation.simulate_lead(key, "c1", str(number), 0, 100) for number in range(5000)]
    outcomes = Counter(each.lead_outcome for each in lives)
    assert set(outcomes) == set(simulation.OUTCOMES)
    for outcome, share in simulation.OUTCOMES.items():
        assert outcomes[outcome] == pytest.approx(50 * share, rel=0.25)
    assert {len(each.calls) for each in lives} == {1, 2, 3}


def test_many_leads_are_processed_all_over_the_time_that_is_set() -> None:
    key = simulation.campaign_key(0, "c1")
    delays = Counter(simulation.delay_seconds(key, str(number), 20) for number in range(5000))
    assert set(delays) == set(range(11, 21))
    assert max(delays.values()) < 2 * min(delays.values())


def test_another_seed_or_another_campaign_gives_another_life() -> None:
    def outcomes(seed: int, campaign_id: str) -> list[str]:
        key = simulation.campaign_key(seed, campaign_id)
        return [simulation.simulate_lead(key, campaign_id, str(number), 0, 100).lead_outcome for number in range(50)]

    assert outcomes(1, "c1") == outcomes(1, "c1")
    assert outcomes(1, "c1") != outcomes(2, "c1")
    assert outcomes(1, "c1") != outcomes(1, "c2")


def test_the_same_seed_gives_the_same_outcomes_in_another_mock(start_mock: Callable[..., Caller]) -> None:
    pages: list[list[tuple[str, str]]] = []
    for later in (0, 1000):
        mock = start_mock(seed=7)
        mock.advance(later)
        mock.create(*range(20))
        mock.advance(5)
        pages.append([(each["lead_id"], each["lead_outcome"]) for each in mock.list().json["results"]])
    assert pages[0] == pages[1]


def test_a_lead_goes_from_created_over_called_to_processed(start_mock: Callable[..., Caller]) -> None:
    mock = start_mock(process_after_seconds=1000)
    mock.create("a")
    states = [mock.lead_state("a")["state"]]
    for _ in range(100):
        mock.advance(10)
        states.append(mock.lead_state("a")["state"])
    assert list(dict.fromkeys(states)) == ["created", "called", "processed"]
    lead_state = mock.lead_state("a")
    listed = mock.list().json["results"][0]
    assert lead_state["calls"][-1] == listed["latest_called_at"]
    for name in ("processed_at", "lead_outcome", "lead_responses", "latest_recording_url"):
        assert lead_state[name] == listed[name]


def test_leads_pass_time_at_the_speed_that_is_set_and_hits_do_not() -> None:
    ticks = iter([100.0, 101.0, 101.0])
    clock = Clock(START, speed=60, monotonic=lambda: next(ticks))
    assert clock.now() == START + 60
    assert clock.arrival() == 1
    clock = Clock(START, monotonic=lambda: 5.0)
    clock.advance(2.5)
    assert (clock.now(), clock.arrival()) == (START + 2.5, 2.5)


def test_a_quota_is_free_again_at_the_callers_pace_however_fast_the_leads_live() -> None:
    seconds = 0.0
    core = Mock(MockSettings(rate=1, speed=60), monotonic=lambda: seconds)
    mock = Caller(core)
    assert mock.list().status == 200
    seconds = 2.0
    assert mock.list().headers == {"Retry-After": "58"}
    seconds = 60.0
    assert mock.list().status == 200
    core.close()


def test_the_mock_begins_at_the_time_of_this_machine() -> None:
    core = Mock(MockSettings())
    assert core.clock.now() > START
    core.close()


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 5))
def test_no_window_ever_counts_more_hits_than_are_allowed(steps: list[float], hits: int) -> None:
    throttle = Throttle(hits, window_seconds=60)
    now, counted = 0.0, list[float]()
    for step in steps:
        now += step
        wait = throttle.retry_after_seconds("business", now)
        in_window = [moment for moment in counted if moment > now - 60]
        assert (wait == 0) is (len(in_window) < hits)
        if wait == 0:
            counted.append(now)
        else:
            assert wait - 1 <= in_window[0] + 60 - now <= wait
            assert wait >= 1


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"tokens": ()}, "tokens"),
        ({"tokens": ("good", " ")}, "tokens"),
        ({"tokens": ("tést",)}, "tokens"),
        ({"rate": -1}, "rate"),
        ({"process_after_seconds": -1.0}, "process_after_seconds"),
        ({"process_after_seconds": float("nan")}, "process_after_seconds"),
        ({"speed": 0.0}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"duplicate_leads": "ignore"}, "duplicate_leads"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(options: dict[str, object], name: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: give "):
        MockSettings(**options)  # type: ignore[arg-type]
