"""A full run sends whatever the document allows, and never anything to somebody else."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from contract_tests.faults import FAULTS, Planted
from contract_tests.targets import FaultyMock, sound
from squadiq.auth import AccessToken
from squadiq.cli.interrupts import interruptions
from squadiq.contract.disposable import NOBODYS_NUMBERS
from squadiq.contract.full import DEEP, SHORT, Effort, FullRun, FullSettings, full_plan, run_full
from squadiq.contract.model import last_digits
from squadiq.contract.probes import form_of_errors, form_of_time
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Rule
from squadiq.errors import ConfigurationError
from squadiq.mock.messages import MockRequest
from squadiq.mock.server import running_mock
from squadiq.mock.settings import MockSettings
from tests.contract.recording import CAMPAIGN, TOKEN
from tests.servers import ActingServer, Action, Handler, Reply, Reset, Seen, Stall, acting_server

LITTLE = Effort(sequence_seeds=(1,), sequences=2, schemathesis_seeds=())
LISTED: dict[str, Any] = {
    "lead_id": "u1",
    "phone_number": "+912200000001",
    "contact_name": "Contract Test",
    "created_at": 1,
    "campaign_id": CAMPAIGN,
    "latest_recording_url": None,
    "latest_called_at": None,
    "lead_outcome": "Not Connected",
    "processed_at": "1970-01-01T00:00:02",
    "lead_responses": {},
}
EXAMPLES = Effort(
    sequence_seeds=(1,), sequences=1, schemathesis_seeds=(1,), examples=1, phases=("examples", "coverage")
)


@contextmanager
def recorded() -> Generator[ActingServer]:
    """Serve a mock that keeps every request."""
    mock = FaultyMock(sound, MockSettings(tokens=(TOKEN,), rate=0, process_after_seconds=3600))
    with acting_server(lambda seen: answer_of(mock, seen)) as server:
        yield server
    mock.close()


def faulty(planted: Planted) -> Handler:
    """Return what a mock with a planted fault answers."""
    mock = FaultyMock(planted.plant, MockSettings(tokens=(TOKEN,), rate=0, process_after_seconds=3600))
    return lambda seen: answer_of(mock, seen)


def answer_of(mock: FaultyMock, seen: Seen) -> Action:
    path, _, query = seen.target.partition("?")
    response = mock.respond(MockRequest(seen.method, path, query, seen.headers, seen.body, "http://127.0.0.1"))
    return Reply(response.status, response.body, dict(response.headers))


def stop_after_first(outcome: CaseResult) -> None:
    raise KeyboardInterrupt


def settings(url: str, token: str = TOKEN, **options: Any) -> FullSettings:
    given: dict[str, Any] = {
        "base_url": httpx.URL(url),
        "campaign_id": CAMPAIGN,
        "token": AccessToken(token),
        "hits_per_minute": 0,
        "effort": LITTLE,
    }
    return FullSettings(**{**given, **options})


def found(run: FullRun) -> list[str]:
    return [f"{each.case}: {each.finding}" for each in run.findings]


def open_cases(run: FullRun) -> set[str]:
    return {each.case for each in run.outcomes if each.inconclusive}


def test_a_mock_on_a_port_holds_everything_and_says_how_it_reads() -> None:
    heard: list[CaseResult] = []
    with running_mock(rate=0, process_after_seconds=3600) as mock:
        given = settings(mock.url, mock.token, control_url=httpx.URL(mock.url))
        run = run_full(given, heard.append)
    assert (found(run), run.stopped, run.outcomes) == ([], "", heard)
    assert len(run.outcomes) == given.steps
    assert open_cases(run) == {
        "a_lead_is_listed_in_its_own_campaign_only",
        "the_hit_after_the_quota_is_429_until_the_time_it_names",
    }
    assert "This server: a repeated lead_id is refused" in run.readings
    assert any(each.startswith("This server: a lead is processed within ") for each in run.readings)
    assert run.hits > 200


@pytest.mark.parametrize("effort", [EXAMPLES, pytest.param(SHORT, marks=pytest.mark.soak)], ids=["little", "whole"])
def test_nothing_goes_to_another_campaign_or_to_a_phone_number_that_somebody_has(effort: Effort) -> None:
    with recorded() as server:
        run = run_full(settings(server.url, control_url=httpx.URL(server.url), effort=effort))
        seen = server.seen
    assert (found(run), run.stopped) == ([], "")
    assert not [each for each in open_cases(run) if each.startswith("schemathesis")]
    assert len(seen) > 200
    ours = {last_digits(number) for number in NOBODYS_NUMBERS}
    for each in seen:
        path = each.target.partition("?")[0]
        assert path.startswith("/_mock/") or path.split("/")[-2] == CAMPAIGN, path
        assert each.headers["host"] == server.url.removeprefix("http://")
        for number in numbers_in(each.body):
            assert len(digits := last_digits(number)) < 10 or digits in ours | {"0" * 10}
    control = {each.target.split("/")[2] for each in seen if each.target.startswith("/_mock/")}
    assert control == {"advance", "campaigns"}


def numbers_in(body: bytes) -> list[str]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return [body.decode("latin-1")]
    leads: list[Any] = read if isinstance(read, list) else [read]  # pyright: ignore[reportUnknownVariableType]
    objects = [cast(dict[str, Any], lead) for lead in leads if type(lead) is dict]
    return [str(lead["phone_number"]) for lead in objects if "phone_number" in lead]


def test_what_takes_time_or_a_look_into_the_server_stays_open_without_them() -> None:
    with running_mock(rate=0, process_after_seconds=3600) as mock:
        run = run_full(settings(mock.url, mock.token))
    assert (found(run), run.stopped) == ([], "")
    assert {"a_lead_keeps_its_fields", "a_disabled_lead_is_never_processed", "learn_times"} <= open_cases(run)
    told = [each.inconclusive for each in run.outcomes if each.case == "a_lead_keeps_its_fields"]
    assert told == ["it takes a look into the server (--control)"]


def test_a_command_of_the_user_lets_time_pass(tmp_path: Path) -> None:
    hook = tmp_path / "hook.py"
    with running_mock(rate=0, process_after_seconds=3600) as mock:
        hook.write_text(
            f"import urllib.request as r\nr.urlopen(r.Request('{mock.url}/_mock/advance', b'{{\"seconds\": 7200}}'))"
        )
        run = run_full(settings(mock.url, mock.token, process_hook=f"{sys.executable} {hook}"))
    assert (found(run), run.stopped) == ([], "")
    assert "a_disabled_lead_is_never_processed" not in open_cases(run)
    assert "a_lead_keeps_its_fields" in open_cases(run)


@pytest.mark.parametrize(
    ("hook", "why"),
    [("/nowhere/at-all", "cannot be run (FileNotFoundError)"), ("false", "ended with 1"), ("'", "ValueError")],
)
def test_a_hook_that_fails_ends_the_run(hook: str, why: str) -> None:
    with running_mock(rate=0) as mock:
        run = run_full(settings(mock.url, mock.token, process_hook=hook))
    assert why in run.stopped
    assert run.findings == []


def test_a_429_is_waited_for_as_long_as_the_server_asks() -> None:
    waited: list[float] = []
    with running_mock(rate=50, process_after_seconds=3600) as mock:

        def sleep(seconds: float) -> None:
            mock.advance(seconds + 1)

        run = run_full(settings(mock.url, mock.token, on_wait=waited.append, sleep=sleep))
    assert (found(run), run.stopped) == ([], "")
    assert run.waited == sum(waited) > 60


def test_a_server_that_answers_429_for_ever_ends_the_run() -> None:
    with acting_server(Reply(429, {"detail": "No."}, {"Retry-After": "1"})) as server:
        run = run_full(settings(server.url, sleep=float))
    assert run.stopped == "the server answers 429 again and again: give --hits-per-minute"
    assert run.waited == 6


def test_a_pace_is_kept_and_the_quota_is_looked_at_where_it_is_the_documents() -> None:
    slept: list[float] = []
    at = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        at[0] += seconds
        mock.advance(seconds)

    with running_mock(rate=100, process_after_seconds=3600) as mock:
        options: dict[str, Any] = {"sleep": sleep, "now": lambda: at[0], "control_url": httpx.URL(mock.url)}
        run = run_full(settings(mock.url, mock.token, hits_per_minute=100, **options))
    assert (found(run), run.stopped) == ([], "")
    assert open_cases(run) == {"a_lead_is_listed_in_its_own_campaign_only"}
    assert sum(slept) >= 60


def test_a_server_that_takes_none_of_the_phone_numbers_ends_the_run_and_says_what_to_do() -> None:
    with recorded() as server:
        before = server.handler

        def refuse(seen: Seen) -> Action:
            return Reply(400, {"detail": "No."}) if "/create/" in seen.target else before(seen)

        server.handler = refuse
        run = run_full(settings(server.url))
    assert run.stopped == "the server refuses a phone number of this run: give others with --phone-number"


def test_a_server_that_never_processes_ends_the_run() -> None:
    with recorded() as server:
        before = server.handler

        def stand_still(seen: Seen) -> Action:
            return Reply(200, {"now": ""}) if seen.target == "/_mock/advance" else before(seen)

        server.handler = stand_still
        run = run_full(settings(server.url, control_url=httpx.URL(server.url)))
    assert run.stopped == "the server processes no lead, however much time passes"


@pytest.mark.parametrize(("answer", "why"), [(Reply(404), "answered 404: is it a mock?"), (None, "ConnectError")])
def test_control_endpoints_that_are_none_end_the_run(answer: Reply | None, why: str) -> None:
    with recorded() as server, acting_server(answer or Reply()) as other:
        url = other.url if answer else "http://127.0.0.1:9"
        run = run_full(settings(server.url, control_url=httpx.URL(url)))
    assert why in run.stopped


def test_an_interruption_tells_what_is_known() -> None:
    def interrupt(outcome: CaseResult) -> None:
        if outcome.case == "learn_repeats":
            raise KeyboardInterrupt

    with running_mock(rate=0) as mock:
        run = run_full(settings(mock.url, mock.token), interrupt)
    assert (run.stopped, len(run.outcomes)) == ("it was interrupted", 5)
    assert run.readings


# After Ctrl-C `subprocess.run` kills its process and does not wait for it, so Python warns of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for one thread")
def test_an_interruption_in_the_midst_of_schemathesis_says_which_seed_is_not_known() -> None:
    main = threading.main_thread().ident

    def interrupt(seen: Seen) -> Action:
        if "schemathesis" not in seen.headers.get("user-agent", ""):
            return answer_of(mock, seen)
        assert main
        signal.pthread_kill(main, signal.SIGINT)
        return Stall()

    effort = Effort(sequence_seeds=(), sequences=0, schemathesis_seeds=(7,), examples=1)
    mock = FaultyMock(sound, MockSettings(tokens=(TOKEN,), rate=0, process_after_seconds=3600))
    with interruptions(), acting_server(interrupt) as server:
        run = run_full(settings(server.url, effort=effort))
    mock.close()
    assert (run.stopped, found(run), run.outcomes[-1].case) == (
        "it was interrupted",
        [],
        "schemathesis with seed 7",
    )
    assert "with this seed is not known" in run.outcomes[-1].inconclusive


def test_one_403_among_401_is_no_reading_but_a_fault() -> None:
    planted = FAULTS["a missing token is 403"]
    with recorded() as server:
        server.handler = faulty(planted)
        run = run_full(settings(server.url))
    assert {each.finding.rule for each in run.findings if each.finding} == {planted.rule}


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ([{}, {"contact_name": ["?"]}], "a list, an entry for each lead"),
        ({"1": {"contact_name": ["?"]}}, "an object by index"),
        ({"contact_name": ["?"]}, "an object"),
    ],
)
def test_the_form_of_errors_is_told(body: Any, form: str) -> None:
    assert form_of_errors(body) == form


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, "null"),
        (1704067200, "as seconds"),
        ("2024-01-01T00:00:00z", "with an offset"),
        ("2024-01-01T00:00:00-05:30", "with an offset"),
        ("2024-01-01T00:00:00", "without an offset"),
    ],
)
def test_the_form_of_a_time_is_told(value: Any, form: str) -> None:
    assert form_of_time(value) == form


def test_what_is_wrong_is_found_for_its_own_reason() -> None:
    planted = FAULTS["delete of an unknown lead is 202"]
    with recorded() as server:
        server.handler = faulty(planted)
        effort = Effort(sequence_seeds=(1,), sequences=40, schemathesis_seeds=())
        run = run_full(settings(server.url, control_url=httpx.URL(server.url), effort=effort))
    rules = {each.finding.rule for each in run.findings if each.finding}
    assert planted.rule in rules
    assert rules <= {planted.rule} | planted.drags
    assert run.findings[-1].case == "random sequences with seed 1"


def test_a_server_that_deletes_nothing_is_not_emptied_for_ever() -> None:
    page: dict[str, Any] = {"count": 1, "next": None, "previous": None, "results": [LISTED] * 600}

    def respond(seen: Seen) -> Action:
        return Reply(202, {}) if "/delete/" in seen.target else Reply(200, page)

    with acting_server(respond) as server:
        run = run_full(settings(server.url), stop_after_first)
    assert run.hits == 1202


def test_a_request_without_a_response_is_a_finding_and_many_end_the_run() -> None:
    """As of a server that never answers a body that is no JSON."""
    listing = Reply(200, {"count": 0, "next": None, "previous": None, "results": []})
    with acting_server(lambda seen: listing if seen.method == "GET" else Reset()) as server:
        run = run_full(settings(server.url))
    silent = [each for each in run.findings if each.finding and "there is no response" in each.finding.observed]
    assert {each.finding.rule for each in silent if each.finding} == {Rule.NO_SERVER_ERROR}
    assert len(silent) == 4
    assert all(each.hit is not None and each.hit.status == 0 for each in silent)
    assert run.stopped.startswith("there is no response (")
    with acting_server(Reset()) as server:
        assert run_full(settings(server.url)).findings == []


def test_a_server_that_cannot_be_reached_ends_the_run() -> None:
    run = run_full(settings("http://127.0.0.1:9"))
    assert (run.stopped, run.began) == ("there is no response (ConnectError): check --target", False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hits_per_minute": -1}, "hits_per_minute"),
        ({"campaign_id": "no campaign"}, "campaign"),
        ({"phone_numbers": ["12345"]}, "the 1. one"),
        ({"control_url": httpx.URL("http://127.0.0.1:9"), "process_hook": "true"}, "either"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings("http://127.0.0.1:9", **options)


def test_the_plan_says_how_long_it_takes_and_whose_numbers_are_used() -> None:
    text = "\n".join(full_plan(settings("http://127.0.0.1:9", hits_per_minute=100, effort=SHORT)))
    assert "100 in a minute: 33 minutes" in text
    assert "a range that nobody has" in text
    assert "--control or --process-hook" in text
    text = "\n".join(full_plan(settings("http://127.0.0.1:9", phone_numbers=["9812345678"], process_hook="true")))
    assert "the 1 given" in text
    assert "9812345678" not in text
    assert "no limit known" in text
    assert DEEP.hits > 10 * SHORT.hits
