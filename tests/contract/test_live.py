"""A live run sends only what it may, no more and no faster than it may, and leaves nothing behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from contract_tests.faults import FAULTS
from squadiq import phone
from squadiq.auth import AccessToken
from squadiq.contract.bodies import leads_of
from squadiq.contract.ledger import LeadLedger, LedgerHeader
from squadiq.contract.live import InterruptedRun, LiveSettings, clean_up, live_settings_url, plan, run_live
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Rule
from squadiq.errors import ConfigurationError
from squadiq.mock.server import bound_socket
from squadiq.quota import MemoryStore
from tests.contract.recording import CAMPAIGN, DOCUMENT, PHONE_NUMBER, TOKEN, recording
from tests.servers import Action, Reply, Reset, Seen

PREFIX = "squadiq-contract-"


def test_only_documented_authenticated_gets_arrive(tmp_path: Path) -> None:
    with recording() as server:
        done = run_live(server.settings(tmp_path, max_hits=1000))
    assert done.stopped == ""
    assert done.findings == []
    assert len(server.seen) == done.hits > 40
    allowed = {"lead_id", "page", "page_size", "processed_after", "processed_before"}
    for seen in server.seen:
        parts = urlsplit(seen.target)
        assert (seen.method, parts.path, seen.body) == ("GET", f"/api/v4/leads/responses/{CAMPAIGN}/", b"")
        assert seen.headers["authorization"] == f"Bearer {TOKEN}"
        assert {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} <= allowed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("max_hits", [1, 7, 50])
def test_the_budget_is_never_exceeded(tmp_path: Path, max_hits: int) -> None:
    with recording() as server:
        done = run_live(server.settings(tmp_path, max_hits=max_hits))
    assert len(server.seen) == done.hits <= max_hits
    # Reads with random queries are as many as the budget leaves; only cases that it does not let run are missed.
    assert done.stopped == (f"the budget of {max_hits} hits is spent" if max_hits < 50 else "")


@pytest.mark.parametrize("others", [0, 90])
def test_the_share_of_the_quota_and_the_whole_are_never_exceeded(tmp_path: Path, others: int) -> None:
    with recording() as server:
        shared = MemoryStore(100, 60.0, now=server.time.now)
        for _ in range(others):
            shared.completed(shared.reserve(1.0))
        run_live(server.settings(tmp_path, max_hits=200, quota=shared))
    for arrival in server.arrivals:
        within = [each for each in server.arrivals if arrival <= each < arrival + 60]
        assert len(within) <= 30
        assert len(within) <= 100 - (others if arrival < 60 else 0)


def test_findings_are_kept_with_their_hits_and_the_run_goes_on(tmp_path: Path) -> None:
    with recording(FAULTS["the time filters are ignored"].plant) as server:
        outcomes: list[CaseResult] = []
        done = run_live(server.settings(tmp_path, max_hits=100), outcomes.append)
    assert outcomes == done.outcomes
    assert {each.finding.rule for each in done.findings if each.finding} == {Rule.TIME_FILTER, Rule.INVALID}
    assert all(each.hit is not None for each in done.findings)


def test_a_random_read_finds_what_the_examples_do_not(tmp_path: Path) -> None:
    def late(seen: Seen) -> Action | None:
        return Reply(418) if "page_size=" in seen.target and "page_size=1" not in seen.target else None

    with recording(interfere=late) as server:
        done = run_live(server.settings(tmp_path, max_hits=100))
    found = [each.case for each in done.findings]
    assert any(name.startswith("a_random_read_with_") for name in found)


def test_an_empty_campaign_is_inconclusive_and_no_finding(tmp_path: Path) -> None:
    with recording(leads=0) as server:
        done = run_live(server.settings(tmp_path))
    assert done.findings == []
    assert {each.inconclusive for each in done.outcomes} == {"", "no lead of the campaign is processed yet"}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Reply(401, {"detail": "x"}, {"WWW-Authenticate": "Bearer"}), "401: check the access token"),
        (Reply(429, {"detail": "x"}, {"Retry-After": "9"}), "somebody else spends the same quota"),
        (Reset(), "there is no response"),
    ],
)
def test_a_service_that_says_no_is_left_alone(tmp_path: Path, action: Action, message: str) -> None:
    with recording(interfere=lambda seen: action) as server:
        done = run_live(server.settings(tmp_path))
    assert len(server.seen) == 1
    assert message in done.stopped


def test_a_run_that_writes_touches_only_its_own_leads_and_deletes_them(tmp_path: Path) -> None:
    with recording() as server:
        before = server.mock.counts(CAMPAIGN)
        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300))
        assert (done.stopped, done.findings, done.left_behind) == ("", [], 0)
        assert server.mock.counts(CAMPAIGN) == before
    written = [seen for seen in server.seen if seen.method != "GET"]
    assert {urlsplit(seen.target).path.split("/")[4] for seen in written} == {
        "create",
        "convert",
        "delete",
        "disable",
        "update",
    }
    for place, seen in enumerate(server.seen):
        if seen.method == "GET":
            continue
        body: Any = seen.json
        leads: list[dict[str, Any]] = body if isinstance(body, list) else [body]  # pyright: ignore[reportUnknownVariableType]
        assert all(str(lead["lead_id"]).startswith(PREFIX) for lead in leads)
        assert {lead.get("phone_number", PHONE_NUMBER) for lead in leads} == {PHONE_NUMBER}
        if "/create/" in seen.target:
            assert "/disable/" in server.seen[place + 1].target, "a created lead is not disabled at once"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["create is 200", "disable stops nothing", "a refusal is 422"])
def test_a_lead_is_disabled_whatever_a_broken_service_answers_to_its_create(tmp_path: Path, fault: str) -> None:
    with recording(FAULTS[fault].plant) as server:
        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300))
    assert done.left_behind == 0
    for place, seen in enumerate(server.seen):
        if "/create/" in seen.target:
            assert "/disable/" in server.seen[place + 1].target


def test_a_broken_response_to_a_disable_stops_no_other_disable(tmp_path: Path) -> None:
    def odd(seen: Seen) -> Action | None:
        return Reply(418) if "/disable/" in seen.target else None

    with recording(interfere=odd) as server:
        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300))
    assert done.left_behind == 0
    assert [each.case for each in done.findings] == ["leads_are_disabled_in_a_list_or_alone"]


@pytest.mark.parametrize("max_hits", range(26, 60, 8))
def test_the_hits_that_cleaning_up_takes_are_kept_back(tmp_path: Path, max_hits: int) -> None:
    with recording() as server:
        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=max_hits))
        assert done.left_behind == 0
        assert server.mock.counts(CAMPAIGN)["created"] == 5
    assert len(server.seen) <= max_hits


@pytest.mark.parametrize("share", [2, 3, 5])
@pytest.mark.parametrize("others", [0, 97])
def test_a_created_lead_is_disabled_without_waiting_however_small_the_share_is(
    tmp_path: Path, share: int, others: int
) -> None:
    with recording() as server:
        shared = MemoryStore(100, 60.0, now=server.time.now)
        for _ in range(others):
            shared.completed(shared.reserve(1.0))
        options = {"phone_numbers": [PHONE_NUMBER], "max_hits": 300, "hits_per_minute": share, "quota": shared}
        done = run_live(server.settings(tmp_path, **options))
        assert (done.stopped, done.findings, done.left_behind) == ("", [], 0)
        assert server.mock.counts(CAMPAIGN)["created"] == 5
    creates = [place for place, seen in enumerate(server.seen) if "/create/" in seen.target]
    assert creates
    for place in creates:
        number = len(leads_of(server.seen[place].body) or [])
        assert number < share
        assert "/disable/" in server.seen[place + 1].target
        assert server.arrivals[place + 1] == server.arrivals[place]
    for arrival in server.arrivals:
        assert len([each for each in server.arrivals if arrival <= each < arrival + 60]) <= share
    too_many = {int(each.inconclusive.split()[0]) for each in done.outcomes if each.inconclusive}
    assert too_many == {number for number in (2, 3) if number + 1 > share}


def test_a_create_that_is_not_answered_is_deleted_with_the_hit_that_was_kept_for_it(tmp_path: Path) -> None:
    def late(seen: Seen) -> Action | None:
        return Reset() if "/create/" in seen.target else None

    with recording(interfere=late) as server:
        options = {"phone_numbers": [PHONE_NUMBER], "max_hits": 300, "hits_per_minute": 4}
        done = run_live(server.settings(tmp_path, **options))
        assert "there is no response" in done.stopped
        assert server.arrivals[-1] == server.arrivals[-3], "two leads are looked for at once"
        assert [seen.target.split("/")[4] for seen in server.seen[-3:]] == ["create", "delete", "delete"]
        # What had no response may be on its way still: that it is not found now proves nothing.
        assert done.left_behind == 2
        (path,) = tmp_path.iterdir()
        assert clean_up(server.settings(tmp_path), LeadLedger(path)) == 0


def test_a_quota_that_stays_spent_ends_the_run_and_is_named(tmp_path: Path) -> None:
    with recording() as server:
        shared = MemoryStore(100, 60.0, now=server.time.now)
        for _ in range(100):
            shared.reserve(100_000.0)
        done = run_live(server.settings(tmp_path, quota=shared))
    assert server.seen == []
    assert done.stopped == "no hits of the quota were free in time"


def test_a_ledger_that_cannot_be_written_any_more_keeps_leads_from_being_created(tmp_path: Path) -> None:
    with recording() as server:

        def lose(outcome: CaseResult) -> None:
            for path in tmp_path.iterdir():
                path.unlink()

        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300), lose)
    assert "the ledger cannot be written" in done.stopped
    assert not [seen for seen in server.seen if "/create/" in seen.target]


def test_a_quota_that_cannot_be_reached_ends_the_run_and_is_named(tmp_path: Path) -> None:
    with bound_socket("127.0.0.1", 0) as closed, recording() as server:
        port = closed.getsockname()[1]
        closed.close()
        done = run_live(server.settings(tmp_path, quota=f"redis://127.0.0.1:{port}/0"))
    assert server.seen == []
    assert "The quota's server" in done.stopped


def test_without_the_package_for_phone_numbers_the_document_alone_judges_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    monkeypatch.setattr("squadiq.phone._known_mobiles", phone._known_mobiles.__wrapped__)  # pyright: ignore[reportPrivateUsage]
    with recording() as server:
        assert server.settings(tmp_path, phone_numbers=[PHONE_NUMBER]).phone_numbers == [PHONE_NUMBER]
        with pytest.raises(ConfigurationError, match=r"the 1\. one is not a phone number") as refused:
            server.settings(tmp_path, phone_numbers=["12"])
    assert "12" not in str(refused.value)


def test_a_line_that_the_disk_takes_in_part_is_taken_back(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "run.jsonl"
    ledger = LeadLedger(path, LedgerHeader("https://api.test", "c1", PREFIX))
    ledger.creating([f"{PREFIX}1"])
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, limits[1]))
    try:
        with pytest.raises(OSError, match="No space"):
            ledger.creating([f"{PREFIX}2"])
        assert path.read_bytes() == before
        ledger.deleted(f"{PREFIX}1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert not ledger.pending


def test_a_ledger_that_cannot_be_made_is_an_error_before_the_first_hit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with recording() as server:
        settings = server.settings(tmp_path / "file" / "ledgers", phone_numbers=[PHONE_NUMBER])
        with pytest.raises(ConfigurationError, match="Without one no lead is created"):
            run_live(settings)
    assert server.seen == []


def test_a_new_run_never_writes_into_the_ledger_of_another(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    LeadLedger(path, LedgerHeader("https://api.test", "c1", PREFIX)).creating(["a"])
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        LeadLedger(path, LedgerHeader("https://api.test", "c1", PREFIX))
    assert path.read_bytes() == before


def test_an_interrupted_run_cleans_up(tmp_path: Path) -> None:
    def interrupt(outcome: CaseResult) -> None:
        if outcome.case.startswith("leads_are_created"):
            raise KeyboardInterrupt

    with recording() as server:
        with pytest.raises(InterruptedRun) as interrupted:
            run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300), interrupt)
        assert (interrupted.value.run.left_behind, interrupted.value.run.stopped) == (0, "it was interrupted")
        assert server.mock.counts(CAMPAIGN)["created"] == 5


@pytest.mark.parametrize("response", [Reset(), Reply(500)])
def test_leads_that_could_not_be_deleted_are_counted_and_deleted_later(tmp_path: Path, response: Action) -> None:
    def gone(_: Seen) -> Action:
        return Reply(202)

    with recording(interfere=lambda seen: response if "/delete/" in seen.target else None) as server:
        done = run_live(server.settings(tmp_path, phone_numbers=[PHONE_NUMBER], max_hits=300))
        assert done.left_behind > 0
        (path,) = tmp_path.iterdir()
        text = path.read_text()
        assert PHONE_NUMBER not in text
        assert TOKEN not in text
        left = server.mock.counts(CAMPAIGN)
        assert left["created"] > 5
        assert left["disabled"] == left["created"] - 5
        server.server.handler = gone
        assert clean_up(server.settings(tmp_path), LeadLedger(path)) == 0
    assert not path.exists()


def test_a_ledger_of_another_campaign_is_refused(tmp_path: Path) -> None:
    with recording() as server:
        ledger = LeadLedger(tmp_path / "x.jsonl", LedgerHeader(server.url, "other", PREFIX))
        with pytest.raises(ConfigurationError, match="of campaign other"):
            clean_up(server.settings(tmp_path), ledger)
    assert server.seen == []


def test_the_plan_says_what_will_and_what_will_never_be_sent() -> None:
    token, url = AccessToken(TOKEN), httpx.URL("https://api.test")
    reads = LiveSettings(base_url=url, campaign_id="c1", token=token, spec=DOCUMENT)
    text = "\n".join(plan(reads))
    assert "Operations: getLeads\n" in text
    assert "Hits at most: 50, 30 in a minute (of 100" in text
    assert "Minutes at most: 2," in text
    assert "Never sent: POST, PATCH" in text
    writes = LiveSettings(
        base_url=url, campaign_id="c1", token=token, spec=DOCUMENT, phone_numbers=[PHONE_NUMBER], max_hits=999
    )
    text = "\n".join(plan(writes))
    assert "createLeads" in text
    assert "another phone number" in text
    assert PHONE_NUMBER not in text + repr(writes)
    assert TOKEN not in text + repr(writes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_hits": 0}, "max_hits"),
        ({"hits_per_minute": 0}, "hits_per_minute"),
        ({"hits_per_minute": 101}, "hits_per_minute"),
        ({"campaign_id": "a/../b"}, "campaign"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LiveSettings(
            **{  # type: ignore[arg-type]
                "base_url": httpx.URL("https://api.test"),
                "campaign_id": "c1",
                "token": AccessToken(TOKEN),
                "spec": DOCUMENT,
                **options,
            }
        )


@pytest.mark.parametrize(
    ("hits", "of_seconds", "most"), [("300", "60", 300), ("10", "1", 600), ("33", "60", 100), ("150", "90", 100)]
)
def test_a_raised_limit_is_taken_as_the_environment_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hits: str, of_seconds: str, most: int
) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_HITS", hits)
    monkeypatch.setenv("SQUADIQ_QUOTA_WINDOW_SECONDS", of_seconds)
    with recording(leads=0) as server:
        settings = server.settings(tmp_path, hits_per_minute=most)
        assert f"{most} in a minute (of {most} that the business has)" in "\n".join(plan(settings))
        with pytest.raises(ConfigurationError, match=f"give 1 to {most}, or set SQUADIQ_QUOTA_HITS"):
            server.settings(tmp_path, hits_per_minute=most + 1)


def test_the_token_never_goes_out_in_the_clear() -> None:
    with pytest.raises(ConfigurationError, match="in the clear"):
        live_settings_url("http://api.test")


def test_a_ledger_survives_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    ledger = LeadLedger(path, LedgerHeader("https://api.test", "c1", PREFIX))
    ledger.creating(["a", "b"])
    ledger.deleted("a")
    ledger.deleted("never created")
    with path.open("ab") as file:
        file.write(json.dumps({"created": ["c"]}).encode()[:-3])
    assert list(LeadLedger(path).pending) == ["b"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"nonsense\n", b"[1]\n"])
def test_what_is_no_ledger_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="no ledger"):
        LeadLedger(path)
