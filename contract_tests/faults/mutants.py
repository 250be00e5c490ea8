"""What a planted fault is, and what the folder's modules need to plant one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.targets import FaultyMock, Plant, Respond
from squadiq.contract.rules import Rule
from squadiq.mock.core import Mock
from squadiq.mock.messages import MockRequest, MockResponse, json_response

TOKEN = "test_token"
CREATE, LIST, DISABLE, DELETE, UPDATE, CONVERT = (
    f"/api/v4/leads/{action}/" for action in ("create", "responses", "disable", "delete", "update", "convert")
)
Fault = Callable[[FaultyMock, MockRequest], MockResponse]


@dataclass(frozen=True)
class Planted:
    """A fault: what is wrong, the rule for which it must be caught, and what else it drags along.

    Args:
        drags: rules that are broken as a consequence; no other may be.
        by_machine: whether random sequences must catch it too, for the same rule.
        by_schemathesis: the check of schemathesis that sees it, "" for none.
        quota: whether it shows only on a server with a limit.
        drags_sequences: rules that random sequences see broken as a consequence, since they look at more.
        second_campaign: whether it takes a second campaign, which a full run over HTTP never touches.
        overlap: whether it takes a server that answers several requests at once.
    """

    name: str
    rule: Rule
    plant: Plant
    drags: frozenset[Rule]
    by_machine: bool
    by_schemathesis: str
    quota: bool
    drags_sequences: frozenset[Rule]
    second_campaign: bool
    overlap: bool


FAULTS: dict[str, Planted] = {}


def fault(
    rule: Rule,
    *drags: Rule,
    by_machine: bool = True,
    by_schemathesis: str = "",
    quota: bool = False,
    drags_sequences: Collection[Rule] = (),
    second_campaign: bool = False,
    overlap: bool = False,
) -> Callable[[Fault], Fault]:
    """Add a function that answers in the mock's place."""

    def add(respond: Fault) -> Fault:
        def plant(mock: Mock) -> Respond:
            assert isinstance(mock, FaultyMock)

            def whole(request: MockRequest) -> MockResponse:
                # What a fault does in several steps is one thing to others, unless it is about just that.
                with nullcontext() if overlap else mock.exclusive:
                    return respond(mock, request)

            return whole

        name = respond.__name__.replace("_", " ")
        FAULTS[name] = Planted(
            name,
            rule,
            plant,
            frozenset(drags),
            by_machine,
            by_schemathesis,
            quota or rule is Rule.QUOTA,
            frozenset(drags_sequences),
            second_campaign,
            overlap,
        )
        return respond

    return add


def body_of(request: MockRequest) -> Any:
    """Return the JSON of a request, None if it is none."""
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


def leads_of(request: MockRequest) -> list[dict[str, Any]]:
    """Return the objects of a body, of a list or alone."""
    body = body_of(request)
    items: list[Any] = body if isinstance(body, list) else [body]  # pyright: ignore[reportUnknownVariableType]
    return [item for item in items if isinstance(item, dict)]


def with_body(request: MockRequest, body: Any) -> MockRequest:
    """Return the request with another body."""
    return replace(request, body=json.dumps(body).encode())


def changed(response: MockResponse, **fields: Any) -> MockResponse:
    """Return a response with some fields of its body changed."""
    return json_response(response.status, {**json.loads(response.body), **fields}, *response.headers)


def campaign_of(request: MockRequest) -> str:
    """Return the campaign_id of a path."""
    return request.path.split("/")[-2]


def another(request: MockRequest, path: str, body: Any, method: str = "POST") -> MockRequest:
    """Return a request of the same caller to the same campaign."""
    return replace(
        request, method=method, path=f"{path}{campaign_of(request)}/", query="", body=json.dumps(body).encode()
    )


def each_custom_field(lead: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a lead with its custom fields changed."""
    fixed = ("lead_id", "phone_number", "contact_name")
    return {name: value if name in fixed else change(value) for name, value in lead.items()}
