"""Both clients against the mock and against servers that misbehave, over real connections."""

from __future__ import annotations

import inspect
import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx
import pytest
import trustme

import squadiq
from squadiq import AsyncSquadIQ, Lead, SquadIQ, errors
from squadiq.auth import AccessToken
from squadiq.campaign import AsyncCampaign, Campaign
from squadiq.mock.server import RunningMock
from squadiq.quota import MemoryStore
from squadiq.retry import Retry, RetryState
from squadiq.spec import Spec
from squadiq.transport import Transport
from tests.servers import Drip, Half, Reply, Reset, Stall, acting_server, scripted

TOKEN = "not-a-real-token"
LEAD = {"lead_id": "u1", "phone_number": "98765 43210", "contact_name": "Asha"}


def send_again_at_once(_: RetryState) -> Retry:
    return Retry(0)


class Both:
    """One way to use either client: the methods of the other are run to their end."""

    def __init__(self, kind: str, *arguments: Any, **options: Any) -> None:
        self._run = anyio.run if kind == "async" else _just_call
        self.client: Any = AsyncSquadIQ(*arguments, **options) if kind == "async" else SquadIQ(*arguments, **options)

    def call(
        self, name: str, *arguments: Any, campaign_id: str = "campaign-1", client: Any = None, **fields: Any
    ) -> Any:
        campaign = (client or self.client).campaign(campaign_id)

        async def finish() -> Any:
            came: Any = getattr(campaign, name)(*arguments, **fields)
            if name != "get_leads":
                return await came
            return [item async for item in came]

        if isinstance(self.client, SquadIQ):
            came = getattr(campaign, name)(*arguments, **fields)
            return list(came) if name == "get_leads" else came
        return self.portal.call(finish)

    def __enter__(self) -> Both:
        if isinstance(self.client, AsyncSquadIQ):
            self._portal = anyio.from_thread.start_blocking_portal()
            self.portal = self._portal.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self.client, AsyncSquadIQ):
            self.portal.call(self.client.close)
            self._portal.__exit__(None, None, None)
        else:
            self.client.close()


def _just_call(function: Callable[[], Any]) -> Any:
    return function()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(kind: str, mock: RunningMock) -> Iterator[Both]:
    with Both(kind, mock.token, base_url=mock.url) as made:
        yield made


def open_both(kind: str, url: str, **options: Any) -> Both:
    return Both(kind, TOKEN, base_url=url, **options)


def failing(both: Both, name: str, *arguments: Any, **fields: Any) -> squadiq.SquadIQError:
    with pytest.raises(squadiq.SquadIQError) as raised:
        both.call(name, *arguments, **fields)
    return raised.value


def test_a_lead_goes_its_whole_way(both: Both, mock: RunningMock) -> None:
    [sent] = both.call("create_leads", [Lead(**LEAD, product_plan="Lite")])
    assert sent.phone_number == "+919876543210"
    assert both.call("get_leads") == []
    mock.advance(60)
    [processed] = both.call("get_leads", lead_id="u1", processed_after=datetime.now(UTC) - timedelta(days=1))
    assert (processed.lead_id, processed.contact_name) == ("u1", "Asha")
    both.call("update_lead", "u1", product_plan="Pro")
    both.call("convert_lead", "u1", detail="PAID")
    both.call("disable_leads", ["u1"])
    lead_state = mock.lead("campaign-1", "u1")
    assert lead_state is not None
    assert lead_state["custom_fields"]["product_plan"] == "Pro"
    both.call("delete_lead", "u1")
    assert mock.lead("campaign-1", "u1") is None


def test_every_page_is_walked(both: Both, mock: RunningMock) -> None:
    both.call("create_leads", [{**LEAD, "lead_id": f"u{n}", "phone_number": f"98765432{n}"} for n in range(10, 35)])
    mock.advance(60)
    assert {lead.lead_id for lead in both.call("get_leads", page_size=10)} == {f"u{n}" for n in range(10, 35)}


def test_nothing_is_sent_when_there_is_nothing_to_send(kind: str) -> None:
    with acting_server(Reply(500)) as server, open_both(kind, server.url) as both:
        assert both.call("create_leads", []) == []
        assert both.call("disable_leads", []) == []
        assert server.seen == []


