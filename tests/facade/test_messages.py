"""A message says which call it was, where it went, why it failed and what may have been meant."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import trustme
from squadiq_generated.client import convert_lead, create_leads, delete_lead, disable_leads, get_leads, update_lead

from squadiq import Lead, SquadIQ, errors
from squadiq._network import why_not_connected
from squadiq.config import API_PATH
from squadiq.errors import sentences
from tests.facade.test_client import LEAD, TOKEN, failing, open_both
from tests.facade.test_settings import refusal
from tests.servers import Reply, acting_server

GONE = Reply(404, {"detail": "Not found."})


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_refused_connection_is_told_with_port_and_reason(kind: str) -> None:
    with acting_server(Reply()) as server:
        url = server.url
    with open_both(kind, url, max_attempts=1) as both:
        error = failing(both, "convert_lead", "u1", detail="PAID")
    address = url.removeprefix("http://")
    assert str(error) == (
        f"convertLead: no response from {address} for lead 'u1' in campaign 'campaign-1' "
        "(ConnectError: Connection refused)"
    )


def test_a_proxy_that_refuses_is_named_without_its_password(kind: str) -> None:
    with acting_server(Reply()) as server:
        proxy = server.url.removeprefix("http://")
    with open_both(kind, "https://squadiq.test", proxy=f"http://me:s3cret@{proxy}", max_attempts=1) as both:
        said = str(failing(both, "get_leads"))
    assert f"no response from squadiq.test:443 through the proxy {proxy} (proxy)" in said
    assert "s3cret" not in said


@contextmanager
def server_without_tls() -> Generator[str]:
    """Answer one hello of TLS as a server of plain HTTP does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_what_is_wrong_with_tls_is_told(kind: str) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = trustme.CA().issue_cert("127.0.0.1")
    certificate.configure_cert(server_side)
    with server_without_tls() as url, open_both(kind, url, max_attempts=1) as both:
        assert "is it http:// there?" in str(failing(both, "get_leads"))
    with acting_server(Reply()) as server:
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        with open_both(kind, server.url.replace("http:", "https:"), max_attempts=1) as both:
            assert "the certificate cannot be trusted: " in str(failing(both, "get_leads"))


def chained(*causes: BaseException) -> BaseException:
    for cause, failure in pairwise(causes):
        failure.__cause__ = cause
    return causes[-1]


def test_the_reason_is_what_the_system_said_first_and_never_a_peer() -> None:
    unknown = chained(socket.gaierror(-2, "Name or service not known"), OSError("all failed"), ValueError("secret"))
    assert why_not_connected(unknown).startswith("there is no address for this name")
    several = chained(
        ExceptionGroup("all", [ConnectionRefusedError(111, "x"), OSError(113, "y")]), OSError("all failed")
    )
    assert why_not_connected(several) == "Connection refused"
    assert why_not_connected(ssl.SSLError(1, "what a peer may have said")) == "TLS: it failed"
    assert why_not_connected(ValueError("what a peer said")) == ""
    assert why_not_connected(OSError("secret", "secret")) == ""
    assert why_not_connected(OSError(10**30, "secret")) == ""
    circle = ValueError()
    circle.__cause__ = circle
    assert why_not_connected(circle) == ""


@pytest.mark.parametrize(
    ("lead_id", "shown"),
    [("u1", "u1"), ("asha@example.com", "…om"), ("9876543210", "…10"), ("Asha Rao", "…ao"), ("asha", "…ha")],
)
def test_an_error_says_which_lead_of_which_campaign(kind: str, lead_id: str, shown: str) -> None:
    with acting_server(GONE) as server, open_both(kind, server.url) as both:
        error = failing(both, "delete_lead", lead_id)
    assert (error.operation, error.campaign_id, error.lead_id) == ("deleteLead", "campaign-1", shown)
    assert str(error) == f"deleteLead was answered with 404 for lead '{shown}' in campaign 'campaign-1': Not found."


@pytest.mark.parametrize(
    ("name", "arguments", "fields", "lead_id"),
    [
        ("create_leads", [[LEAD]], {}, "u1"),
        ("create_leads", [[LEAD, {**LEAD, "lead_id": "u2", "phone_number": "9876543211"}]], {}, None),
        ("update_lead", ["asha-1"], {"contact_name": "Asha"}, "…-1"),
        ("disable_leads", [["u1"]], {}, "u1"),
        ("get_leads", [], {"lead_id": "u1"}, "u1"),
        ("get_leads", [], {}, None),
    ],
)
def test_every_operation_says_so(
    kind: str, name: str, arguments: list[Any], fields: dict[str, Any], lead_id: str | None
) -> None:
    with acting_server(GONE) as server, open_both(kind, server.url) as both:
        error = failing(both, name, *arguments, **fields)
    assert (error.campaign_id, error.lead_id) == ("campaign-1", lead_id)
    assert "in campaign 'campaign-1'" in str(error)


