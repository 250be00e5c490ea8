"""Trouble can be had again by its seed, stays within bounds, and always ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.mock.deliveries.faults import (
    CUT_AT_MOST,
    LONGEST_BACKOFF_SECONDS,
    DeliveryFault,
    delivery_backoff_seconds,
    fault_of,
    send_times,
)
from squadiq.mock.settings import MockSettings, SettingError, Trouble

KINDS: tuple[Trouble, ...] = ("duplicates", "reorder", "delays", "bursts", "slow", "cuts")
some_trouble: st.SearchStrategy[frozenset[Trouble]] = st.frozensets(st.sampled_from(KINDS))
seeds, names, moments = st.integers(0, 2**64), st.text(max_size=20), st.integers(0, 2**33)


@given(some_trouble, seeds, names, moments)
def test_nothing_is_sent_before_it_is_processed_or_much_later(
    trouble: frozenset[Trouble], seed: int, result: str, processed_at: int
) -> None:
    times = send_times(trouble, seed, result, processed_at)
    assert times == send_times(trouble, seed, result, processed_at)
    assert 1 <= len(times) <= (4 if "duplicates" in trouble else 1)
    assert all(processed_at <= moment <= processed_at + 80 for moment in times)
    if not trouble & {"duplicates", "reorder", "delays", "bursts"}:
        assert times == [processed_at]
    if "bursts" in trouble:
        assert all(moment % 10 == pytest.approx(0, abs=1e-5) for moment in times)


@given(some_trouble, seeds, st.integers(1, 2**31), st.integers(1, 100))
def test_every_delivery_arrives_in_the_end(trouble: frozenset[Trouble], seed: int, delivery: int, attempt: int) -> None:
    how = fault_of(trouble, seed, delivery, attempt)
    assert how == fault_of(trouble, seed, delivery, attempt)
    assert how.cut is None or ("cuts" in trouble and attempt <= CUT_AT_MOST)
    assert not how.slow or "slow" in trouble
    assert 0.75 <= delivery_backoff_seconds(seed, delivery, attempt) <= LONGEST_BACKOFF_SECONDS
    assert delivery_backoff_seconds(seed, delivery, attempt) <= 2.0**attempt


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_trouble_alone_makes_a_difference(kind: Trouble) -> None:
    only: frozenset[Trouble] = frozenset([kind])
    times = [send_times(only, 0, str(number), 7) != [7] for number in range(200)]
    faults = [fault_of(only, 0, number, 1) != DeliveryFault() for number in range(200)]
    assert (any(times), any(faults)) == (kind not in ("slow", "cuts"), kind in ("slow", "cuts"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"webhook_url": "ftp://you.example"}, "webhook_url: give an http"),
        ({"webhook_url": "http://"}, "webhook_url: give an http"),
        ({"webhook_url": "http://you.example:99999/"}, "webhook_url: give an http"),
        ({"webhook_url": "http://you.example/\u00e9"}, "webhook_url: give an http"),
        ({"webhook_headers": (("X Y", "v"),)}, "webhook_headers: give 'Name: value'"),
        ({"webhook_headers": (("X", "a\r\nb"),)}, "webhook_headers: give 'Name: value'"),
        ({"webhook_trouble": ("rain",)}, "webhook_trouble: give some of duplicates.* not rain"),
    ],
)
def test_a_setting_of_the_webhook_out_of_range_is_refused_by_its_name(options: dict[str, object], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        MockSettings(**options)  # type: ignore[arg-type]