def test_nothing_is_sent_of_a_batch_with_a_broken_lead(kind: str) -> None:
    with acting_server(Reply(201)) as server, open_both(kind, server.url) as both:
        error = failing(both, "create_leads", [LEAD, {**LEAD, "lead_id": "u2", "phone_number": "12"}])
        assert isinstance(error, errors.InvalidInputError)
        assert [problem.lead_id for problem in error.problems] == ["u2"]
        assert server.seen == []


@pytest.mark.parametrize(
    ("name", "arguments", "fields", "method", "path", "body"),
    [
        ("create_leads", [[LEAD]], {}, "POST", "create", [{**LEAD, "phone_number": "+919876543210"}]),
        ("get_leads", [], {}, "GET", "responses", None),
        ("update_lead", [1], {"plan": None}, "PATCH", "update", {"lead_id": "1", "plan": None}),
        ("update_lead", ["u1", {"is KYC": "YES"}], {}, "PATCH", "update", {"lead_id": "u1", "is KYC": "YES"}),
        ("convert_lead", ["u1"], {"detail": "PAID"}, "POST", "convert", {"lead_id": "u1", "detail": "PAID"}),
        ("disable_leads", [["u1", 2]], {}, "POST", "disable", [{"lead_id": "u1"}, {"lead_id": "2"}]),
        ("delete_lead", ["u1"], {}, "POST", "delete", {"lead_id": "u1"}),
    ],
)
def test_requests_are_those_of_the_api_documentation(
    kind: str, name: str, arguments: list[Any], fields: dict[str, Any], method: str, path: str, body: Any
) -> None:
    page: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    with acting_server(Reply(200, page)) as server, open_both(kind, server.url) as both:
        both.call(name, *arguments, **fields)
    [seen] = server.seen
    assert (seen.method, seen.target) == (method, f"/api/v4/leads/{path}/campaign-1/")
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    if body is not None:
        assert seen.headers["content-type"] == "application/json"
        assert seen.json == body


def test_the_query_holds_what_was_asked_for(kind: str) -> None:
    page: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    with acting_server(Reply(200, page)) as server, open_both(kind, server.url) as both:
        both.call("get_leads", lead_id="a b", processed_after=1.5, processed_before=2.5, page_size=7)
    assert server.seen[0].target.endswith("?lead_id=a+b&processed_after=1&processed_before=3&page_size=7")


def test_a_campaign_id_cannot_lead_to_another_address(kind: str) -> None:
    with acting_server(Reply(202)) as server, open_both(kind, server.url) as both:
        both.call("delete_lead", "u1", campaign_id="a/../b?c#d")
    assert server.seen[0].target == "/api/v4/leads/delete/a%2F..%2Fb%3Fc%23d/"


def test_another_client_of_httpx_can_use_the_transport_as_it_is(mock: RunningMock) -> None:
    with (
        httpx.Client(transport=Transport(httpx.HTTPTransport(), MemoryStore(100, 60.0))) as http,
        acting_server(scripted(Reply(503), Reply(200), Reply(500))) as server,
    ):
        assert http.get(server.url).status_code == 200
        with pytest.raises(errors.InternalServerError, match="POST was answered with 500"):
            http.post(server.url, json={})
        assert len(server.seen) == 3


@pytest.mark.parametrize("body", [b"", b"Created", {"anything": 1}, [], None])
def test_a_success_is_a_success_whatever_its_body(kind: str, body: Any) -> None:
    with acting_server(Reply(201, body)) as server, open_both(kind, server.url) as both:
        assert both.call("create_leads", [LEAD])[0].lead_id == "u1"


def test_a_success_with_another_code_is_told_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with acting_server(Reply(200)) as server, open_both(kind, server.url) as both:
        for _ in range(2):
            both.call("disable_leads", ["u1"])
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == ["disableLeads: the response differs from the document: status is 200, not 201"]


