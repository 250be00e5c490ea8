"""An endpoint is held against the documentation: ours pass, and each planted fault is caught for its reason."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.contract import webhook
from squadiq.contract.report import as_text
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Finding, Rule
from squadiq.contract.webhook import Trial, is_on_this_machine, trials, try_endpoint
from squadiq.spec import Spec
from squadiq.webhooks import AsgiWebhook, Callers, DeliveredLead, HeaderSecret, WsgiWebhook
from tests.servers import Reply, Reset, Seen, acting_server, scripted
from tests.webhooks.serving import KINDS, serving

SECRET = ("X-Webhook-Secret", "s3cret-of-tests")
CALLERS = Callers(secrets=[HeaderSecret(*SECRET)])
Response = tuple[int, bytes]
Fault = Callable[[dict[str, Any], Callable[[], Response]], Response]


def found(outcomes: list[CaseResult]) -> list[str]:
    return [f"{each.case}: {each.finding.observed}" for each in outcomes if each.finding]


class Taken:
    """Takes every lead and keeps none."""

    def receive(self, lead: DeliveredLead) -> None:
        """Take it."""

    async def receive_async(self, lead: DeliveredLead) -> None:
        """Take it."""


@pytest.fixture(scope="module")
def planned() -> list[Trial]:
    return trials(Spec.installed(), [SECRET], seed=0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep hundreds of refusals out of the report of a failing test."""
    logging.getLogger("squadiq.webhooks").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("squadiq.webhooks").setLevel(logging.NOTSET)


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", KINDS)
def test_our_applications_pass(kind: str, planned: list[Trial]) -> None:
    webhook_app = {"asgi": AsgiWebhook, "wsgi": WsgiWebhook}[kind](Taken(), CALLERS)
    with serving(kind, webhook_app) as port:
        outcomes = try_endpoint(f"http://127.0.0.1:{port}/", planned)
    assert found(outcomes) == []
    assert min(Counter(each.rule for each in outcomes).values()) >= 3
    assert all(line.startswith("  ok ") for line in as_text(outcomes))


