"""One lead by its lead_id, a lead for a person to read, and a client that was closed."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from squadiq import AsyncSquadIQ, Lead, ProcessedLead, SquadIQ, describe, errors
from squadiq.mock.server import RunningMock
from tests.facade.test_client import LEAD, TOKEN, Both, failing, open_both
from tests.servers import Reply, acting_server

PROCESSED: dict[str, Any] = {
    **LEAD,
    "phone_number": "+919876543210",
    "campaign_id": "campaign-1",
    "created_at": "2018-12-03T14:36:01+00:00",
    "latest_called_at": None,
    "latest_recording_url": "https://recordings.example/r1",
    "lead_outcome": "Connected : Objective Met",
    "processed_at": "2018-12-03T14:37:54+00:00",
    "lead_responses": {"Which plan?": "Lite", "When?": None},
}


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_one_lead_is_read_by_its_lead_id(kind: str, mock: RunningMock) -> None:
    with Both(kind, mock.token, base_url=mock.url) as both:
        both.call("create_leads", [LEAD, {**LEAD, "lead_id": 2, "phone_number": "9876543211"}])
        assert both.call("get_lead", 2) is None  # not processed yet
        mock.advance(60)
        assert (both.call("get_lead", 2).lead_id, both.call("get_lead", "u1").contact_name) == ("2", "Asha")
        assert both.call("get_lead", "u3") is None
        assert isinstance(failing(both, "get_lead", " "), errors.InvalidInputError)


def test_of_several_results_it_is_the_latest_and_of_no_other_lead(kind: str) -> None:
    later = {**PROCESSED, "processed_at": "2018-12-04T00:00:00+00:00", "lead_outcome": "Later"}
    odd = {**PROCESSED, "processed_at": None}
    results = [PROCESSED, later, odd, {**later, "lead_id": "u2", "processed_at": "2020-01-01T00:00:00+00:00"}]
    page = {"count": len(results), "next": None, "previous": None, "results": results}
    with acting_server(Reply(200, page)) as server, open_both(kind, server.url) as both:
        assert both.call("get_lead", "u1").lead_outcome == "Later"
    assert server.seen[0].target.endswith("?lead_id=u1")


def test_a_client_that_was_closed_refuses(kind: str) -> None:
    with acting_server(Reply(202)) as server:
        with open_both(kind, server.url) as both:
            campaign, other = both.client.campaign("c1"), both.client.with_options(max_attempts=1).campaign("c1")
            both.call("delete_lead", "u1")

        async def call(which: Any) -> None:
            await which.delete_lead("u1")

        for each in (campaign, other):
            with pytest.raises(errors.ConfigurationError, match="The client is closed"):
                anyio.run(call, each) if kind == "async" else each.delete_lead("u1")
        assert len(server.seen) == 1


def test_a_client_may_be_closed_twice() -> None:
    with SquadIQ(TOKEN, quota="memory") as client:
        client.close()

    async def twice() -> None:
        async with AsyncSquadIQ(TOKEN, quota="memory") as other:
            await other.close()

    anyio.run(twice)


def test_a_lead_is_described_on_request_and_people_only_if_asked_for() -> None:
    lead = ProcessedLead.model_validate(PROCESSED)
    assert describe(lead).splitlines() == [
        "lead_id               u1",
        "created_at            2018-12-03T14:36:01+00:00",
        "campaign_id           campaign-1",
        "latest_called_at      none",
        "lead_outcome          Connected : Objective Met",
        "processed_at          2018-12-03T14:37:54+00:00",
        "lead_responses",
        "  Which plan?: Lite",
        "  When?: none",
    ]
    assert {"phone_number", "contact_name", "latest_recording_url"} <= {
        line.partition(" ")[0] for line in describe(lead, personal=True).splitlines()
    }
    assert "Lite" not in repr(lead) + str(lead)


def test_custom_fields_are_described_without_what_a_terminal_would_obey() -> None:
    lead = Lead(lead_id="u1", phone_number="9876543210", contact_name="Asha", plan="\x1b[31mLite\n", empty={})
    assert describe(lead).splitlines() == [
        "lead_id       u1",
        "plan          \ufffd[31mLite\ufffd",
        "empty         none",
    ]