@pytest.mark.parametrize(
    "trouble", [Reset(), Half(Reply(200, {"a": 1})), Reply(500), Reply(503, headers={"Retry-After": "0"})]
)
def test_trouble_that_passes_is_not_seen(kind: str, trouble: Any) -> None:
    with (
        acting_server(scripted(trouble, Reply(202))) as server,
        open_both(kind, server.url, retry_policy=send_again_at_once) as both,
    ):
        both.call("delete_lead", "u1")
    assert len(server.seen) == 2


@pytest.mark.parametrize("trouble", [Stall(), Stall(b"HTTP/1.1 200 OK\r\nContent-"), Drip(0.01)])
def test_a_response_that_does_not_end_is_given_up_in_time(kind: str, trouble: Any) -> None:
    options = {"timeout_seconds": 0.2, "deadline_seconds": 0.3, "max_attempts": 5}
    with acting_server(trouble) as server, open_both(kind, server.url, **options) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.DeadlineExceededError)
    assert error.outcome_unknown
    assert sum(attempt.took_seconds for attempt in error.attempts) < 2


def test_a_server_that_is_not_there_is_told(kind: str) -> None:
    with acting_server(Reply()) as server:
        url = server.url
    with open_both(kind, url, max_attempts=1) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.ConnectionFailedError)
    assert not error.outcome_unknown
    assert f"no response from {url.removeprefix('http://')} for lead 'u1'" in str(error)


def test_a_redirect_is_not_followed_and_the_token_stays(kind: str) -> None:
    with acting_server(Reply(202)) as elsewhere:
        redirect = Reply(307, headers={"Location": f"{elsewhere.url}/"})
        with acting_server(redirect) as server, open_both(kind, server.url) as both:
            error = failing(both, "delete_lead", "u1")
        assert elsewhere.seen == []
    assert "redirects, which is not followed" in str(error)


def test_a_next_page_at_another_host_is_asked_for_at_our_own(kind: str) -> None:
    page: dict[str, Any] = {"count": 2, "next": "http://evil.example/?page=2", "previous": None, "results": [LEAD]}
    last = {**page, "next": None, "results": [{**LEAD, "lead_id": "u2"}]}
    with acting_server(scripted(Reply(200, page), Reply(200, last))) as server:
        with open_both(kind, server.url) as both:
            both.call("get_leads", page_size=1)
        assert [seen.target.partition("?")[2] for seen in server.seen] == ["page_size=1", "page=2&page_size=1"]


def test_a_response_that_is_no_page_is_an_error(kind: str) -> None:
    with acting_server(Reply(200, b"<html>")) as server, open_both(kind, server.url) as both:
        assert isinstance(failing(both, "get_leads"), errors.UnexpectedResponseError)


def test_an_error_of_the_server_is_an_exception_of_its_own(both: Both) -> None:
    both.call("create_leads", [LEAD])
    exists = failing(both, "create_leads", [{**LEAD, "lead_id": "u2", "phone_number": "9876543211"}, LEAD])
    assert isinstance(exists, errors.BadRequestError)
    assert [(error.index, error.lead_id, list(error.errors)) for error in exists.lead_errors] == [
        (1, "u1", ["lead_id"])
    ]
    assert isinstance(failing(both, "delete_lead", "nobody"), errors.NotFoundError)


def test_a_wrong_token_is_an_exception_without_the_token(kind: str, mock: RunningMock) -> None:
    with Both(kind, "wrong-token", base_url=mock.url) as both:
        error = failing(both, "delete_lead", "u1")
    assert isinstance(error, errors.UnauthorizedError)
    assert "wrong-token" not in str(error) + repr(error)


def test_options_of_one_call_do_not_change_the_client(kind: str) -> None:
    with acting_server(Reply(503)) as server, open_both(kind, server.url, headers={"X-A": "1"}) as both:
        hasty = both.client.with_options(max_attempts=1, headers={"X-B": "2"})
        failing(both, "delete_lead", "u1", client=hasty)
        assert len(server.seen) == 1
        assert (server.seen[0].headers["x-a"], server.seen[0].headers["x-b"]) == ("1", "2")
        failing(both, "delete_lead", "u1", client=both.client.with_options(deadline_seconds=0.1))
        assert "x-b" not in server.seen[1].headers


