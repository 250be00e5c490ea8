"""What was missed arrives by polling, through the same de-duplication as the webhook."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from squadiq_generated.models import Lead, ProcessedLead

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.answers import Differences, read_page
from squadiq.errors import ConnectionFailedError
from squadiq.inbox import Backfill, Inbox
from squadiq.inbox import backfill as walking
from squadiq.mock.server import RunningMock
from squadiq.webhooks import DeliveredLead, parse
from tests.inbox.conftest import Clock, OpenInbox
from tests.webhooks.payloads import PERSONAL, delivery, payload

START = datetime(2018, 12, 3, 14, 0, tzinfo=UTC)


class Listing:
    """A campaign that lists leads as SquadIQ does, in the order of `processed_at`."""

    campaign_id = "campaign-1"

    def __init__(self) -> None:
        self.leads: list[ProcessedLead] = []
        self.asked: list[datetime | None] = []
        self.breaks_after: int | None = None

    def process(self, minute: float, lead_id: str, **changes: Any) -> None:
        moment = (START + timedelta(minutes=minute)).isoformat()
        self.leads.append(ProcessedLead.model_validate(payload(lead_id=lead_id, processed_at=moment, **changes)))

    def get_leads(self, *, processed_after: datetime | None) -> Iterator[ProcessedLead]:
        self.asked.append(processed_after)
        for number, lead in enumerate(self.leads):
            if number == self.breaks_after:
                raise ConnectionFailedError("getLeads: no answer")
            if processed_after is None or lead.processed_at >= processed_after:
                yield lead


class AsyncListing(Listing):
    """The same without blocking."""

    async def get_leads(self, *, processed_after: datetime | None) -> AsyncIterator[ProcessedLead]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        for lead in super().get_leads(processed_after=processed_after):
            yield lead


@pytest.fixture(params=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return str(request.param) == "async"


class Reader:
    """Backfills an inbox with either kind of campaign."""

    def __init__(self, inbox: Inbox, is_async: bool) -> None:
        self.inbox = inbox
        self.campaign = AsyncListing() if is_async else Listing()

    def __call__(self, **settings: Any) -> Backfill:
        if isinstance(self.campaign, AsyncListing):
            return asyncio.run(self.inbox.backfill_async(self.campaign, **settings))
        return self.inbox.backfill(self.campaign, **settings)


@pytest.fixture
def reader(open_inbox: OpenInbox, is_async: bool) -> Reader:
    return Reader(open_inbox(), is_async)


def test_what_the_webhook_missed_is_read_and_what_it_brought_is_not_doubled(reader: Reader) -> None:
    reader.campaign.process(1, "delivered", latest_recording_url=None, contact_name="Slightly Different")
    reader.campaign.process(2, "missed")
    inbox = reader.inbox
    inbox.receive(parse(delivery(lead_id="delivered", processed_at="2018-12-03T14:01:00"), {}))
    assert reader() == Backfill("campaign-1", None, read=2, new=1, unreadable=0)
    missed = inbox.latest("campaign-1", "missed")
    assert missed is not None
    assert missed.model_dump() == reader.campaign.leads[1].model_dump()
    inbox.receive(parse(delivery(lead_id="missed", processed_at="2018-12-03T19:32:00+05:30"), {}))
    assert inbox.counts()["waiting"] == 2


def test_the_next_backfill_begins_a_little_before_the_end_of_the_last(reader: Reader) -> None:
    reader.campaign.process(1, "a")
    reader.campaign.process(60, "b")
    reader()
    reader.campaign.process(59, "listed late")
    reader.campaign.process(61, "c")
    assert reader(overlap_seconds=120) == Backfill("campaign-1", START + timedelta(minutes=58), read=3, new=2)
    assert reader(overlap_seconds=0).since == START + timedelta(minutes=61)
    assert reader(since=START + timedelta(minutes=30)).since == START + timedelta(minutes=30)
    assert reader(overlap_seconds=0).since == START + timedelta(minutes=61)


def test_a_delivery_after_an_outage_does_not_hide_what_was_missed_in_it(reader: Reader) -> None:
    reader.campaign.process(1, "before")
    reader()
    reader.campaign.process(100, "missed")
    reader.campaign.process(500, "delivered")
    reader.inbox.receive(parse(delivery(lead_id="delivered", processed_at="2018-12-03T22:20:00Z"), {}))
    assert reader().new == 1
    assert reader.inbox.latest("campaign-1", "missed") is not None


def test_a_walk_that_is_broken_off_is_done_again(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "BATCH", 2)
    for minute in range(5):
        reader.campaign.process(minute, f"lead-{minute}")
    reader.campaign.breaks_after = 4
    with pytest.raises(ConnectionFailedError):
        reader()
    reader.campaign.breaks_after = None
    found = reader()
    assert (found.since, found.read) == (None, 5)
    assert reader.inbox.counts()["waiting"] == 5


def test_campaigns_are_read_each_from_its_own_end(open_inbox: OpenInbox) -> None:
    inbox, one, other = open_inbox(), Listing(), Listing()
    other.campaign_id = "campaign-2"
    one.process(1, "a")
    other.process(99, "a")
    assert [inbox.backfill(campaign).new for campaign in (one, other, one, other)] == [1, 1, 0, 0]
    inbox.backfill(one, overlap_seconds=0)
    assert one.asked[-1] == START + timedelta(minutes=1)


def test_an_empty_campaign_is_read_from_the_beginning_again(reader: Reader) -> None:
    assert reader() == Backfill("campaign-1", None)
    assert reader().since is None


def test_a_lead_from_the_future_does_not_hide_those_until_then(reader: Reader, clock: Clock) -> None:
    clock.time = START.timestamp()
    reader.campaign.process(60 * 24 * 365, "from next year")
    reader()
    reader.campaign.process(5, "today")
    assert reader().new == 1


def test_odd_leads_are_kept_as_they_came_and_those_without_a_name_are_counted(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [
        payload(lead_id="odd", phone_number="not one", lead_outcome=None, latest_called_at="soon"),
        {**payload(), "lead_id": None},
        {**payload(), "processed_at": "one day"},
        {
            name: value
            for name, value in payload(lead_id="partial").items()
            if name not in ("created_at", "campaign_id")
        },
    ]
    page = json.dumps({"count": 4, "next": None, "previous": None, "results": odd}).encode()
    reader.campaign.leads = read_page(page, "getLeads", Differences()).results
    assert reader() == Backfill("campaign-1", None, read=4, new=2, unreadable=2)
    got: list[DeliveredLead] = []
    reader.inbox.on_processed(got.append)
    assert reader.inbox.run(once=True) == 2
    by_id = {lead.lead_id: lead for lead in got}
    assert by_id["odd"].phone_number == "not one"
    assert dict(by_id["odd"])["lead_outcome"] is None
    assert by_id["odd"].raw_payload
    assert "created_at" not in by_id["partial"].model_fields_set
    assert "2 leads have no usable lead_id or processed_at" in caplog.text
    assert not [secret for secret in (*PERSONAL, "not one") if secret in caplog.text]


def test_a_lead_that_json_cannot_say_is_counted(reader: Reader) -> None:
    reader.campaign.process(1, "a")
    lead = reader.campaign.leads[0]
    reader.campaign.leads = [lead.model_copy(update={"lead_responses": {"a": object()}})]
    assert reader().unreadable == 1


def test_run_reads_campaigns_at_once_and_again_and_outlives_an_error(
    open_inbox: OpenInbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, campaign, broken = open_inbox(), Listing(), Listing()
    broken.campaign_id, broken.breaks_after = "campaign-2", 0
    broken.process(1, "never")
    campaign.process(1, "a")
    handled: list[str] = []
    both = threading.Event()

    @inbox.on_processed
    def handle(lead: DeliveredLead) -> None:
        handled.append(lead.lead_id)
        if len(handled) == 1:
            campaign.process(2, "b")
        else:
            both.set()

    running = threading.Thread(
        target=inbox.run, kwargs={"backfill": [broken, campaign], "backfill_every_seconds": 0.01}
    )
    running.start()
    assert both.wait(20)
    inbox.stop()
    running.join()
    assert handled == ["a", "b"]
    assert "backfill of campaign campaign-2 failed, and will be tried again" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "squadiq-inbox-backfill":
            thread.join()


def test_clients_of_both_kinds_read_every_page_of_the_mock(
    open_inbox: OpenInbox, clock: Clock, is_async: bool, squadiq_mock: RunningMock
) -> None:
    inbox = open_inbox()
    settings: dict[str, Any] = {"access_token": squadiq_mock.token, "base_url": squadiq_mock.url}
    with SquadIQ(**settings) as client:
        campaign = client.campaign("campaign-1")
        campaign.create_leads(
            Lead(lead_id=f"lead-{number}", phone_number=f"98765{number:05}", contact_name="Asha")
            for number in range(250)
        )
        squadiq_mock.advance(60)
        polled = next(iter(campaign.get_leads(lead_id="lead-7")))
        inbox.receive(parse(polled.model_dump_json().encode(), {}))

        async def read() -> Backfill:
            async with AsyncSquadIQ(**settings) as async_client:
                return await inbox.backfill_async(async_client.campaign("campaign-1"))

        clock.time = time.time() + 3600
        found = asyncio.run(read()) if is_async else inbox.backfill(campaign)
        assert (found.read, found.new, found.unreadable) == (250, 249, 0)
        assert inbox.backfill(campaign).new == 0
        assert inbox.latest("campaign-1", "lead-7") == parse(polled.model_dump_json().encode(), {})

        campaign.delete_lead("lead-7")
        assert inbox.forget("campaign-1", "lead-7") == 1
        assert inbox.backfill(campaign, since=START).new == 0
