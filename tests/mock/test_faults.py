"""Faults of the API on purpose: which requests meet them, and what a client sees of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest

from squadiq.mock.core import Mock
from squadiq.mock.faults import FaultError, FaultPlan, parsed_fault, planned_fault
from squadiq.mock.server import RunningMock, running_mock
from squadiq.mock.settings import MockSettings, SettingError
from squadiq.mock.transport import InProcessTransport
from tests.mock.caller import lead

HEADERS = {"Authorization": "Bearer test_token"}
CREATE, LIST = "/api/v4/leads/create/c1/", "/api/v4/leads/responses/c1/"
Send = Callable[[], httpx.Response]


@pytest.fixture(scope="module")
def running() -> Generator[RunningMock]:
    with running_mock(rate=0, duplicate_leads="replace") as running:
        yield running


@pytest.fixture
def on_a_port(running: RunningMock) -> Generator[tuple[Mock, httpx.Client]]:
    with httpx.Client(base_url=running.url, headers=HEADERS, timeout=20) as client:
        yield running.core, client
    running.clear_faults()


@pytest.fixture
def in_process() -> Generator[tuple[Mock, httpx.Client]]:
    core = Mock(MockSettings(rate=0, duplicate_leads="replace"))
    with httpx.Client(transport=InProcessTransport(core), base_url="http://mock.test", headers=HEADERS) as client:
        yield core, client
    core.close()


@pytest.fixture(params=["on_a_port", "in_process"])
def met(request: pytest.FixtureRequest) -> tuple[Mock, httpx.Client]:
    """A mock and a client of it, over a socket and without one: both see the same."""
    pair: tuple[Mock, httpx.Client] = request.getfixturevalue(request.param)
    return pair


def plan(core: Mock, *faults: str) -> None:
    for text in faults:
        core.add_fault(parsed_fault(text))


def create(client: httpx.Client, lead_id: str) -> httpx.Response:
    return client.post(CREATE, json=lead(lead_id))


@pytest.mark.parametrize(
    ("fault", "status", "retry_after", "media_type"),
    [
        ("429", 429, "1", "application/json"),
        ("429:retry_after=30", 429, "30", "application/json"),
        ("500", 500, None, "application/json"),
        ("503", 503, None, "application/json"),
        ("503:retry_after=7", 503, "7", "application/json"),
        ("html", 502, None, "text/html"),
        ("html:status=200", 200, None, "text/html"),
        ("html:status=599", 599, None, "text/html"),
    ],
)
def test_a_request_is_answered_wrongly_and_the_next_one_well(
    met: tuple[Mock, httpx.Client], fault: str, status: int, retry_after: str | None, media_type: str
) -> None:
    core, client = met
    core.add_fault(planned_fault({**parsed_fault(fault).shown(), "count": 1}))
    response = create(client, fault)
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry_after)
    assert response.headers["content-type"] == media_type
    assert response.text.startswith("<html>") if media_type == "text/html" else response.json()["detail"]
    assert core.lead_state("c1", fault) is None
    assert create(client, fault).status_code == 201


@pytest.mark.parametrize("kind", ["500", "503", "html"])
def test_what_was_answered_wrongly_may_have_been_carried_out(met: tuple[Mock, httpx.Client], kind: str) -> None:
    core, client = met
    plan(core, f"{kind}:carried_out=true,count=1")
    assert create(client, f"done {kind}").status_code == (502 if kind == "html" else int(kind))
    assert core.lead_state("c1", f"done {kind}") is not None


@pytest.mark.parametrize(
    ("kind", "error", "carried_out"),
    [
        ("reset-before", httpx.ReadError, False),
        ("reset-after", httpx.ReadError, True),
        ("half", httpx.RemoteProtocolError, True),
    ],
)
def test_a_connection_breaks_before_or_after_the_request_was_carried_out(
    met: tuple[Mock, httpx.Client], kind: str, error: type[Exception], carried_out: bool
) -> None:
    core, client = met
    plan(core, f"{kind}:count=1")
    with pytest.raises(error):
        create(client, kind)
    assert (core.lead_state("c1", kind) is not None) is carried_out
    assert create(client, kind).status_code == 201


def test_half_of_the_response_arrives(on_a_port: tuple[Mock, httpx.Client]) -> None:
    core, client = on_a_port
    plan(core, "half:count=1")
    chunks: list[bytes] = []
    with client.stream("GET", LIST) as response, pytest.raises(httpx.RemoteProtocolError):
        chunks.extend(response.iter_raw())
    whole = client.get(LIST).content
    assert int(response.headers["content-length"]) == len(whole)
    assert b"".join(chunks) == whole[: len(whole) // 2]


def test_a_slow_response_arrives(met: tuple[Mock, httpx.Client]) -> None:
    core, client = met
    plan(core, "slow:seconds=0,count=1", "slow:seconds=0.001,count=1")
    assert [create(client, "slow").status_code for _ in range(2)] == [201, 201]


def test_a_response_that_is_slower_than_the_client_waits_was_carried_out(met: tuple[Mock, httpx.Client]) -> None:
    core, client = met
    plan(core, "slow:seconds=600,count=1")
    with pytest.raises(httpx.ReadTimeout):
        client.post(CREATE, json=lead("late"), timeout=0.05)
    assert core.lead_state("c1", "late") is not None


def test_a_request_may_be_lost_after_a_long_wait(met: tuple[Mock, httpx.Client]) -> None:
    core, client = met
    plan(core, "slow:seconds=0.001,carried_out=false,count=1", "slow:seconds=600,carried_out=false,count=1")
    with pytest.raises(httpx.ReadError):
        create(client, "lost")
    with pytest.raises(httpx.ReadTimeout):
        client.post(CREATE, json=lead("lost"), timeout=0.05)
    assert core.lead_state("c1", "lost") is None


def test_a_client_without_a_timeout_waits_for_a_slow_response(met: tuple[Mock, httpx.Client]) -> None:
    core, client = met
    plan(core, "slow:seconds=0.001,count=1")
    assert client.post(CREATE, json=lead("slow"), timeout=None).status_code == 201


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_an_async_client_without_a_port_sees_the_same() -> None:
    core = Mock(MockSettings(faults=("slow:seconds=0,count=1", "reset-after:count=1")))
    async with httpx.AsyncClient(
        transport=InProcessTransport(core), base_url="http://mock.test", headers=HEADERS
    ) as client:
        assert (await client.post(CREATE, json=lead("a"))).status_code == 201
        with pytest.raises(httpx.ReadError):
            await client.post(CREATE, json=lead("b"))
    assert core.counts("c1")["created"] == 2
    core.close()


def test_a_page_of_another_site_can_read_a_fault(in_process: tuple[Mock, httpx.Client]) -> None:
    core, client = in_process
    plan(core, "500")
    response = client.get(LIST, headers={"Origin": "https://docs.example"})
    assert response.headers["access-control-allow-origin"] == "https://docs.example"


def test_a_fault_of_one_operation_leaves_the_others_alone() -> None:
    faults = FaultPlan(0)
    faults.add(planned_fault({"kind": "500", "operation": "createLeads", "count": 2}))
    asked = ["getLeads", "createLeads", "deleteLead", "createLeads", "createLeads"]
    assert [faults.decide(operation) is not None for operation in asked] == [False, True, False, True, False]
    assert not faults


def test_what_is_no_operation_meets_no_fault(in_process: tuple[Mock, httpx.Client]) -> None:
    core, client = in_process
    plan(core, "500")
    assert client.get("/nowhere").status_code == 404
    assert client.request("PUT", CREATE).status_code == 405
    assert client.get("/_mock/campaigns/c1").status_code == 200
    assert client.get(LIST).status_code == 500


def test_the_first_fault_that_was_planned_is_met_first() -> None:
    faults = FaultPlan(0)
    for kind in ("reset-after", "500"):
        faults.add(planned_fault({"kind": kind, "count": 1}))
    assert [fault and fault.kind for fault in map(faults.decide, ["getLeads"] * 3)] == ["reset-after", "500", None]


def decisions(seed: int, share: float, *, requests: int = 2000) -> list[bool]:
    faults = FaultPlan(seed)
    faults.add(planned_fault({"kind": "500", "share": share}))
    return [faults.decide("getLeads") is not None for _ in range(requests)]


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_a_share_of_the_requests_meets_a_fault_the_same_with_the_same_seed(share: float) -> None:
    assert sum(decisions(1, share)) / 2000 == pytest.approx(share, abs=0.03)
    assert decisions(1, share) == decisions(1, share)
    assert (decisions(1, share) == decisions(2, share)) is (share == 1)


def test_two_faults_of_the_same_share_meet_different_requests() -> None:
    faults = FaultPlan(0)
    for kind in ("500", "503"):
        faults.add(planned_fault({"kind": kind, "share": 0.5}))
    met = [fault.kind if fault else "" for fault in map(faults.decide, ["getLeads"] * 2000)]
    assert 0.2 < met.count("503") / 2000 < 0.3


def test_a_share_with_a_count_ends() -> None:
    faults = FaultPlan(0)
    faults.add(planned_fault({"kind": "500", "share": 0.1, "count": 3}))
    assert sum(faults.decide("getLeads") is not None for _ in range(1000)) == 3


def test_faults_are_looked_at_planned_and_taken_back_over_http(on_a_port: tuple[Mock, httpx.Client]) -> None:
    _, client = on_a_port
    url = "/_mock/faults"
    nothing: dict[str, Any] = {"faults": [], "met": {}}
    assert client.get(url).json() == nothing
    planned = {"kind": "503", "operation": "getLeads", "share": 1, "count": 2, "carried_out": False, "retry_after": "5"}
    posted = client.post(url, json={**planned, "retry_after": 5})
    assert (posted.status_code, posted.json()) == (201, {"faults": [planned], "met": {}})
    assert client.get(LIST).status_code == 503
    assert client.get(url).json() == {"faults": [{**planned, "count": 1}], "met": {"503": 1}}
    assert client.delete(url).json() == nothing
    assert client.get(LIST).status_code == 200
    refused = client.put(url)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST, DELETE")
    assert client.post(url, json=planned, headers={"Origin": "https://elsewhere.example"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b"{", {"fault": ['Give an object such as {"kind": "500", "count": 2}.']}),
        (b"[]", {"fault": ['Give an object such as {"kind": "500", "count": 2}.']}),
        (b'{"kind": "500", "operation": "stealLeads"}', None),
        (b'{"kind": "500", "share": 2}', {"share": ["Give a number above 0, at most 1."]}),
    ],
)
def test_a_body_that_is_no_fault_is_refused(on_a_port: tuple[Mock, httpx.Client], body: bytes, errors: Any) -> None:
    _, client = on_a_port
    names = ["createLeads", "getLeads", "disableLeads", "deleteLead", "updateLead", "convertLead"]
    response = client.post("/_mock/faults", content=body)
    assert response.status_code == 400
    if errors is None:
        ((field, (words,)),) = response.json().items()
        assert (field, all(name in words for name in names)) == ("operation", True)
    else:
        assert response.json() == errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "kind: give one of 429, 500, 503, html, slow, reset-before, reset-after, half"),
        ("404", "kind: give one of"),
        ("500:share", "fault: give KIND:NAME=VALUE"),
        ("500:count=1,count=2", "fault: give KIND:NAME=VALUE"),
        ("500:kind=503", "fault: give KIND:NAME=VALUE"),
        ("500:seconds=1", "seconds: 500 has operation, share, count, carried_out"),
        ("half:often=1", "often: half has operation, share, count"),
        ("500:share=0", "share: give a number above 0, at most 1"),
        ("500:share=nan", "share: give a number above 0, at most 1"),
        ("500:share=true", "share: give a number above 0, at most 1"),
        ("500:count=0", "count: give a whole number from 1"),
        ("500:count=1.5", "count: give a whole number from 1"),
        ("500:operation=5", "operation: give an operationId of the document"),
        ("503:retry_after=é", "retry_after: give whole seconds or a date"),
        ("503:retry_after=true", "retry_after: give whole seconds or a date"),
        ("slow:seconds=-1", "seconds: give seconds from 0 to 600"),
        ("slow:seconds=inf", "seconds: give seconds from 0 to 600"),
        ("html:status=204", "status: give a status from 200 to 599 that has a body"),
        ("html:status=200.0", "status: give a status"),
        ("500:carried_out=1", "carried_out: give true or false"),
    ],
)
def test_a_fault_that_cannot_be_planned_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(FaultError) as raised:
        parsed_fault(text)
    assert str(raised.value).startswith(words)
    with pytest.raises(SettingError, match=r"^faults: "):
        MockSettings(faults=(text,))


def test_a_kind_that_is_no_text_is_refused() -> None:
    with pytest.raises(FaultError, match=r"^kind: give one of"):
        planned_fault({"kind": [500]})


def test_the_written_form_has_blanks_texts_and_numbers() -> None:
    fault = parsed_fault(" 503 : share=0.5 , retry_after = soon,count=3,carried_out=true,")
    assert fault.shown() == {
        "kind": "503",
        "operation": None,
        "share": 0.5,
        "count": 3,
        "carried_out": True,
        "retry_after": "soon",
    }
    assert planned_fault(json.loads(json.dumps(fault.shown()))) == fault


def test_an_operation_that_there_is_not_is_named_at_the_start() -> None:
    with pytest.raises(SettingError, match=r"^faults: operation: give one of createLeads, getLeads"):
        Mock(MockSettings(faults=("500:operation=stealLeads",)))


def test_there_is_an_end_to_what_is_planned() -> None:
    faults = FaultPlan(0)
    for _ in range(1000):
        faults.add(planned_fault({"kind": "500"}))
    with pytest.raises(FaultError, match="1000 are planned already"):
        faults.add(planned_fault({"kind": "500"}))


def test_a_test_plans_faults_and_takes_them_back(squadiq_mock: RunningMock) -> None:
    squadiq_mock.fault("503", operation="getLeads", count=1, retry_after=5)
    squadiq_mock.fault("500")
    with httpx.Client(base_url=squadiq_mock.url, headers={"Authorization": f"Bearer {squadiq_mock.token}"}) as client:
        assert [client.get(LIST).status_code for _ in range(2)] == [503, 500]
        squadiq_mock.clear_faults()
        assert client.get(LIST).status_code == 200
    with pytest.raises(FaultError, match=r"^seconds: 500 has"):
        squadiq_mock.fault("500", seconds=1)


@pytest.mark.parametrize("carried_out", ["true", "false"])
def test_a_mock_ends_in_silence_though_nobody_waited_for_a_slow_response(
    carried_out: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        running_mock(faults=(f"slow:seconds=600,carried_out={carried_out}",)) as running,
        httpx.Client(base_url=running.url, headers=HEADERS, timeout=0.05) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(LIST)
    assert capfd.readouterr().err == ""
