"""A server that was written from the API documentation, and not from our mock: the client and a full run on it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from squadiq import ForbiddenError, SquadIQ
from squadiq.auth import AccessToken
from squadiq.contract.full import SHORT, Effort, FullRun, FullSettings, run_full
from squadiq.contract.live import LiveSettings, run_live
from squadiq.contract.rules import Rule
from squadiq.errors import NotFoundError, TooManyRequestsError
from squadiq.quota import MemoryStore
from tests.contract.django_server import TOKEN, DjangoServer, django_server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn is for POSIX")

LITTLE = Effort(sequence_seeds=(1,), sequences=5, schemathesis_seeds=())
PHONE_NUMBER = "9812345678"
BUGS = [
    ("views.py", "chosen.update(disabled=True)", "chosen.update(disabled=False)"),
    ("serializers.py", "detail = TextField(LINE, 32,", "detail = TextField(LINE, 33,"),
    ("views.py", '"processed_at__lte"', '"processed_at__lt"'),
]
CAUGHT = {Rule.DISABLES, Rule.DETAIL_LENGTH, Rule.TIME_EDGES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[DjangoServer]:
    with django_server(tmp_path_factory.mktemp("django")) as running:
        yield running


def whole_run(server: DjangoServer, campaign: str, effort: Effort) -> FullRun:
    return run_full(
        FullSettings(
            base_url=httpx.URL(server.url),
            campaign_id=campaign,
            token=AccessToken(TOKEN),
            hits_per_minute=0,
            process_hook=server.process_hook,
            effort=effort,
        )
    )


def client_of(server: DjangoServer, **options: Any) -> SquadIQ:
    given: dict[str, Any] = {"quota_hits": 1000, **options}
    return SquadIQ(TOKEN, base_url=server.url, quota="memory", **given)


def list_often(client: SquadIQ, times: int) -> None:
    for _ in range(times):
        assert list(client.campaign("c1").get_leads()) == []


@pytest.mark.parametrize("effort", [LITTLE, pytest.param(SHORT, marks=pytest.mark.soak)], ids=["little", "whole"])
def test_it_does_what_the_document_says_in_another_reading(server: DjangoServer, effort: Effort) -> None:
    run = whole_run(server, "contract", effort)
    assert ([str(each.finding) for each in run.findings], run.stopped) == ([], "")
    assert [each.removeprefix("This server: ") for each in run.readings] == [
        "a request without a good access token is answered with 403",
        "a repeated lead_id is replaced",
        "an unknown lead in a disable is left out",
        "page=0 is answered with 404",
        "what is wrong with a batch is told as an object by index",
        "times: created_at as seconds, latest_called_at without an offset, processed_at without an offset",
    ]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_no_seed_gives_a_false_alarm(server: DjangoServer, seed: int) -> None:
    run = whole_run(server, "contract", Effort(sequence_seeds=(seed,), sequences=20, schemathesis_seeds=(seed,)))
    assert ([str(each.finding) for each in run.findings], run.stopped) == ([], "")
    assert not [each for each in run.outcomes if each.inconclusive and each.case.startswith("schemathesis")]


@pytest.mark.soak
def test_a_live_run_gives_no_false_alarm_on_it(server: DjangoServer) -> None:
    with client_of(server) as client:
        lead_ids = [f"{number} a+b%2B" if number % 7 == 0 else f"lead-{number}" for number in range(250)]
        leads = [
            {"lead_id": lead_id, "phone_number": f"98123{number:05}", "contact_name": "Asha Rao"}
            for number, lead_id in enumerate(lead_ids)
        ]
        client.campaign("live").create_leads(leads)
    server.process()
    for seed in range(20):
        run = run_live(
            LiveSettings(
                base_url=httpx.URL(server.url),
                campaign_id="live",
                token=AccessToken(TOKEN),
                hits_per_minute=100,
                quota=MemoryStore(1000),
                seed=seed,
                sleep=lambda seconds: None,
                now=lambda: 0.0,
            )
        )
        assert ([str(each.finding) for each in run.findings], run.stopped) == ([], "")


def test_three_bugs_that_were_planted_are_found_and_nothing_else(tmp_path: Path) -> None:
    with django_server(tmp_path, bugs=BUGS) as server:
        run = whole_run(server, "contract", LITTLE)
    assert {each.finding.rule for each in run.findings if each.finding} == CAUGHT


def test_the_client_does_everything_on_it(server: DjangoServer) -> None:
    with client_of(server) as client:
        campaign = client.campaign("facade")
        lead: dict[str, Any] = {"phone_number": PHONE_NUMBER, "contact_name": "Asha Rao", "is_KYC": True}
        campaign.create_leads([{**lead, "lead_id": "a"}])
        others = [{**lead, "lead_id": each, "phone_number": f"981234567{number}"} for number, each in enumerate("bcde")]
        campaign.create_leads(others)
        campaign.update_lead("a", contact_name="आशा राव", product_plan="Full")
        campaign.convert_lead("a", detail="आ" * 32)
        campaign.disable_leads(["e", "unknown"])
        campaign.delete_lead("d")
        server.process()
        listed = list(campaign.get_leads(page_size=2))
        assert [each.lead_id for each in listed] == ["a", "b", "c"]
        assert listed[0].contact_name == "आशा राव"
        moment = listed[0].processed_at
        assert [each.lead_id for each in campaign.get_leads(lead_id="b", processed_after=moment)] == ["b"]
        assert list(campaign.get_leads(processed_before=1)) == []


def test_its_errors_are_the_clients_own(server: DjangoServer) -> None:
    with client_of(server) as client, pytest.raises(NotFoundError):
        client.campaign("errors").delete_lead("unknown")
    with SquadIQ("wrong", base_url=server.url, quota="memory") as client, pytest.raises(ForbiddenError):
        list(client.campaign("errors").get_leads())


def test_its_throttle_is_waited_for_and_the_quota_keeps_clear_of_it(tmp_path: Path) -> None:
    with django_server(tmp_path, rate="3/s") as server:
        with client_of(server, max_attempts=1, quota_hits=3, quota_window_seconds=1.0) as client:
            list_often(client, 4)
        with client_of(server) as client:
            list_often(client, 4)
        with client_of(server, max_attempts=1) as client, pytest.raises(TooManyRequestsError):
            list_often(client, 20)
