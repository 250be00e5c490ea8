"""What listing costs, in steps of the database: the same on every machine."""

from __future__ import annotations

import pytest

from tests.mock.caller import Caller, lead


def steps_of_first_page(mock: Caller, campaign: str, query: str) -> int:
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 0

    connection = mock.core.store._connection  # pyright: ignore[reportPrivateUsage]
    connection.set_progress_handler(tick, 10)
    assert mock.list(query, campaign=campaign).status == 200
    connection.set_progress_handler(None, 10)
    return ticks


@pytest.mark.parametrize("query", ["", "page_size=1", "lead_id=7"])
def test_the_first_page_of_a_large_campaign_costs_what_that_of_a_small_one_does(mock: Caller, query: str) -> None:
    for campaign, batches in (("small", 1), ("large", 50)):
        for batch in range(batches):
            mock.call("create", [lead(batch * 1000 + number) for number in range(1000)], campaign=campaign)
    mock.advance(5)
    for campaign in ("small", "large"):
        mock.list(query, campaign=campaign)  # the first count goes over all leads, a later one does not
    small, large = (steps_of_first_page(mock, campaign, query) for campaign in ("small", "large"))
    assert 0 < large <= 1.5 * small


def test_only_newly_processed_leads_are_counted(mock: Caller) -> None:
    for batch in range(20):
        mock.call("create", [lead(batch * 1000 + number) for number in range(1000)])
    mock.advance(5)
    mock.list("page_size=1")
    before = steps_of_first_page(mock, "c1", "page_size=1")
    mock.create("one more")
    mock.advance(5)
    assert mock.list("page_size=1").json["count"] == 20_001
    mock.create("and one more")
    mock.advance(5)
    assert steps_of_first_page(mock, "c1", "page_size=1") <= before + 5
    assert mock.list("page_size=1").json["count"] == 20_002