def test_status_and_headers_of_a_response_can_be_had(kind: str) -> None:
    with acting_server(Reply(202, {"a": 1}, {"X-Request-Id": "r7"})) as server, open_both(kind, server.url) as both:
        with both.client.record_responses() as responses:
            if kind == "sync":
                both.call("delete_lead", "u1")
            else:
                both.portal.call(both.client.campaign("campaign-1").delete_lead, "u1")
        both.call("delete_lead", "u1")
    [respond] = responses
    assert (respond.operation, respond.status, respond.headers["x-request-id"]) == ("deleteLead", 202, "r7")
    assert respond.content == b'{"a": 1}'


def test_nothing_secret_or_personal_is_logged_or_shown(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = {"lead_id": "9876543210", "phone_number": "98765 43210", "contact_name": "Asha Rao"}
    page = {"count": 1, "next": None, "previous": None, "results": [person]}
    said = [{"phone_number": ["+919876543210 of Asha Rao is taken"]}]
    replies = scripted(Reply(400, said), Reply(200, page), Reply(404, {"detail": "No 9876543210"}))
    with acting_server(replies) as server, open_both(kind, server.url) as both:
        shown = f"{both.client!r} {both.client.campaign('c')!r} {vars(both.client)}"
        error = failing(both, "create_leads", [person])
        leads: list[Any] = both.call("get_leads", lead_id="9876543210")
        other = failing(both, "delete_lead", "9876543210")
    everything = shown + caplog.text + "".join(f"{one}{one!r}" for one in (error, other, leads))
    assert "attempt 1: 400 after" in caplog.text
    for secret in ("98765", "Asha", TOKEN):
        assert secret not in everything


def test_an_own_type_of_lead_comes_back(mock: RunningMock) -> None:
    class MyLead(Lead):
        product_plan: str = "Lite"

    with SquadIQ(mock.token, base_url=mock.url) as client:
        campaign = client.campaign("campaign-1", lead_type=MyLead)
        [lead] = campaign.create_leads([LEAD])
        assert lead.product_plan == "Lite"
        lead_state = mock.lead("campaign-1", "u1")
        assert lead_state is not None
        assert lead_state["custom_fields"]["product_plan"] == "Lite"
        with pytest.raises(errors.InvalidInputError, match="product_plan"):
            campaign.update_lead("u1", product_plan=["Pro"])


def test_settings_come_from_the_environment(mock: RunningMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", mock.token)
    monkeypatch.setenv("SQUADIQ_CAMPAIGN_ID", "from-environment")
    monkeypatch.setenv("SQUADIQ_BASE_URL", mock.url)
    with SquadIQ() as client:
        campaign = client.campaign()
        assert campaign.campaign_id == "from-environment"
        assert len(campaign.create_leads([LEAD])) == 1
    with SquadIQ(campaign_id="from-argument") as client:
        assert repr(client.campaign()) == "Campaign('from-argument')"


def test_an_own_transport_is_used(kind: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(202, json={})

    with Both(kind, TOKEN, transport=httpx.MockTransport(respond), quota="memory") as both:
        both.call("delete_lead", "u1")


def test_a_request_that_an_own_transport_cannot_send_is_not_sent_again(kind: str) -> None:
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.LocalProtocolError("no")

    with Both(kind, TOKEN, transport=httpx.MockTransport(refuse), quota="memory") as both:
        error = failing(both, "delete_lead", "u1")
        assert both.client.quota.snapshot().free_now == 100
    assert not error.outcome_unknown
    assert len(asked) == 1


def test_a_server_with_an_own_certificate_is_trusted_when_told_so(kind: str) -> None:
    authority: Any = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(client_side)
    with acting_server(Reply(202)) as server:
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        with open_both(kind, url, verify=client_side) as both:
            both.call("delete_lead", "u1")
        with open_both(kind, url, max_attempts=1) as both:
            assert isinstance(failing(both, "delete_lead", "u1"), errors.ConnectionFailedError)


def test_a_proxy_is_used_when_given_or_in_the_environment(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"insecure_hosts": ["squadiq.test"]}
    with acting_server(Reply(202)) as proxy:
        with open_both(kind, "http://squadiq.test", proxy=proxy.url, **options) as both:
            both.call("delete_lead", "u1")
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "other.test")
        with open_both(kind, "http://squadiq.test", **options) as both:
            both.call("delete_lead", "u1")
        assert [seen.target for seen in proxy.seen] == ["http://squadiq.test/api/v4/leads/delete/campaign-1/"] * 2
        monkeypatch.setenv("no_proxy", "squadiq.test")
        with open_both(kind, "http://squadiq.test", max_attempts=1, **options) as both:
            failing(both, "delete_lead", "u1")
        assert len(proxy.seen) == 2


def test_the_quota_is_shared_by_clients_of_the_same_token(kind: str, mock: RunningMock) -> None:
    with Both(kind, mock.token, base_url=mock.url) as one, Both(kind, mock.token, base_url=mock.url) as other:
        free = other.client.quota.snapshot().free_now
        one.call("create_leads", [LEAD])
        assert other.client.quota.snapshot().free_now == free - 1


def test_a_client_waits_no_longer_for_the_quota_than_it_may(kind: str) -> None:
    with acting_server(Reply(202)) as server:
        with open_both(kind, server.url, quota_hits=1, max_wait_seconds=0, quota="memory") as both:
            both.call("delete_lead", "u1")
            assert isinstance(failing(both, "delete_lead", "u1"), errors.QuotaWaitError)
        assert len(server.seen) == 1


def test_a_client_waits_for_the_quota(kind: str) -> None:
    with acting_server(Reply(202)) as server:
        with open_both(kind, server.url, quota_hits=1, quota_window_seconds=0.05) as both:
            for _ in range(3):
                both.call("delete_lead", "u1")
        assert len(server.seen) == 3


def test_a_call_starts_only_while_more_hits_are_free_than_it_leaves_for_others(kind: str) -> None:
    options: dict[str, Any] = {"quota_hits": 3, "max_wait_seconds": 0, "quota": "memory"}
    with acting_server(Reply(202)) as server:
        with open_both(kind, server.url, quota_reserve=2, **options) as both:
            both.call("delete_lead", "u1")
            error = failing(both, "delete_lead", "u2")
            assert isinstance(error, errors.QuotaWaitError)
            assert both.client.quota.snapshot().free_now == 2
            with pytest.raises(errors.ConfigurationError, match="quota_reserve=3 would leave no hit to send"):
                both.client.with_options(quota_reserve=3)
            assert both.client.bulk_reserve == 2
            assert both.client.with_options(quota_reserve=0).bulk_reserve == 0
            assert both.client.with_options(quota_reserve=None).bulk_reserve == 1
        assert len(server.seen) == 1


@pytest.mark.anyio
async def test_a_cancelled_call_gives_its_place_back() -> None:
    with acting_server(Reply(202)) as server:
        async with AsyncSquadIQ(TOKEN, base_url=server.url, quota_hits=1) as client:
            campaign = client.campaign("c")
            await campaign.delete_lead("u1")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(campaign.delete_lead, "u2")
                while not client.quota.snapshot().waiting:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            assert client.quota.snapshot().waiting == 0
        assert len(server.seen) == 1


@pytest.mark.anyio
async def test_a_cancelled_call_ends_at_once_although_the_server_is_silent() -> None:
    with acting_server(Stall()) as server:
        async with AsyncSquadIQ(TOKEN, base_url=server.url) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.campaign("c").delete_lead, "u1")
            while not server.seen:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_many_tasks_share_one_client(anyio_backend: str) -> None:
    with acting_server(Reply(202)) as server:
        async with AsyncSquadIQ(TOKEN, base_url=server.url) as client, anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(client.campaign("c").delete_lead, f"u{number}")
        assert len(server.seen) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_token": ""}, "access token is empty"),
        ({"access_token": None}, "SQUADIQ_ACCESS_TOKEN"),
        ({"access_token": "a\nb"}, "holds blanks, line ends"),
        ({"access_token": "Bearer x"}, "holds blanks"),
        ({"base_url": "https://"}, "https://host"),
        ({"base_url": "ftp://x"}, "https://host"),
        ({"base_url": "https://me@x"}, "https://host"),
        ({"base_url": "https://x:y"}, "is not a URL"),
        ({"base_url": "http://api.squadiq.in"}, "in the clear to api.squadiq.in"),
        ({"base_url": "http://10.0.0.1"}, "in the clear to 10.0.0.1"),
        ({"timeout_seconds": 0}, "timeout_seconds must be above zero"),
        ({"deadline_seconds": -1}, "deadline_seconds must be above zero"),
        ({"max_attempts": 0}, "max_attempts must be above zero"),
        ({"max_wait_seconds": -1}, "max_wait_seconds must not be below zero"),
        ({"headers": {"AUTHORIZATION": "x"}}, "Authorization is made from access_token"),
        ({"quota": "nowhere"}, "quota"),
        ({"quota_hits": 0}, "quota_hits must be"),
        ({"colour": "red"}, "no setting 'colour'"),
        ({"transport": httpx.MockTransport(lambda _: httpx.Response(200)), "verify": False}, "to that transport"),
        ({"transport": object()}, "transport= must be an httpx"),
    ],
)
def test_a_setting_that_is_wrong_is_named(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=message):
        Both(kind, **{"access_token": TOKEN, **options})


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.9.9.9", "http://[::1]:8000", "https://api.squadiq.in/"]
)
def test_this_machine_needs_no_encryption(kind: str, url: str) -> None:
    with open_both(kind, url) as both:
        assert url.rstrip("/") in repr(both.client)


