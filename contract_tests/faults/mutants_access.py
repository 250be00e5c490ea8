"""Faults of access tokens, methods, the quota, statuses and headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contract_tests.faults.mutants import CONVERT, CREATE, DELETE, LIST, TOKEN, UPDATE, Fault, fault, leads_of
from contract_tests.targets import FaultyMock
from squadiq.contract.rules import Rule
from squadiq.mock.messages import MockRequest, MockResponse, json_response
from squadiq.mock.throttle import Throttle


def with_response(change: Callable[[MockResponse], MockResponse]) -> Fault:
    """Return a fault that changes every response."""
    return lambda mock, request: change(mock.sound(request))


def without_header(status: int, name: str) -> Fault:
    """Return a fault that leaves a header out of answers with a status."""

    def change(response: MockResponse) -> MockResponse:
        kept = tuple(header for header in response.headers if header[0] != name)
        return replace(response, headers=kept) if response.status == status else response

    return with_response(change)


def as_owner(request: MockRequest) -> MockRequest:
    return replace(request, headers={**request.headers, "authorization": f"Bearer {TOKEN}"})


@fault(Rule.WRONG_TOKEN, Rule.TOKEN_FIRST, by_machine=False, by_schemathesis="API accepts invalid authentication")
def any_token_is_accepted(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return mock.sound(as_owner(request) if "authorization" in request.headers else request)


@fault(Rule.TOKEN_FIRST, by_machine=False)
def the_lead_is_looked_at_before_the_token(mock: FaultyMock, request: MockRequest) -> MockResponse:
    if request.path.startswith((UPDATE, CONVERT, DELETE)) and "authorization" in request.headers:
        response = mock.sound(as_owner(request)) if _unknown(mock, request) else None
        if response is not None and response.status == 404:
            return response
    return mock.sound(request)


@fault(Rule.MISSING_TOKEN, by_machine=False, by_schemathesis="Missing required header accepted")
def a_missing_token_is_403(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    if "authorization" not in request.headers and response.status == 401:
        return json_response(403, {"detail": "Authentication credentials were not provided."})
    return response


@fault(Rule.MISSING_TOKEN, by_machine=False, by_schemathesis="API accepts requests without authentication")
def no_token_is_needed_to_read(mock: FaultyMock, request: MockRequest) -> MockResponse:
    reads = request.path.startswith(LIST) and "authorization" not in request.headers
    return mock.sound(as_owner(request) if reads else request)


@fault(Rule.HEADERS, by_machine=False, by_schemathesis="Missing required response headers")
def a_401_has_no_challenge(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return without_header(401, "WWW-Authenticate")(mock, request)


@fault(Rule.HEADERS, by_machine=False, by_schemathesis="Wrong response to undeclared method")
def a_405_has_no_allow(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return without_header(405, "Allow")(mock, request)


@fault(Rule.METHOD, by_machine=False, by_schemathesis="Wrong response to undeclared method")
def a_wrong_method_is_taken(mock: FaultyMock, request: MockRequest) -> MockResponse:
    put = request.path.startswith(LIST) and request.method == "PUT"
    return mock.sound(replace(request, method="GET") if put else request)


@fault(Rule.HEADERS, by_machine=False, quota=True)
def a_429_has_no_retry_after(mock: FaultyMock, request: MockRequest) -> MockResponse:
    return without_header(429, "Retry-After")(mock, request)


@fault(Rule.QUOTA, by_machine=False)
def the_quota_is_never_enforced(mock: FaultyMock, request: MockRequest) -> MockResponse:
    _throttled(mock, 0)
    return mock.sound(request)


@fault(Rule.QUOTA, by_machine=False)
def the_quota_is_one_hit_short(mock: FaultyMock, request: MockRequest) -> MockResponse:
    _throttled(mock, 99)
    return mock.sound(request)


@fault(Rule.MEDIA_TYPE, by_schemathesis="Undocumented Content-Type")
def the_content_type_is_html(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return (
        replace(response, headers=(*response.headers, ("content-type", "text/html")))
        if response.status < 300
        else response
    )


@fault(Rule.STATUS, by_schemathesis="Undocumented status code")
def create_is_200(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return replace(response, status=200) if request.path.startswith(CREATE) and response.status == 201 else response


@fault(Rule.STATUS, by_schemathesis="Undocumented status code")
def a_refusal_is_422(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return replace(response, status=422) if response.status == 400 else response


@fault(Rule.SCHEMA, by_schemathesis="Response violates schema")
def a_refusal_has_no_detail(mock: FaultyMock, request: MockRequest) -> MockResponse:
    response = mock.sound(request)
    return json_response(404, {"message": "Not found."}) if response.status == 404 else response


def _unknown(mock: FaultyMock, request: MockRequest) -> bool:
    return all(mock.lead_state("campaign-1", str(lead.get("lead_id"))) is None for lead in leads_of(request))


def _throttled(mock: FaultyMock, hits: int) -> None:
    """Give a mock that has a quota another one, once."""
    if mock.settings.rate and "_planted" not in mock.__dict__:
        mock.__dict__["_planted"] = True
        mock._throttle = Throttle(hits, mock.spec.window_seconds)  # pyright: ignore[reportPrivateUsage]