def faulty(fault: Fault) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Return our WSGI application with one thing wrong."""
    right = WsgiWebhook(Taken(), CALLERS)

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))

        def response(**changed: Any) -> Response:
            from io import BytesIO

            given = right.respond({**environ, "wsgi.input": BytesIO(body), **changed})
            return given.status, given.body

        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            payload = None
        seen: dict[str, Any] = {
            "body": body,
            "payload": payload if isinstance(payload, dict) else {},
            "again": response,
        }
        status, content = fault(seen, response)
        start_response(f"{status} Said", [("Content-Length", str(len(content)))])
        return [content]

    return respond


def a_null_recording_makes_it_fail(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (
        (500, b"")
        if "latest_recording_url" in seen["payload"] and not seen["payload"]["latest_recording_url"]
        else right()
    )


def garbage_is_taken_with_200(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (200, b"") if right()[0] == 400 else right()


def credentials_are_ignored(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    header = "HTTP_" + SECRET[0].upper().replace("-", "_")
    response: Response = seen["again"](**{header: SECRET[1]})
    return response


def credentials_are_compared_by_their_beginning(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    status, body = right()
    return (
        (201, b"{}")
        if status == 403 and seen.get("header", True) and b"contract-caller-3" in seen["body"]
        else (
            status,
            body,
        )
    )


def wrong_credentials_are_answered_with_401(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    status, body = right()
    return (401, b"") if status == 403 else (status, body)


def everything_is_answered_with_200(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    status, body = right()
    return (200, body) if status == 201 else (status, body)


def an_epoch_number_is_refused(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (400, b"") if isinstance(seen["payload"].get("created_at"), int) else right()


def a_number_as_lead_id_is_refused(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (400, b"") if isinstance(seen["payload"].get("lead_id"), int) else right()


def a_field_it_does_not_know_is_refused(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (400, b"") if "product_plan" in seen["payload"] else right()


def a_time_without_an_offset_makes_it_fail(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (500, b"") if str(seen["payload"].get("processed_at")) == "2018-12-03T14:37:54" else right()


def a_missing_outcome_is_taken(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (201, b"") if seen["payload"] and "lead_outcome" not in seen["payload"] else right()


def broken_json_makes_it_fail(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (500, b"") if right()[0] == 400 and not seen["payload"] else right()


def deep_nesting_makes_it_fail(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
    return (500, b"") if b"[" * 1000 in seen["body"] else right()


def repeats_are_conflicts() -> Fault:
    seen_bodies: set[bytes] = set()

    def fault(seen: dict[str, Any], right: Callable[[], Response]) -> Response:
        status, body = right()
        if status == 201 and seen["body"] in seen_bodies:
            return 409, b""
        seen_bodies.add(seen["body"])
        return status, body

    return fault


RULES = Rule


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("fault", "rules", "observed"),
    [
        (a_null_recording_makes_it_fail, {RULES.NEVER_FAILS}, "no recording: answered with 500"),
        (
            garbage_is_taken_with_200,
            {RULES.REFUSES_INVALID, RULES.NEVER_FAILS},
            "half of a delivery: answered with 200",
        ),
        (credentials_are_ignored, {RULES.REFUSES_CALLERS}, "without credentials: answered with 201"),
        (credentials_are_compared_by_their_beginning, {RULES.REFUSES_CALLERS}, "cut short: answered with 201"),
        (wrong_credentials_are_answered_with_401, {RULES.REFUSES_CALLERS}, "without credentials: answered with 401"),
        (
            everything_is_answered_with_200,
            {RULES.TAKES_VALID, RULES.TAKES_REPEATS, RULES.NEVER_FAILS},
            "answered with 200",
        ),
        (
            an_epoch_number_is_refused,
            {RULES.TAKES_VALID, RULES.TAKES_REPEATS},
            "as an epoch number: answered with 400",
        ),
        (a_number_as_lead_id_is_refused, {RULES.TAKES_VALID}, "a lead_id that is a number: answered with 400"),
        (
            a_field_it_does_not_know_is_refused,
            {RULES.TAKES_VALID},
            "the document does not name: answered with 400",
        ),
        (a_time_without_an_offset_makes_it_fail, {RULES.NEVER_FAILS}, "a time without an offset: answered with 500"),
        (a_missing_outcome_is_taken, {RULES.REFUSES_INVALID}, "lead_outcome is missing: answered with 201"),
        (broken_json_makes_it_fail, {RULES.NEVER_FAILS}, "an empty body: answered with 500"),
        (deep_nesting_makes_it_fail, {RULES.NEVER_FAILS}, "lists nested 100,000 deep: answered with 500"),
        (repeats_are_conflicts(), {RULES.TAKES_REPEATS}, "repeated: the example of the document: answered with 409"),
    ],
)
def test_a_planted_fault_is_caught_for_its_own_reason(
    fault: Fault, rules: set[Rule], observed: str, planned: list[Trial]
) -> None:
    with serving("wsgi", faulty(fault)) as port:
        outcomes = try_endpoint(f"http://127.0.0.1:{port}/", planned)
    assert found(outcomes), "not caught"
    assert {each.finding.rule for each in outcomes if each.finding} <= rules
    assert any(line.endswith(observed) for line in found(outcomes))
    assert "WRONG" in "\n".join(as_text(outcomes))


def test_the_copy_without_a_fault_passes(planned: list[Trial]) -> None:
    with serving("wsgi", faulty(lambda seen, right: right())) as port:
        assert found(try_endpoint(f"http://127.0.0.1:{port}/", planned)) == []


@pytest.mark.usefixtures("few")
def test_the_same_seed_sends_the_same_and_another_sends_others() -> None:
    def bodies(seed: int) -> list[bytes]:
        planned = trials(Spec.installed(), [], seed=seed)
        return [trial.delivery.body for trial in planned]

    assert bodies(1) == bodies(1) != bodies(2)


def test_an_endpoint_that_hangs_up_is_reported_by_the_kind_of_error(planned: list[Trial]) -> None:
    with acting_server(scripted(Reset(), then=Reply(201))) as server:
        outcomes = try_endpoint(f"{server.url}/s3cret", planned[:2])
    (outcome,) = [each for each in outcomes if each.finding]
    assert outcome.case == planned[0].delivery.description
    assert outcome.finding in [Finding(Rule.NEVER_FAILS, name) for name in ("ReadError", "RemoteProtocolError")]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/a", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("http://192.0.2.1/", False),
        ("https://localhost.you.example/", False),
        ("/a", False),
    ],
)
def test_only_this_machine_is_tried_without_asking(url: str, local: bool) -> None:
    assert is_on_this_machine(url) is local


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "RANDOM_VALID", 2)
    monkeypatch.setattr(webhook, "RANDOM_INVALID", 2)


def contract_webhook(*options: str, response: str = "") -> Result:
    return CliRunner().invoke(app, ["contract", "webhook", *options], input=response, env={"COLUMNS": "300"})


@pytest.mark.usefixtures("few")
def test_the_command_reports_what_is_wrong_and_shows_no_secret() -> None:
    def handler(seen: Seen) -> Reply:
        return Reply(201 if seen.headers.get("x-webhook-secret") == SECRET[1] else 403)

    with acting_server(handler) as server:
        done = contract_webhook(f"{server.url}/hidden-path", "--header", ": ".join(SECRET))
        assert {seen.target for seen in server.seen} == {"/hidden-path"}
    assert done.exit_code == 1
    assert "WRONG An invalid delivery is answered with 400." in done.stdout
    assert "phone_number is missing: answered with 201" in done.stdout
    assert "          and " in done.stdout
    assert "ok    A caller with wrong credentials is answered with 403. (3 tried, 0 wrong)" in done.stdout
    assert "s3cret" not in done.output
    assert "hidden" not in done.output


@pytest.mark.usefixtures("few")
def test_the_reports_name_each_finding_with_a_curl_line_and_no_secret(tmp_path: Path) -> None:
    with acting_server(lambda seen: Reply(201)) as server:
        url = server.url.replace("//", "//user:s3cret-word@") + "/hidden-path?key=s3cret"
        done = contract_webhook(url, "--header", ": ".join(SECRET), "--report", str(tmp_path / "report"))
    assert done.exit_code == 1
    page, junit = ((tmp_path / "report" / name).read_text("utf-8") for name in ("contract.html", "contract.xml"))
    suite = ElementTree.fromstring(junit)
    names = [case.get("name") for case in suite]
    assert len(names) == len(set(names)) == int(suite.get("tests", "")) > 50
    failure = suite.find("testcase[@name='phone_number is missing']/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("REFUSES_INVALID", "answered with 201")
    line = f"curl -i -X POST '{server.url}/…' -H 'X-Webhook-Secret: …' -H 'Content-Type: application/json'"
    assert f"To reproduce: {line} --data-binary" in (failure.text or "")
    uncredited = suite.find("testcase[@name='without credentials']/failure")
    assert uncredited is not None
    assert "X-Webhook-Secret" not in (uncredited.text or "")
    assert "A caller with wrong credentials is answered with 403." in page
    phone_number = Spec.installed().example("ProcessedLead")["phone_number"]
    for text in (page, junit, done.output):
        assert not [each for each in ("s3cret", "hidden", "John Doe", phone_number, phone_number[-10:]) if each in text]


@pytest.mark.usefixtures("few")
def test_a_folder_that_cannot_be_written_is_named_before_the_first_delivery(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with acting_server(Reply(201)) as server:
        done = contract_webhook(server.url, "--report", str(tmp_path / "file"))
        assert (done.exit_code, server.seen) == (2, [])
    assert "report: " in done.output


@pytest.mark.usefixtures("few")
def test_the_command_ends_with_0_if_all_is_right_and_says_what_was_not_tried() -> None:
    with serving("wsgi", WsgiWebhook(Taken())) as port:
        done = contract_webhook(f"http://127.0.0.1:{port}/")
    assert done.exit_code == 0, done.output
    assert "?     wrong credentials: not tried, no credentials were given" in done.stdout


@pytest.mark.usefixtures("few")
def test_another_machine_is_tried_only_after_the_plan_is_confirmed() -> None:
    done = contract_webhook("http://192.0.2.1/", response="n\n")
    assert done.exit_code == 1
    assert "deliveries of invented leads to 192.0.2.1" in done.stdout
    assert "may they be sent?" in done.stdout
    assert "ok" not in done.stdout


@pytest.mark.usefixtures("few")
def test_what_cannot_be_reached_is_named() -> None:
    with acting_server(Reply(201)) as gone:
        url = gone.url
    done = contract_webhook(url)
    assert done.exit_code == 2
    assert "cannot be reached" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["you.example"], "give the endpoint as an http:// or https:// URL"),
        (["http://a:b:c"], "Invalid"),
        (["http://a", "--header", "s3cret"], "give a header as 'Name: value'"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], message: str) -> None:
    done = contract_webhook(*options)
    assert done.exit_code == 2
    assert message in done.output
    assert "s3cret" not in done.output
