"""`squadiq listen`: each delivery is printed for a person, answered, and passed on if asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.cli.listener import Listener, make_server
from squadiq.cli.output import LONGEST, initials, shown
from squadiq.mock.server import bound_socket
from tests.servers import Reply, acting_server, scripted
from tests.webhooks.payloads import PERSONAL, delivery, payload


class Listening:
    """A listener on a free port, and what it has printed."""

    def __init__(self, forward_to: str | None, *, as_json: bool) -> None:
        self.client = httpx.Client(timeout=20)
        self.printed: list[str] = []
        app = Listener(self.printed.append, self.client, forward_to, as_json=as_json)
        self.server = make_server("127.0.0.1", 0, app)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    @property
    def text(self) -> str:
        return "\n".join(self.printed)


@contextmanager
def listening(forward_to: str | None = None, *, as_json: bool = False) -> Generator[Listening]:
    listener = Listening(forward_to, as_json=as_json)
    thread = threading.Thread(target=listener.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with listener.client, listener.server:
        yield listener
        listener.server.shutdown()
        thread.join()


def post(listener: Listening, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(listener.url, content=body, headers={"content-type": "application/json", **headers})


def test_a_delivery_is_printed_for_a_person_and_taken() -> None:
    with listening() as listener:
        response = post(listener, delivery(shoe_size=43, lead_responses={"plan": "Lite", "call": "+91 98765 43210"}))
        assert post(listener, delivery(latest_called_at=None, latest_recording_url=None)).status_code == 201
    assert (response.status_code, response.json()) == (201, {"lead_id": "test_lead_id"})
    first, second = listener.printed
    for words in (
        "Connected : Objective Met",
        "lead       test_lead_id in campaign campaign-1",
        "contact    A. R., phone number …34",
        "processed  2018-12-03T14:37:54+00:00",
        "called     2018-12-03T14:36:38+00:00",
        "recording  there is one",
        "plan: Lite",
        "call: …10",
        "shoe_size: 43",
    ):
        assert words in first
    assert "called     never" in second
    assert "recording  none" in second
    assert not [secret for secret in (*PERSONAL, "98765") if secret in listener.text]


def test_for_programs_each_delivery_is_an_object_with_the_lead_as_it_came() -> None:
    with listening(as_json=True) as listener:
        post(listener, delivery(shoe_size=43))
        post(listener, b"[]")
    taken, refused = map(json.loads, listener.printed)
    assert taken == {"status": 201, "lead": payload(shoe_size=43), "error": None}
    assert (refused["status"], refused["lead"]) == (400, None)
    assert "not a JSON object" in refused["error"]


def test_for_programs_what_is_passed_on_has_the_status_of_the_endpoint() -> None:
    script = scripted(Reply(201), Reply(503, {"detail": "Later."}), Reply(201))
    with acting_server(script) as server, listening(server.url, as_json=True) as listener:
        for body in (delivery(), delivery(), b"[]"):
            post(listener, body)
    with listening(server.url, as_json=True) as nowhere:
        post(nowhere, delivery())
    told = [json.loads(line) for line in [*listener.printed, *nowhere.printed]]
    assert [each["status"] for each in told] == [201, 503, 201, 502]
    assert [each["lead"] for each in told] == [payload(), payload(), None, payload()]
    assert told[0]["error"] is None
    assert json.loads(told[1]["error"]) == {"detail": "Later."}
    assert "not a JSON object" in told[2]["error"]
    assert told[3]["error"] == "ConnectError"


def test_what_is_refused_is_told_with_the_reason() -> None:
    with listening() as listener:
        assert post(listener, b"{}").status_code == 400
        assert httpx.get(listener.url).status_code == 405
    assert "refused with 400" in listener.printed[0]
    assert "lead_id" in listener.printed[0]
    assert "refused with 405" in listener.printed[1]


def test_a_delivery_is_passed_on_as_it_is_and_answered_as_the_endpoint_does() -> None:
    body = delivery(lead_responses={"name": "\u0906\u0936\u093e"})
    refusal = Reply(403, {"detail": "No."})
    with acting_server(refusal) as server, listening(f"{server.url}/hook") as listener:
        response = post(listener, body, **{"X-Secret": "s3cret"})
        odd = post(listener, b"{")
    assert (response.status_code, response.json()) == (403, {"detail": "No."})
    assert odd.status_code == 403
    first, second = server.seen
    assert (first.method, first.target, first.body, first.headers["x-secret"]) == ("POST", "/hook", body, "s3cret")
    assert (second.body, first.headers["content-type"]) == (b"{", "application/json")
    assert re.search(r"→ 403 in \d+ ms: \{\"detail\": \"No\.\"\}", listener.printed[1])
    assert "not what the document says" in listener.printed[2]
    assert not [secret for secret in (*PERSONAL, "s3cret") if secret in listener.text]


def test_an_endpoint_that_is_not_there_is_told_and_answered_with_502() -> None:
    with acting_server(Reply(201)) as gone:
        url = gone.url
    with listening(url) as listener:
        assert post(listener, delivery()).status_code == 502
    assert "could not be passed on: ConnectError" in listener.printed[1]


def test_a_request_without_a_length_and_a_response_with_an_odd_status_are_passed_on() -> None:
    with acting_server(Reply(299, b"")) as server, listening(server.url) as listener:
        assert httpx.get(listener.url).status_code == 299
    assert server.seen[0].method == "GET"


@given(st.text(max_size=2000))
def test_nothing_that_is_shown_can_move_the_cursor_or_fill_the_screen(text: str) -> None:
    for visible in (shown(text), initials(text)):
        assert visible.isprintable()
        assert len(visible) <= LONGEST


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("call +91 98765 43210 now", "call …10 now"),
        ("(098765-43210)", "(…10)"),
        ("(98765)  43210 or 98765 / 43210", "(…10 or …10"),
        ("[98765] [43210] or {98765}--{43210}", "[…10] or {…10}"),
        ("९८७६५ ४३२१० or ９８७６５４３２１０", "…10 or …10"),
        ("98765\u200b43210 or 98765\u00a0\u00a043210", "…10 or …10"),
        ("tel9876543210", "tel…10"),
        ("rec-20181203143638x.mp3", "rec-20181203143638x.mp3"),
        ("asha.rao@example.com", "…"),
        ("9876543210@example.com", "…10"),
        ("at 2018-12-03T14:36:38+05:30", "at 2018-12-03T14:36:38+05:30"),
        ("2018-12-03 is no number", "2018-12-03 is no number"),
        ("id 4711", "id 4711"),
        ("a" * 301, "a" * 299 + "…"),
        ("a" * 10_000, "a" * 299 + "…"),
    ],
)
def test_phone_numbers_are_masked_and_other_words_stay(text: str, visible: str) -> None:
    assert shown(text) == visible


@given(
    st.integers(6 * 10**9, 10**10 - 1),
    st.sampled_from(["", "+91", "91", "0", "0091", "+91 (0)"]),
    st.lists(st.text(" -()[]{}/._*|\u00a0\u200b\u2013", max_size=4), min_size=9, max_size=9),
    st.sampled_from("0०౦０"),
)
def test_no_phone_number_is_shown_however_it_is_written(number: int, code: str, gaps: list[str], zero: str) -> None:
    digits = [chr(ord(zero) + int(digit)) for digit in str(number)]
    written = code + "".join(digit + gap for digit, gap in zip(digits, [*gaps, ""], strict=True))
    visible = shown(f"Call {written} now")
    assert sum(character.isdecimal() for character in visible) == 2


def test_what_repeats_the_leads_name_or_number_is_not_printed() -> None:
    said = {"spoke to": "ASHA  raghunathan", "and": "98765/01234", "plan": "Lite"}
    refusal = Reply(
        403, {"detail": "No call to Asha Raghunathan (98765 01234)."}, {"Content-Type": "text/plain; charset=zip"}
    )
    with acting_server(refusal) as server, listening(server.url) as listener:
        assert post(listener, delivery(lead_responses=said)).status_code == 403
    assert "spoke to: …" in listener.text
    assert "plan: Lite" in listener.text
    assert "No call to …" in listener.text
    assert not [secret for secret in ("asha", "raghunathan", "98765") if secret in listener.text.lower()]


def test_the_command_says_where_it_listens_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-m", "squadiq", "listen", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        responses = [httpx.post(first[0].split()[-1], content=body).status_code for body in (delivery(), b"")]
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)[0]
    assert first[1] == "Ctrl-C ends it.\n"
    assert responses == [201, 400]
    assert process.returncode == 0
    assert rest.endswith("Ended.\n")
    assert "refused with 400" in rest
    assert "WEBHOOK IS OPEN" not in rest


def test_a_wrong_option_is_named() -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        for options, words in (
            (["--forward-to", "you.example"], "--forward-to: give an http:// or https:// URL"),
            (["--port", port], f"port {port} cannot be listened on"),
        ):
            command = [sys.executable, "-m", "squadiq", "listen", *options]
            environment = {**os.environ, "COLUMNS": "300"}
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
            assert done.returncode == 2
            assert words in done.stderr