@pytest.mark.parametrize(
    ("name", "arguments", "fields", "operation"),
    [
        ("create_leads", [[{**LEAD, "phone_number": "12"}]], {}, "createLeads"),
        ("update_lead", ["u1"], {}, "updateLead"),
        ("convert_lead", ["u1"], {"detail": ""}, "convertLead"),
        ("disable_leads", [[" "]], {}, "disableLeads"),
        ("delete_lead", [" "], {}, "deleteLead"),
    ],
)
def test_what_is_refused_before_it_is_sent_says_of_what_it_was(
    kind: str, name: str, arguments: list[Any], fields: dict[str, Any], operation: str
) -> None:
    with open_both(kind, "http://127.0.0.1", quota="memory") as both:
        error = failing(both, name, *arguments, **fields)
    assert isinstance(error, errors.InvalidInputError)
    assert (error.operation, error.campaign_id) == (operation, "campaign-1")


def test_there_is_one_full_stop_between_sentences(kind: str) -> None:
    with acting_server(Reply(403, {"detail": "No permission."})) as server, open_both(kind, server.url) as both:
        said = str(failing(both, "get_leads"))
    assert said.endswith(": No permission. Check the access token and the campaign")
    assert sentences("Is it?", "Yes!", "So", "be it.") == "Is it? Yes! So. be it."
    problem = errors.Problem(0, "u1", "plan", "must be Lite or Pro.")
    assert str(errors.InvalidInputError([problem])) == "lead 'u1': plan must be Lite or Pro. Nothing was sent."


@pytest.mark.parametrize("path", ["/api/v4", "/api/v4/", "/squadiq/api/v4", "/api/v4/leads/create/{campaign_id}/"])
def test_a_base_url_that_holds_the_path_of_the_api_is_refused(kind: str, path: str) -> None:
    said = refusal(kind, base_url=f"https://gateway.test:8443{path}")
    assert "has /api/v4 in it" in said
    assert said.endswith("such as https://gateway.test:8443.")
    with open_both(kind, "https://gateway.test/api/v45", quota="memory"):
        pass  # another path of a gateway


def test_the_path_of_the_api_is_that_of_all_its_operations() -> None:
    lead = Lead(lead_id="u1", phone_number="9876543210", contact_name="Asha")
    for operation in (create_leads, update_lead, convert_lead, disable_leads, delete_lead):
        made: Any = operation
        assert made.get_kwargs("c1", body=lead)["url"].startswith(f"{API_PATH}/")
    assert get_leads.get_kwargs("c1")["url"].startswith(f"{API_PATH}/")


@pytest.mark.parametrize("campaign_id", ["{campaign_id}", "<campaign_id>", " {id} "])
def test_a_placeholder_of_an_example_is_no_campaign(kind: str, campaign_id: str) -> None:
    assert "placeholder" in refusal(kind, campaign_id=campaign_id)
    with open_both(kind, "http://127.0.0.1", quota="memory") as both:
        assert "placeholder" in str(failing(both, "delete_lead", "u1", campaign_id=campaign_id))


def test_a_misspelt_setting_is_told_what_may_be_meant(kind: str) -> None:
    assert "'timout_seconds': did you mean 'timeout_seconds'?" in refusal(kind, timout_seconds=1)
    assert refusal(kind, zzz=1) == "There is no setting 'zzz'."
    with (
        SquadIQ(TOKEN, quota="memory", base_url="http://127.0.0.1") as client,
        pytest.raises(errors.ConfigurationError, match="did you mean 'max_attempts'"),
    ):
        client.with_options(max_atempts=3)  # type: ignore[call-arg]


def test_hosts_for_plain_http_may_stand_in_the_environment(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_INSECURE_HOSTS", "mock, Other.Internal")
    for url in ("http://mock:8765", "http://other.internal"):
        with open_both(kind, url, quota="memory"):
            pass
    for url in ("http://mock.evil.test", "http://evil-mock", "http://internal"):
        assert "SQUADIQ_INSECURE_HOSTS=" in refusal(kind, base_url=url)


@pytest.mark.parametrize("value", ["*", "http://mock", "mock:8765", "*.internal", "10.0.0.0/8"])
def test_what_is_no_name_of_a_host_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SQUADIQ_INSECURE_HOSTS", value)
    assert "SQUADIQ_INSECURE_HOSTS must hold names of hosts" in refusal(kind, base_url="http://mock")