def test_a_token_shows_itself_to_nobody() -> None:
    token = AccessToken(TOKEN)
    assert TOKEN not in f"{token} {token!r} {[token]}"
    assert token == AccessToken(TOKEN)
    assert len({token, AccessToken(TOKEN), AccessToken("other")}) == 2


def test_a_host_can_be_allowed_by_name(kind: str) -> None:
    with open_both(kind, "http://mock.internal", insecure_hosts=["mock.internal"]):
        pass


def test_options_of_one_call_are_checked(kind: str) -> None:
    with open_both(kind, "https://api.squadiq.in") as both:
        with pytest.raises(errors.ConfigurationError, match="has no setting 'base_url'"):
            both.client.with_options(base_url="x")
        for campaign_id in (None, " ", ".", "..", "a\n"):
            with pytest.raises(errors.ConfigurationError, match="campaign_id"):
                both.client.campaign(campaign_id)


def test_a_page_size_that_cannot_be_is_refused(kind: str) -> None:
    with open_both(kind, "https://api.squadiq.in") as both:
        for size in (0, 1001):
            assert "page_size is not between 1 and 1000" in str(failing(both, "get_leads", page_size=size))


@pytest.mark.parametrize(("one", "other"), [(SquadIQ, AsyncSquadIQ), (Campaign, AsyncCampaign)])
def test_both_kinds_have_the_same_methods_with_the_same_words(one: type, other: type) -> None:
    def public(cls: type) -> dict[str, Any]:
        return {name: member for name, member in inspect.getmembers(cls) if not name.startswith("_")}

    assert public(one).keys() == public(other).keys()
    for name, method in public(one).items():
        twin = public(other)[name]
        assert inspect.getdoc(method) == inspect.getdoc(twin), name
        assert inspect.getdoc(method), name
        if callable(method):
            ours, theirs = inspect.signature(method), inspect.signature(twin)
            assert list(ours.parameters.values()) == list(theirs.parameters.values()), name


def test_what_is_public_is_listed_and_nothing_else_leaks() -> None:
    assert squadiq.__all__ == sorted(squadiq.__all__)
    assert set(dir(squadiq)) == {*squadiq.__all__, "__version__"}
    for name in squadiq.__all__:
        assert getattr(squadiq, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        squadiq.nothing  # noqa: B018
    tree = {
        name
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, errors.SquadIQError)
    }
    assert tree <= set(squadiq.__all__)


def test_the_default_quota_is_that_of_the_document() -> None:
    spec = Spec.installed()
    with SquadIQ("test_token", quota="memory") as client:
        snapshot = client.quota.snapshot()
    assert (snapshot.limit, snapshot.window_seconds) == (spec.hits, spec.window_seconds)
