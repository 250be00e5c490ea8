"""What the page shows, who may see it, and what its buttons do."""

from __future__ import annotations

import gzip
import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from squadiq.mock.page import overview, pieces
from squadiq.mock.page.masking import MASK
from squadiq.mock.server import RunningMock, running_mock
from tests.page.looking import BROWSER, HTTP, NAME, PHONE_NUMBER, call, create, get, page, press
from tests.servers import Half, Reply, Stall, acting_server, scripted

SCRIPT = "<script>alert(1)</script>"
PAGES = ["/", "/_mock/page/calls", "/_mock/page/deliveries", "/_mock/page/campaigns/1", "/_mock/page/leads/1"]
OTHERS = ["/_mock/page/calls/1", "/_mock/page/style.css", "/_mock/events?page=/"]


@pytest.fixture
def mock() -> Generator[RunningMock]:
    with running_mock(rate=0, process_after_seconds=100) as running:
        yield running


def test_a_program_gets_json_and_a_browser_a_page(mock: RunningMock) -> None:
    for accept in ("*/*", "application/json"):
        response = get(mock, Accept=accept)
        assert (response.status_code, response.json()) == (404, {"detail": "Not found."})
    response = get(mock)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "No lead was created yet" in response.text
    assert HTTP.head(mock.url, headers={"Accept": BROWSER}).status_code == 200


