"""The guard lets through what it must and nothing else, whatever asks it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squadiq.auth import AccessToken
from squadiq.contract.guard import (
    GuardedTransport,
    NotAllowedError,
    Permission,
    RunStoppedError,
    Writes,
    allowed_operation,
)
from squadiq.contract.ledger import LeadLedger, LedgerHeader
from squadiq.quota import MemoryStore
from squadiq.spec import Spec
from tests.contract.recording import CAMPAIGN, DOCUMENT, PHONE_NUMBER, TOKEN
from tests.servers import ActingServer, Reply, acting_server

LIST = f"/api/v4/leads/responses/{CAMPAIGN}/"
CREATE = f"/api/v4/leads/create/{CAMPAIGN}/"
DELETE = f"/api/v4/leads/delete/{CAMPAIGN}/"
UPDATE = f"/api/v4/leads/update/{CAMPAIGN}/"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
LEAD = {"lead_id": "mine-1", "phone_number": PHONE_NUMBER, "contact_name": "Contract Test"}


@contextmanager
def guarded(
    writes: Writes | None = None, *, max_hits: int = 1000, store: MemoryStore | None = None
) -> Generator[tuple[httpx.Client, ActingServer]]:
    with acting_server(Reply(202)) as server:
        permission = Permission(DOCUMENT, httpx.URL(server.url), CAMPAIGN, AccessToken(TOKEN), writes)
        guard = GuardedTransport(
            inner=httpx.HTTPTransport(),
            permission=permission,
            stores=[store or MemoryStore(1000)],
            max_hits=max_hits,
        )
        with httpx.Client(base_url=server.url, transport=guard, trust_env=False) as http:
            yield http, server


@pytest.fixture
def writes(tmp_path: Path) -> Writes:
    return Writes(LeadLedger(tmp_path / "run.jsonl", LedgerHeader("http://x", CAMPAIGN, "mine-")), [PHONE_NUMBER])


def test_a_read_of_the_campaign_is_let_through() -> None:
    with guarded() as (http, server):
        http.get(LIST, params={"page": 1, "lead_id": "x"}, headers=HEADERS)
        assert len(server.seen) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD", "QUERY", "get", "G"])
@pytest.mark.parametrize("path", [LIST, CREATE, DELETE, "/", "/api/v4/leads/update/live-1/"])
def test_no_other_method_is_sent_on_any_path_when_only_reading(method: str, path: str) -> None:
    with guarded() as (http, server):
        # httpx writes a method in capitals; what is sent counts, so a request is made by hand.
        request = http.build_request("GET", path, headers=HEADERS, json=LEAD)
        request.method = method
        with pytest.raises(NotAllowedError):
            http.send(request)
        assert server.seen == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (LIST, {}),
        (LIST, {"Authorization": "Bearer other"}),
        (LIST, {"Authorization": f"Basic {TOKEN}"}),
        (LIST, {**HEADERS, "X-HTTP-Method-Override": "DELETE"}),
        (LIST, {**HEADERS, "Cookie": "a=b"}),
        (LIST + "?confirm=1", HEADERS),
        (LIST + "?undocumented=", HEADERS),
        (LIST + "?undocumented", HEADERS),
        (LIST + "?page=1&undocumented=&page_size=1", HEADERS),
        (LIST + "?page=1&page=2", HEADERS),
        (LIST + "?page=1&p%61ge=2", HEADERS),
        (LIST + "?page=1;lead_id=x", HEADERS),
        (LIST, {**HEADERS, "Host": "other.test"}),
        (LIST, {**HEADERS, "Host": "127.0.0.1"}),
        (LIST, {**HEADERS, "Host": ""}),
        (LIST, {**HEADERS, "X-Original-URL": DELETE}),
        (LIST, {**HEADERS, "X-Forwarded-Host": "other.test"}),
        (LIST, {**HEADERS, "Transfer-Encoding": "chunked"}),
        (LIST, {**HEADERS, "Connection": "X-Secret, close"}),
        (LIST, {**HEADERS, "User-Agent": "x\r\nX-HTTP-Method-Override: DELETE"}),
        (LIST.replace("live-1", "%6cive-1"), HEADERS),
        (LIST.replace("responses", "%72esponses"), HEADERS),
        (LIST.replace("/live-1/", "%2Flive-1/"), HEADERS),
        (LIST.replace("/api", "//api"), HEADERS),
        (LIST + "/" + DELETE, HEADERS),
        ("http://user:word@127.0.0.1:PORT" + LIST, HEADERS),
        (LIST + "?page", {**HEADERS, "Content-Type": "application/json"}),
        (LIST.replace(CAMPAIGN, "other"), HEADERS),
        (LIST.rstrip("/"), HEADERS),
        (LIST + "../../delete/x/", HEADERS),
        ("/api/v4/leads/responses/%6cive-2/", HEADERS),
        (CREATE, HEADERS),
        ("http://127.0.0.1:9/api/v4/leads/responses/live-1/", HEADERS),
        ("https://localhost/api/v4/leads/responses/live-1/", HEADERS),
    ],
)
def test_a_get_that_is_not_on_the_list_is_not_sent(path: str, headers: dict[str, str]) -> None:
    with guarded() as (http, server):
        port = str(server.server_address[1])
        with pytest.raises(NotAllowedError) as refused:
            http.get(path.replace("PORT", port), headers=headers)
        assert server.seen == []
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("name", ["Host", "Authorization", "Connection"])
def test_a_header_that_comes_twice_is_not_sent(name: str) -> None:
    with guarded() as (http, server):
        request = http.build_request("GET", LIST, headers=HEADERS)
        request.headers = httpx.Headers([*request.headers.multi_items(), (name, request.headers[name])])
        with pytest.raises(NotAllowedError):
            http.send(request)
        assert server.seen == []


@pytest.mark.parametrize("extension", [{"target": DELETE.encode()}, {"sni_hostname": "other.test"}])
def test_an_extension_that_leads_elsewhere_is_not_sent(extension: dict[str, object]) -> None:
    with guarded() as (http, server):
        with pytest.raises(NotAllowedError):
            http.get(LIST, headers=HEADERS, extensions=extension)
        assert server.seen == []


@pytest.mark.parametrize("declared", [True, False])
def test_a_get_with_a_body_is_not_sent_whether_its_headers_declare_it_or_not(declared: bool) -> None:
    with guarded() as (http, server):
        request = http.build_request("GET", LIST, headers=HEADERS, content=b"[]")
        if not declared:
            del request.headers["content-length"]
        with pytest.raises(NotAllowedError):
            http.send(request)
        assert server.seen == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CREATE, b"not json"),
        (CREATE, b"[]"),
        (CREATE, b"[1]"),
        (CREATE, b"{}"),
        (CREATE, b'{"lead_id": "theirs-1"}'),
        (CREATE, b'[{"lead_id": "mine-1"}, {"lead_id": "theirs-1"}]'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9899999999"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": null}'),
        (CREATE, b'{"lead_id": "mine-1", "contact_name": "x"}'),
        (CREATE, b'[{"lead_id": "mine-1", "phone_number": "9812345678"}, {"lead_id": "mine-2"}]'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": 9812345678}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": ["9812345678"]}'),
        (CREATE, b'{"lead_id": "mine-1", "Phone-Number": "9812345678"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "PhoneNumber": "9899999999"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "phone_number ": "9899999999"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "x": [{"phone_number": "9899999999"}]}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9899999999", "phone_number": "9812345678"}'),
        (CREATE, b'{"lead_id": "theirs-1", "lead_id": "mine-1", "phone_number": "9812345678"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "lead\\u005fid": "theirs-1"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "Lead_ID": "theirs-1"}'),
        (CREATE, b'{"lead_id": ["mine-1"], "phone_number": "9812345678"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "x": NaN}'),
        (CREATE, b'\xef\xbb\xbf{"lead_id": "mine-1", "phone_number": "9812345678"}'),
        (CREATE, '{"lead_id": "mine-1", "phone_number": "9812345678"}'.encode("utf-16")),
        (CREATE, '{"lead_id": "mine-1", "phone_number": "9812345678"}'.encode("utf-16-le")),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "x": "\xff"}'),
        (CREATE, b'{"lead_id": "mine-1", "phone_number": "9812345678", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (CREATE + "?x=1", b'{"lead_id": "mine-1", "phone_number": "9812345678"}'),
        (UPDATE, b'{"lead_id": "mine-1", "phone_number": "9899999999"}'),
        (UPDATE, b'{"contact_name": "x"}'),
        (DELETE, b'{"lead_id": "theirs-1"}'),
    ],
)
def test_nothing_but_own_leads_with_given_numbers_is_written(writes: Writes, path: str, body: bytes) -> None:
    with guarded(writes) as (http, server):
        with pytest.raises(NotAllowedError) as refused:
            http.request(
                "PATCH" if path == UPDATE else "POST",
                path,
                content=body,
                headers={**HEADERS, "Content-Type": "application/json"},
            )
        assert server.seen == []
    assert "9899999999" not in str(refused.value)
    assert not writes.ledger.pending


@pytest.mark.parametrize(
    "header",
    [
        {"X-Other": "1"},
        {"X-HTTP-Method-Override": "PUT"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "text/plain"},
        {"Content-Length": "3"},
        {"Transfer-Encoding": "chunked"},
        {"Host": "other.test"},
    ],
)
def test_a_write_with_a_header_of_its_own_is_not_sent(writes: Writes, header: dict[str, str]) -> None:
    with guarded(writes) as (http, server):
        with pytest.raises(NotAllowedError):
            http.post(CREATE, json=LEAD, headers={**HEADERS, **header})
        assert server.seen == []


def test_nothing_is_written_by_a_run_whose_lead_ids_have_no_prefix(tmp_path: Path) -> None:
    writes = Writes(LeadLedger(tmp_path / "run.jsonl", LedgerHeader("http://x", CAMPAIGN, "")), [PHONE_NUMBER])
    with guarded(writes) as (http, server):
        with pytest.raises(NotAllowedError, match="no prefix"):
            http.post(DELETE, json={"lead_id": "mine-1"}, headers=HEADERS)
        assert server.seen == []


def test_a_lead_stands_in_the_ledger_before_it_is_sent_and_until_it_is_deleted(writes: Writes) -> None:
    on_disk: list[str] = []

    def respond(_: object) -> Reply:
        on_disk.append(writes.ledger.path.read_text())
        return Reply(202)

    with guarded(writes) as (http, server):
        server.handler = respond
        http.post(CREATE, json=[LEAD], headers=HEADERS)
        assert "mine-1" in on_disk[0]
        assert list(writes.ledger.pending) == ["mine-1"]
        http.post(DELETE, json={"lead_id": "mine-1"}, headers=HEADERS)
    assert not writes.ledger.pending


def test_a_create_that_found_no_connection_leaves_nothing_behind(writes: Writes) -> None:
    store = MemoryStore(10)
    with guarded(writes, store=store) as (http, server):
        server.shutdown()
        server.server_close()
        with pytest.raises(RunStoppedError, match="no connection"):
            http.post(CREATE, json=[LEAD], headers=HEADERS)
    assert not writes.ledger.pending
    assert (store.snapshot().free_now, store.snapshot().in_flight) == (10, 0)


def test_a_lead_is_not_created_without_the_hits_to_delete_it(writes: Writes) -> None:
    with guarded(writes, max_hits=3) as (http, server):
        http.post(CREATE, json=[LEAD], headers=HEADERS)
        with pytest.raises(RunStoppedError, match="budget"):
            http.post(CREATE, json=[{**LEAD, "lead_id": "mine-2"}], headers=HEADERS)
        http.post(f"/api/v4/leads/disable/{CAMPAIGN}/", json=[{"lead_id": "mine-1"}], headers=HEADERS)
        http.post(DELETE, json={"lead_id": "mine-1"}, headers=HEADERS)
        assert len(server.seen) == 3


def test_a_new_endpoint_without_a_campaign_is_known_and_not_sent() -> None:
    listed = {"operationId": "getCampaigns", "responses": {"200": {"description": "Campaigns."}}}
    path = "/api/v4/campaigns/"
    contents = {**DOCUMENT.contents, "paths": {**DOCUMENT.contents["paths"], path: {"get": listed}}}
    spec = Spec(contents)
    found = spec.find(path)
    assert found is not None
    assert (found[0].operations["GET"].operation_id, found[1]) == ("getCampaigns", {})
    permission = Permission(spec, httpx.URL("https://api.test"), CAMPAIGN, AccessToken(TOKEN))
    request = httpx.Request("GET", f"https://api.test{path}", headers=HEADERS)
    with pytest.raises(NotAllowedError, match="another campaign"):
        allowed_operation(permission, request)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD", "OPTIONS"]) | st.text("GETPOS"),
    action=st.sampled_from(["responses", "create", "delete", "update", "disable", "convert", "other"]),
    campaign=st.sampled_from([CAMPAIGN, "other", "%2e%2e"]),
    token=st.sampled_from([TOKEN, "other"]),
    query=st.dictionaries(st.sampled_from(["page", "lead_id", "page_size", "action"]), st.just("1"), max_size=2),
    body=st.binary(max_size=3),
)
def test_whatever_is_let_through_is_a_documented_authenticated_get(
    method: str, action: str, campaign: str, token: str, query: dict[str, str], body: bytes
) -> None:
    permission = Permission(DOCUMENT, httpx.URL("https://api.test"), CAMPAIGN, AccessToken(TOKEN))
    request = httpx.Request(
        method or "GET",
        f"https://api.test/api/v4/leads/{action}/{campaign}/",
        params=query,
        headers={"Authorization": f"Bearer {token}"},
        content=body or None,
    )
    with suppress(NotAllowedError):
        assert allowed_operation(permission, request).operation_id == "getLeads"
        assert (request.method, action, campaign, token, body) == ("GET", "responses", CAMPAIGN, TOKEN, b"")
        assert "action" not in query
