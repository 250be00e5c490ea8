"""What was missed arrives by polling, through the same de-duplication as the webhook."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from squadiq_generated.models import Lead, ProcessedLead

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.errors import ConfigurationError, ConnectionFailedError, InvalidInputError, SquadIQError
from squadiq.inbox import Backfill, Inbox
from squadiq.inbox import backfill as walking
from squadiq.inbox.backfill import OVERLAP_SECONDS
from squadiq.mock.server import RunningMock
from squadiq.responses import Differences, read_page
from squadiq.webhooks import DeliveredLead, parse
from tests.inbox.conftest import Clock, OpenInbox
from tests.servers import Reply, Seen, acting_server
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
                raise ConnectionFailedError("getLeads: no response")
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


def test_what_a_walk_had_read_before_it_broke_off_is_stored(reader: Reader) -> None:
    for minute in range(5):
        reader.campaign.process(minute, f"lead-{minute}")
    reader.campaign.breaks_after = 3
    for _ in range(2):
        with pytest.raises(ConnectionFailedError):
            reader()
        assert reader.inbox.counts()["waiting"] == 3
    assert reader.campaign.asked == [None, None]


def handle_nothing(lead: DeliveredLead) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    "ends",
    [
        Reply(404, b"<html><title>404 Not Found</title></html>", {"Content-Type": "text/html"}),
        Reply(404, {"detail": "Invalid page."}),
        Reply(200, {"count": 20, "next": None, "previous": None, "results": []}),
        Reply(200, {"count": 20, "next": "http://[x", "previous": None, "results": []}),
        Reply(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_walk_that_ends_early_is_an_error_and_the_next_one_reads_what_is_missing(
    open_inbox: OpenInbox, is_async: bool, ends: Reply
) -> None:
    inbox = open_inbox()
    moments = [(START + timedelta(minutes=number)).isoformat() for number in range(20)]
    newest_first = [payload(lead_id=f"lead-{number}", processed_at=moments[number]) for number in reversed(range(20))]
    is_healthy = False

    def respond(seen: Seen) -> Reply:
        number = int(parse_qs(urlsplit(seen.target).query).get("page", ["1"])[0])
        if number == 2 and not is_healthy:
            return ends
        following = f"http://elsewhere/?page={number + 1}" if number < 4 else None
        some = newest_first[5 * number - 5 : 5 * number]
        return Reply(200, {"count": 20, "next": following, "previous": None, "results": some})

    with acting_server(respond) as server:

        def backfill() -> Backfill:
            settings: dict[str, Any] = {"base_url": server.url, "quota": "memory", "max_attempts": 1}
            if not is_async:
                with SquadIQ("token", **settings) as client:
                    return inbox.backfill(client.campaign("campaign-1"))

            async def read() -> Backfill:
                async with AsyncSquadIQ("token", **settings) as client:
                    return await inbox.backfill_async(client.campaign("campaign-1"))

            return asyncio.run(read())

        with pytest.raises(SquadIQError):
            backfill()
        assert inbox.counts()["waiting"] == 5
        is_healthy = True
        assert backfill() == Backfill("campaign-1", None, read=20, new=15)
    assert inbox.counts()["waiting"] == 20


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_campaign_of_the_other_kind_is_told_what_to_do(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.on_processed(handle_nothing)
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:9", "quota": "memory"}
    with SquadIQ("token", **settings) as client:
        campaign: Any = client.campaign("campaign-1")
        with pytest.raises(ConfigurationError, match=r"a Campaign is for backfill\(\)"):
            asyncio.run(inbox.backfill_async(campaign))
        with pytest.raises(ConfigurationError, match="takes a list of campaigns"):
            inbox.run(once=True, backfill=campaign)

    async def mixed_up() -> None:
        async with AsyncSquadIQ("token", **settings) as async_client:
            other: Any = async_client.campaign("campaign-1")
            with pytest.raises(ConfigurationError, match=r"an AsyncCampaign is for backfill_async\(\)"):
                await asyncio.to_thread(inbox.backfill, other)
            with pytest.raises(ConfigurationError, match="of SquadIQ, not of AsyncSquadIQ"):
                await inbox.run_async(once=True, backfill=[other])

    asyncio.run(mixed_up())


@pytest.mark.parametrize("what", [None, "campaign-1", 5, object()])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_no_campaign_is_told(open_inbox: OpenInbox, what: Any) -> None:
    inbox = open_inbox()
    inbox.on_processed(handle_nothing)
    with pytest.raises(ConfigurationError, match=r"takes a campaign, such as client.campaign"):
        inbox.backfill(what)
    with pytest.raises(ConfigurationError, match=r"takes a campaign, such as client.campaign"):
        asyncio.run(inbox.backfill_async(what))
    with pytest.raises(ConfigurationError, match=r"takes a campaign, such as client.campaign"):
        inbox.run(once=True, backfill=[what])


@pytest.mark.parametrize("overlap", [-1, math.nan, math.inf, "60", True, None])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_overlap_that_is_no_time_is_told(reader: Reader, overlap: Any) -> None:
    with pytest.raises(ConfigurationError, match="overlap_seconds must be a number of seconds"):
        reader(overlap_seconds=overlap)


@pytest.mark.parametrize("since", [datetime(2018, 12, 3), "yesterday", math.nan, date(2018, 12, 3)])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_since_that_is_no_time_is_told_by_its_name(reader: Reader, since: Any) -> None:
    with pytest.raises(InvalidInputError, match="since"):
        reader(since=since)


@pytest.mark.parametrize("overlap", [OVERLAP_SECONDS, 1e300])
def test_where_the_overlap_reaches_before_1970_reading_begins_there(reader: Reader, overlap: float) -> None:
    reader.campaign.leads = [ProcessedLead.model_validate(payload(lead_id="a", processed_at=0))]
    reader()
    assert reader(overlap_seconds=overlap).since == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("changes", [{"lead_id": "a\0b"}, {"processed_at": "0001-01-01T00:00:00+05:30"}])
def test_a_lead_that_no_database_takes_does_not_cost_the_others(reader: Reader, changes: dict[str, Any]) -> None:
    page = {"count": 2, "next": None, "previous": None, "results": [{**payload(), **changes}, payload(lead_id="b")]}
    reader.campaign.leads = read_page(json.dumps(page).encode(), "getLeads", Differences()).results
    assert reader() == Backfill("campaign-1", None, read=2, new=1, unreadable=1)


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


def test_a_run_once_handles_what_its_backfill_finds(open_inbox: OpenInbox, caplog: pytest.LogCaptureFixture) -> None:
    inbox, campaign, broken = open_inbox(), Listing(), Listing()
    broken.campaign_id, broken.breaks_after = "campaign-2", 0
    broken.process(1, "never")
    campaign.process(1, "a")
    inbox.on_processed(handle_nothing)
    assert inbox.run(once=True, backfill=[broken, campaign]) == 1
    assert "backfill of campaign campaign-2 failed, and will be tried again" in caplog.text


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
        assert inbox.erase("campaign-1", "lead-7") == 1
        assert inbox.backfill(campaign, since=START).new == 0