def test_nothing_of_the_page_comes_from_elsewhere(mock: RunningMock) -> None:
    create(mock, "u1")
    for path in [*PAGES, *OTHERS[:2]]:
        response = get(mock, path)
        policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
        assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
        assert set(policy.values()) == {"'self'"}
        assert not re.search(r"https?:|//|style=|\son\w+=", response.text.split("</head>")[-1].replace("* ", ""))
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_only_this_machine_may_look_or_press(mock: RunningMock) -> None:
    create(mock, "u1")
    foreign = [
        {"Host": "evil.test"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    for headers in foreign:
        for path in [*PAGES, *OTHERS]:
            assert get(mock, path, **headers).status_code == 403, (path, headers)
        for path in ("advance", "process", "deliveries/1/send", "campaigns/1/find"):
            response = HTTP.post(f"{mock.url}/_mock/page/{path}", data={"seconds": "60"}, headers=headers)
            assert response.status_code == 403
    assert mock.counts("c1")["processed"] == 0


def test_to_look_counts_as_no_hit_and_as_no_call() -> None:
    with running_mock(rate=2) as mock:
        for path in PAGES * 2:
            get(mock, path)
        create(mock, "u1")
        create(mock, "u2")
        assert call(mock, "GET", "responses/c1/").status_code == 429
        shown = page(mock)
        assert "2 of 2 hits in 60 s" in shown
        assert page(mock, "/_mock/page/calls").count("createLeads") == 2
        assert 'class="badge warn">429<' in shown


def test_the_quota_is_shown_for_each_token() -> None:
    with running_mock(rate=10, tokens=("one", "two")) as mock:
        create(mock, "u1")
        shown = page(mock)
        assert "Token 1: 1 of 10 hits in 60 s" in shown
        assert "Token 2: 0 of 10 hits in 60 s" in shown
        mock.advance(60)
        assert "Token 1: 0 of 10" in page(mock)


def test_campaigns_and_leads_are_shown_in_pages(mock: RunningMock) -> None:
    for number in range(overview.CAMPAIGNS + 1):
        create(mock, "u1", campaign=f"c{number}")
    first = page(mock)
    assert (f">c{overview.CAMPAIGNS}<" in first, ">c0<" in first) == (True, False)
    (older,) = re.findall(r'href="(/\?before=\d+)"', first)
    assert re.findall(r"<bdi>(c\d+)</bdi></a>", page(mock, older)) == ["c0"]
    create(mock, *(f"lead-{number}" for number in range(pieces.ROWS)), campaign="c0")
    leads = page(mock, "/_mock/page/campaigns/1")
    shown = re.findall(r"<bdi>([\w-]+)</bdi></a>", leads)
    assert shown == [f"lead-{number}" for number in reversed(range(pieces.ROWS))]
    (older,) = re.findall(r'href="(/_mock/page/campaigns/1\?before=\d+)"', leads)
    last = page(mock, older)
    assert re.findall(r"<bdi>([\w-]+)</bdi></a>", last) == ["u1"]
    assert 'href="/_mock/page/campaigns/1" id="latest"' in last


@pytest.mark.unmeasured
def test_two_hundred_thousand_leads_are_shown_fifty_at_a_time(mock: RunningMock) -> None:
    with mock.core.exclusive:
        store = mock.core.store
        campaign = store.new_campaign("c1", "somebody")
        for start in range(0, 200_000, 10_000):
            leads = [(1, f"u{start + number}", "+919876543210", NAME, None, 1, 2, 2) for number in range(10_000)]
            store.create(campaign, leads, replace=False)
    assert ">200,000<" in page(mock)
    shown = page(mock, "/_mock/page/campaigns/1?before=100001")
    assert re.findall(r"<bdi>(u\d+)</bdi></a>", shown) == [f"u{number}" for number in range(99_999, 99_949, -1)]


def test_a_person_is_masked_until_one_asks(mock: RunningMock) -> None:
    create(mock, f"id-{PHONE_NUMBER}", plan="Lite", more={"deep": [1]})
    call(mock, "GET", f"responses/c1/?lead_id={PHONE_NUMBER}")
    personal = (NAME, PHONE_NUMBER, "Lite", "preferred_language\x00")
    for path in [*PAGES, "/_mock/page/calls/1", "/_mock/page/calls/2"]:
        shown = page(mock, path)
        assert not [each for each in personal if each in shown], path
    for path in ("/_mock/page/calls/1", "/_mock/page/leads/1", "/_mock/page/campaigns/1"):
        shown = page(mock, f"{path}?reveal=1")
        assert NAME in shown
        assert PHONE_NUMBER in shown
        assert f'href="{path}" class="reveal" id="reveal">Hide personal data' in shown
    assert '{"deep":[1]}' in page(mock, "/_mock/page/leads/1?reveal=1").replace("&quot;", '"')
    assert f"lead_id={PHONE_NUMBER}" in page(mock, "/_mock/page/calls/2?reveal=1")


@pytest.mark.parametrize("token", ["s3cret-token", "s3cret+token/=="])
def test_a_token_is_never_shown(token: str) -> None:
    with running_mock(rate=0, tokens=(token,)) as mock:
        create(mock, "u1", note=f"it is {token}")
        call(mock, "GET", "responses/c1/", params={"lead_id": token})
        call(mock, "GET", f"responses/{token.replace('/', '%2F')}/", headers={"User-Agent": token, "Accept": token})
        call(mock, "POST", "create/c1/", content=f"no JSON: {token}")
        create(mock, token, campaign="c2")
        for number in range(1, 6):
            shown = page(mock, f"/_mock/page/calls/{number}?reveal=1")
            assert "3cret" not in shown, number
        assert "s3cret" not in page(mock, "/_mock/page/calls?reveal=1")


def test_a_call_is_shown_with_its_request_and_its_response(mock: RunningMock) -> None:
    create(mock, "u1")
    call(mock, "GET", "responses/c1/?page_size=5")
    call(mock, "POST", "create/c1/", content=gzip.compress(b"[]"), headers={"Content-Encoding": "gzip"})
    call(mock, "POST", "create/c1/", content=b"no JSON", headers={"Content-Type": "application/json"})
    call(mock, "POST", "create/c1/", json=[{"lead_id": "x" * 20_000}])
    call(mock, "GET", "nowhere/")
    call(mock, "DELETE", "create/c1/")
    first, listed, packed, broken, cut, unknown, wrong = (
        page(mock, f"/_mock/page/calls/{number}") for number in range(1, 8)
    )
    assert "createLeads" in first
    assert '"contact_name": "•••"' in first.replace("&quot;", '"')
    assert "/api/v4/leads/responses/c1/?page_size=5" in listed
    assert "Without a body." in listed
    assert '"count": 0' in listed.replace("&quot;", '"')
    assert "encoded as they were sent" in packed
    assert "7 bytes that are shown with personal data." in broken
    assert "JSON parse error" in broken
    assert "no JSON" in page(mock, "/_mock/page/calls/4?reveal=1")
    assert "The first 16,384 of" in cut
    assert "GET /api/v4/leads/nowhere/" in unknown
    assert "<dt>Allow</dt><dd>POST</dd>" in wrong


def test_calls_are_shown_in_pages(mock: RunningMock) -> None:
    assert "Nobody called the API yet." in page(mock)
    for _ in range(pieces.ROWS + 1):
        HTTP.get(f"{mock.url}/nowhere")
    shown = page(mock, "/_mock/page/calls")
    assert shown.count("/nowhere") == pieces.ROWS
    assert page(mock, re.findall(r'href="([^"]*)" id="older"', shown)[0]).count("/nowhere") == 1


def test_a_body_that_refuses_is_shown_without_phone_numbers() -> None:
    """What the mock answers repeats none; what a custom field is named may be one."""
    with running_mock(rate=0) as mock:
        call(mock, "POST", "create/c1/", json={"lead_id": "u1"})
        shown = page(mock, "/_mock/page/calls/1").replace("&quot;", '"')
        assert '"phone_number": [' in shown
        assert "This field is required." in shown


def test_the_story_of_a_lead_is_told_as_it_happens(mock: RunningMock) -> None:
    create(mock, "u1", "u2", SCRIPT, plan="Lite")
    story = "/_mock/page/leads/1"
    assert re.findall(r'<li class="(\w+)"', page(mock, story)) == ["created", "awaited"]
    mock.advance(99)
    call(mock, "POST", "disable/c1/", json={"lead_id": "u2"})
    mock.advance(1)
    call(mock, "PATCH", "update/c1/", json={"lead_id": "u1", "contact_name": SCRIPT})
    call(mock, "POST", "convert/c1/", json={"lead_id": "u1", "detail": "PAID"})
    told = page(mock, story + "?reveal=1")
    steps = re.findall(r'<li class="(\w+)"', told)
    assert steps[0] == "created"
    assert set(steps[1:-2]) == {"called"}
    assert steps[-2:] == ["processed", "converted"]
    state = mock.lead("c1", "u1")
    assert state is not None
    assert state["lead_outcome"] in told
    assert "PAID" in told
    assert SCRIPT not in told
    assert "&lt;script&gt;" in told
    masked = page(mock, story)
    assert "PAID" not in masked
    assert state["latest_recording_url"] is None or state["latest_recording_url"] not in masked
    everybody = page(mock, "/_mock/page/campaigns/1")
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in everybody
    assert 'class="badge converted"' in everybody
    assert "badge disabled" in page(mock, "/_mock/page/leads/2")
    call(mock, "POST", "delete/c1/", json={"lead_id": "u1"})
    assert get(mock, story).status_code == 404


def test_who_was_reached_left_responses_and_a_recording(mock: RunningMock) -> None:
    create(mock, *(f"u{number}" for number in range(8)))
    mock.advance(100)
    states = {number: mock.lead("c1", f"u{number}") or {} for number in range(8)}
    reached = next(number for number, state in states.items() if state["lead_responses"])
    shown = page(mock, f"/_mock/page/leads/{reached + 1}?reveal=1")
    assert states[reached]["latest_recording_url"] in shown
    assert states[reached]["lead_responses"]["preferred_language"] in shown
    missed = next(number for number, state in states.items() if not state["lead_responses"])
    assert "Recording" not in page(mock, f"/_mock/page/leads/{missed + 1}")


def test_deliveries_are_shown_with_attempts_and_sent_again() -> None:
    answers = scripted(Reply(503, b"no JSON"), Half(Reply(201)), Reply(201, {"taken": NAME}), then=Reply(201, b""))
    with acting_server(answers) as server, running_mock(rate=0, webhook_url=server.url, speed=1000) as mock:
        assert "Nothing was delivered yet." in page(mock)
        create(mock, "u1")
        mock.advance(5)
        (delivered,) = mock.deliveries(wait_for=1)
        shown = page(mock, "/_mock/page/deliveries/1")
        assert [each["status"] for each in delivered["attempts"]] == [503, None, 201]
        assert 'class="badge bad">503<' in shown
        assert 'class="badge bad">RemoteProtocolError<' in shown
        assert 'class="badge good">201<' in shown
        assert "acknowledged" in shown
        assert "shown with personal data" in shown
        assert NAME not in shown
        assert NAME in page(mock, "/_mock/page/deliveries/1?reveal=1")
        assert "1000 seconds in one" in shown
        assert 'href="/_mock/page/leads/1"' in shown
        response = press(mock, "/deliveries/1/send", back="/_mock/page/deliveries/1")
        assert (response.status_code, response.headers["location"]) == (303, "/_mock/page/deliveries/1")
        for path in ("/", "/_mock/page/deliveries", "/_mock/page/leads/1"):
            assert 'action="/_mock/page/deliveries/1/send"' in page(mock, path)
        assert press(mock, "/deliveries/2/send").status_code == 404
        assert get(mock, "/_mock/page/deliveries/2").status_code == 404


@pytest.mark.parametrize(("action", "state"), [(Stall(), ">waits<"), (Reply(500), ">tried, waits<")])
def test_what_is_to_be_sent_is_said_to_wait(action: Stall | Reply, state: str) -> None:
    """So slowly do the leads live that what failed is not tried again, and what began is not given up."""
    with (
        acting_server(action) as server,
        running_mock(rate=0, webhook_url=server.url, process_after_seconds=0, speed=0.001) as mock,
    ):
        create(mock, "u1", "u2")
        while page(mock, "/_mock/page/deliveries").count(state) < 2:
            pass
        assert "2 still to be sent." in page(mock, "/_mock/page/deliveries")
        assert state in page(mock, "/_mock/page/deliveries/1")


def test_without_a_webhook_nothing_is_sent(mock: RunningMock, tmp_path: Path) -> None:
    assert "no --webhook-url" in page(mock)
    assert press(mock, "/deliveries/1/send").status_code == 404
    db = str(tmp_path / "mock.sqlite3")
    with acting_server(Reply(201)) as server, running_mock(db=db, webhook_url=server.url, speed=100) as before:
        create(before, "u1")
        before.deliveries(wait_for=1)
    with running_mock(db=db) as after:
        shown = page(after, "/_mock/page/deliveries/1")
        assert "acknowledged" in shown
        assert "Send again" not in shown


def test_deliveries_are_shown_in_pages() -> None:
    with acting_server(Reply(201)) as server, running_mock(rate=0, webhook_url=server.url) as mock:
        create(mock, *(f"u{number}" for number in range(pieces.ROWS + 1)))
        mock.advance(5)
        mock.deliveries(wait_for=pieces.ROWS + 1)
        shown = page(mock, "/_mock/page/deliveries")
        assert len(re.findall(r'<tr id="delivery-', shown)) == pieces.ROWS
        (older,) = re.findall(r'href="([^"]*)" id="older"', shown)
        assert len(re.findall(r'<tr id="delivery-', page(mock, older))) == 1


def test_buttons_let_time_pass_and_come_back(mock: RunningMock) -> None:
    create(mock, "u1", "u2")
    before = mock.core.clock.now()
    response = press(mock, "/advance", seconds="60", back="/_mock/page/leads/1?reveal=1&before=7")
    assert (response.status_code, response.headers["location"]) == (303, "/_mock/page/leads/1?before=7&reveal=1")
    assert 60 <= mock.core.clock.now() - before < 100
    assert press(mock, "/process").headers["location"] == "/"
    assert mock.counts("c1")["processed"] == 2
    moved = mock.core.clock.now()
    press(mock, "/process", back="https://evil.test/")
    press(mock, "/advance", seconds="-5", back="//evil.test")
    assert mock.core.clock.now() - moved < 100
    for back in ("https://evil.test/", "//evil.test", "/_mock/page/../x", "/\\evil"):
        assert press(mock, "/process", back=back).headers["location"] == "/"


def test_a_lead_is_found_by_its_lead_id(mock: RunningMock) -> None:
    create(mock, "u1", "../ü/?")
    found = press(mock, "/campaigns/1/find", lead_id="../ü/?")
    assert (found.status_code, found.headers["location"]) == (303, "/_mock/page/leads/2")
    for path, lead_id in (("/campaigns/1/find", "nobody"), ("/campaigns/2/find", "u1")):
        response = press(mock, path, lead_id=lead_id)
        assert response.status_code == 404
        assert "There is no such thing here" in response.text


def test_what_is_not_there_is_not_found(mock: RunningMock) -> None:
    for path in ("nowhere", "calls/1", "calls/x", "campaigns/1", "leads/1", "leads/99999999999999999999", "calls/1/2"):
        response = get(mock, f"/_mock/page/{path}")
        assert (response.status_code, "Not found" in response.text) == (404, True), path
    assert press(mock, "/nowhere").status_code == 404
    response = HTTP.put(f"{mock.url}/_mock/page/calls")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_name_that_is_no_text_for_a_browser_does_no_harm(mock: RunningMock) -> None:
    create(mock, "u1", contact_name="\u202e\ufffe\U0010ffff", plan="\x01")
    assert MASK in page(mock, "/_mock/page/leads/1")
    assert page(mock, "/_mock/page/leads/1?reveal=1")


def test_faults_are_planted_met_and_cleared(mock: RunningMock) -> None:
    assert "None is planned." in page(mock)
    assert press(mock, "/faults", kind="503", operation="createLeads", count="2").status_code == 303
    press(mock, "/faults", kind="reset-before", operation="", count="1")
    press(mock, "/faults", kind="half", operation="getLeads", count="")
    mock.fault("slow", share=0.25, operation="deleteLead")
    shown = page(mock)
    assert "createLeads, 2 more" in shown
    assert "every operation, 1 more" in shown
    assert "getLeads, until it is cleared" in shown
    assert "deleteLead, until it is cleared, 25% of them" in shown
    assert call(mock, "POST", "create/c1/", json=[]).status_code == 503
    for _ in range(2):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            call(mock, "GET", "responses/c1/")
    shown = page(mock)
    assert "createLeads, 1 more" in shown
    assert "Met so far: 503 × 1, reset-before × 1, half × 1" in shown
    assert re.findall(r'badge bad">([\w-]+)</span></td>', shown) == ["half", "reset-before", "planted"]
    assert press(mock, "/faults/clear").status_code == 303
    assert "None is planned." in page(mock)
    call(mock, "GET", "responses/c1/")


@pytest.mark.parametrize(
    "fields", [{}, {"kind": "x"}, {"kind": "500", "count": "x"}, {"kind": "500", "operation": "x"}]
)
def test_a_fault_that_cannot_be_is_refused(mock: RunningMock, fields: dict[str, str]) -> None:
    response = press(mock, "/faults", **fields)
    assert (response.status_code, "Not planned" in response.text) == (400, True)
    assert "None is planned." in page(mock)
