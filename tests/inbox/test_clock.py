"""The wall clock steps, in either direction: leases hold all the same, and retries are due when they are due."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.inbox import Inbox
from squadiq.inbox.leases import Mark, ResultClaim
from squadiq.inbox.store import InboxStore
from squadiq.inbox.tables import INBOX
from squadiq.queue.clock import Reading, advanced
from squadiq.queue.database import database_url, open_database
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import Clock
from tests.inbox.test_handling import DEADLINE_SECONDS, receive, until
from tests.inbox.timed import timed_inbox

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.mark.parametrize("step", [HOUR, -HOUR, 10 * 365 * DAY, -DAY])
def test_a_step_of_the_wall_clock_gives_no_result_to_two_workers(database: str, step: float) -> None:
    wall = Clock()
    entered, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    def handle(lead: DeliveredLead) -> None:
        calls.append(lead.lead_id)
        entered.set()
        assert go_on.wait(DEADLINE_SECONDS)

    with timed_inbox(database, now=wall) as inbox, timed_inbox(database, now=wall) as other:
        inbox.on_processed(handle)
        other.on_processed(handle)
        receive(inbox)
        running = threading.Thread(target=partial(inbox.run, once=True))
        running.start()
        assert entered.wait(DEADLINE_SECONDS)
        wall.time += step
        assert other.run(once=True) == 0
        with timed_inbox(database, now=wall) as new:
            new.on_processed(handle)
            assert new.run(once=True) == 0
        go_on.set()
        running.join(DEADLINE_SECONDS)
        assert not running.is_alive()
        assert inbox.counts() == {"waiting": 0, "handled": 1, "failed": 0}
    assert calls == ["test_lead_id"]


@pytest.mark.parametrize("step", [HOUR, -DAY])
def test_a_retry_is_due_when_it_is_due_whatever_the_wall_clock_does(database: str, step: float) -> None:
    wall, monotonic = Clock(), Clock()
    with timed_inbox(database, now=wall, monotonic=monotonic, rng=lambda: 0.0) as inbox:
        calls: list[float] = []

        @inbox.on_processed
        def fail(_: DeliveredLead) -> None:
            calls.append(monotonic())
            raise ValueError

        receive(inbox)
        began = monotonic()
        inbox.run(once=True)
        wall.time += step
        for _ in range(35):
            inbox.run(once=True)
            monotonic.time += 1
        assert [called - began for called in calls] == [0, 10, 30]


def test_time_passes_for_a_process_that_begins_anew(tmp_path: object, database: str) -> None:
    """As from a scheduler: no process lives from one look to the next."""
    wall, monotonic = Clock(), Clock()
    on_a_server = database.startswith("postgresql")
    calls: list[float] = []

    def fail(_: DeliveredLead) -> None:
        calls.append(monotonic())
        raise ValueError

    for second in range(12):
        with timed_inbox(database, now=wall, monotonic=monotonic, rng=lambda: 0.0) as inbox:
            inbox.on_processed(fail)
            if not second:
                receive(inbox)
            inbox.run(once=True)
        monotonic.time += 1
        wall.time -= HOUR
    # The server's clock, which the test cannot move, says how much has passed between processes.
    assert [called - calls[0] for called in calls] == ([0] if on_a_server else [0, 10])


def test_a_machine_that_was_started_anew_does_not_wait_for_its_clock_to_catch_up(tmp_path: object) -> None:
    wall = Clock()
    path = f"{tmp_path}/inbox.sqlite3"
    calls: list[str] = []

    def fail(lead: DeliveredLead) -> None:
        calls.append(lead.lead_id)
        raise ValueError

    for readings in ([500_000.0], [5.0, 14.0, 16.0]):  # seconds since the machine was started
        for reading in readings:
            with timed_inbox(path, now=wall, monotonic=partial(float, reading), rng=lambda: 0.0) as inbox:
                inbox.on_processed(fail)
                if not calls:
                    receive(inbox)
                inbox.run(once=True)
    assert len(calls) == 2


def test_a_worker_whose_result_another_has_taken_over_goes_on_and_marks_nothing(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one takes every lease for ended, as one on a machine whose clocks run wild may."""
    claims: list[ResultClaim] = []
    fast = Clock()
    store = InboxStore(open_database(database_url(database, INBOX), INBOX), time.time, fast)

    with Inbox(database, max_attempts=8) as inbox:

        @inbox.on_processed
        def handle(lead: DeliveredLead) -> None:
            if lead.lead_id == "taken":
                fast.time += DAY
                claims.extend(store.claim(8, lease_seconds=DAY, max_attempts=8))

        with store.engine.begin() as connection:
            store._clock.keep(connection)  # pyright: ignore[reportPrivateUsage]
        receive(inbox, lead_id="taken")
        assert inbox.run(once=True) == 0
        receive(inbox, lead_id="next")
        assert inbox.run(once=True) == 1
        assert [inbox.results("campaign-1", name)[0].state for name in ("taken", "next")] == ["waiting", "handled"]
        assert store.mark_all([Mark(claims[0], frozenset({"done"}), finished=True)]) == [True]
    assert "its lease ended" in caplog.text
    store.engine.dispose()


def test_a_worker_does_not_take_again_what_it_is_handling_however_late_its_lease_is(
    database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.POLL_SECONDS", 0.01)
    wild = Clock()
    calls: list[str] = []
    entered, go_on = threading.Event(), threading.Event()

    with timed_inbox(database, monotonic=wild, lease_seconds=HOUR) as inbox:

        @inbox.on_processed
        def handle(lead: DeliveredLead) -> None:
            calls.append(lead.lead_id)
            entered.set()
            if lead.lead_id == "long":
                assert go_on.wait(DEADLINE_SECONDS)

        receive(inbox, lead_id="long")
        running = threading.Thread(target=inbox.run)
        running.start()
        assert entered.wait(DEADLINE_SECONDS)
        wild.time += DAY
        receive(inbox, lead_id="other")
        until(lambda: "other" in calls)
        go_on.set()
        until(lambda: inbox.counts()["handled"] == 2)
        inbox.stop()
        running.join(DEADLINE_SECONDS)
        assert not running.is_alive()
    assert sorted(calls) == ["long", "other"]
    assert not [record for record in caplog.records if record.exc_info]


TIMES = st.floats(0, 1e10)


@given(kept=st.builds(Reading, TIMES, TIMES), outer=TIMES, seen=st.builds(Reading, TIMES, TIMES), passed=TIMES)
def test_the_time_never_goes_back_and_goes_on_by_what_passed(
    kept: Reading, outer: float, seen: Reading, passed: float
) -> None:
    assert advanced(kept, outer, None, 0.0) == kept.time + max(0.0, outer - kept.other)
    later = advanced(kept, outer, seen, seen.other + passed)
    assert later >= max(kept.time, seen.time)
    assert later == pytest.approx(max(kept.time, seen.time + passed), abs=1e-4)
    assert advanced(kept, outer, seen, seen.other - passed) == max(kept.time, seen.time)
