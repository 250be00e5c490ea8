"""`squadiq trigger lead-processed`: deliveries at will, told one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from squadiq_generated.models import ProcessedLead
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.webhooks import parse
from tests.servers import ActingServer, Reply, Reset, acting_server, scripted
from tests.webhooks.payloads import EXAMPLES


def trigger(server: ActingServer, *options: str) -> Result:
    return run("--to", f"{server.url}/s3cret", *options)


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["trigger", "lead-processed", *options], env={"COLUMNS": "300"})


def test_the_example_of_the_document_is_delivered_as_it_is() -> None:
    with acting_server(Reply(201)) as server:
        done = trigger(server)
    assert done.exit_code == 0
    (seen,) = server.seen
    assert seen.json == EXAMPLES["ProcessedLead"]
    assert (seen.method, seen.target, seen.headers["content-type"]) == ("POST", "/s3cret", "application/json")
    assert done.stderr == "The same command sends the same results, which an inbox handles once; --new makes others.\n"
    number, status, milliseconds, unit, lead_id = done.stdout.split()
    assert (number, status, unit, lead_id) == ("1/1", "201", "ms", "test_lead_id")
    assert milliseconds.isdecimal()


def test_fields_are_changed_as_text_or_as_json() -> None:
    changes = [
        "lead_outcome=Not Connected",
        "lead_responses.plan=Lite",
        "lead_responses.n=2",
        "lead_responses.new.deep=true",
    ]
    changes += ["latest_recording_url=null", "phone_number=+919876543210", "lead_id=a=b"]
    with acting_server(Reply(201)) as server:
        trigger(server, *[word for change in changes for word in ("--set", change)])
    sent = server.seen[0].json
    assert sent["lead_outcome"] == "Not Connected"
    added = {"plan": "Lite", "n": 2, "new": {"deep": True}}
    assert sent["lead_responses"] == {**EXAMPLES["ProcessedLead"]["lead_responses"], **added}
    assert (sent["latest_recording_url"], sent["lead_id"]) == (None, "a=b")
    assert sent["phone_number"] == "+919876543210"


def test_new_results_have_lead_ids_of_their_own() -> None:
    with acting_server(Reply(201)) as server:
        done = [trigger(server, "--new", "--count", "2") for _ in range(2)]
    assert [each.exit_code for each in done] == [0, 0]
    sent = [seen.json for seen in server.seen]
    lead_ids = [each.pop("lead_id") for each in sent]
    assert len(set(lead_ids)) == 4
    assert all(lead_id.startswith("test_lead_id_") for lead_id in lead_ids)
    assert lead_ids[-1] in done[-1].stdout, "it is told"
    assert done[-1].stderr == ""
    example = {**EXAMPLES["ProcessedLead"]}
    del example["lead_id"]
    assert sent == [example] * 4


def test_a_lead_id_of_yours_goes_before_a_new_one() -> None:
    with acting_server(Reply(201)) as server:
        trigger(server, "--new", "--set", "lead_id=u1")
    assert server.seen[0].json["lead_id"] == "u1"


@pytest.mark.parametrize("options", [[], ["--seed", "7"]])
def test_several_leads_are_others_and_the_same_command_sends_the_same(options: list[str]) -> None:
    bodies: list[list[bytes]] = []
    with acting_server(Reply(201)) as server:
        for _ in range(2):
            server.seen.clear()
            assert trigger(server, "--count", "30", *options).exit_code == 0
            bodies.append([seen.body for seen in server.seen])
    assert bodies[0] == bodies[1]
    leads = [parse(body, {}) for body in bodies[0]]
    assert len({lead.lead_id for lead in leads}) == 30
    assert all(isinstance(lead, ProcessedLead) for lead in leads)
    assert len({lead.lead_outcome for lead in leads}) == (1 if not options else 5)


def test_each_response_is_told_without_phone_numbers_or_secrets() -> None:
    refused = Reply(400, {"phone_number": ["+91 98765 43210 is odd\x1b[2J"]})
    with acting_server(scripted(refused, Reset(), Reply(200), Reply(201))) as server:
        done = trigger(server, "--count", "4", "--header", "X-Secret: s3cret", "--set", "lead_id=9876543210")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["400", "ReadError", "200", "201"]
    assert "is odd" in lines[0]
    assert all(secret not in done.output for secret in ("s3cret", "98765", "\x1b"))
    assert {seen.headers["x-secret"] for seen in server.seen} == {"s3cret"}


def test_json_has_one_object_for_each_delivery() -> None:
    with acting_server(scripted(Reply(201), Reset())) as server:
        done = trigger(server, "--count", "2", "--json")
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["lead_id"], each["status"], each["response"], each["error"]) for each in told] == [
        ("test_lead_id", 201, "{}", None),
        ("test_lead_id_2", None, None, "ReadError"),
    ]
    assert all(each["milliseconds"] > 0 for each in told)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "you.example"], "--to: give an http:// or https:// URL"),
        (["--to", "http://a:b:c"], "Invalid"),
        (["--to", "http://a", "--set", "lead_id"], "--set lead_id: give it as field=value"),
        (["--to", "http://a", "--set", "a..b=1"], "--set a..b: give it as field=value"),
        (["--to", "http://a", "--set", "lead_id.x=1"], "--set lead_id.x: lead_id is not an object"),
        (["--to", "http://a", "--set", "lead_outcom=x"], "no field lead_outcom; did you mean lead_outcome?"),
        (["--to", "http://a", "--set", "Lead_Responses.a=x"], "Lead_Responses; did you mean lead_responses?"),
        (["--to", "http://a", "--set", "zzz=x"], "the document has no field zzz; it has lead_id, phone_number,"),
        (["--to", "http://a", "--new", "--seed", "1"], "--new is for the example; another --seed makes other leads"),
        (["--to", "http://a", "--header", "s3cret"], "give a header as 'Name: value'"),
        (["--to", "http://a", "--header", "X: s3cr\u00e9t"], "the header X holds something else"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_sent(options: list[str], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert words in done.output
    assert "s3cr" not in done.output
