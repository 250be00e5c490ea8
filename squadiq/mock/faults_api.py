"""The helper endpoint at `/_mock/faults`: look at what is planned to go wrong, plan more, take all back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from squadiq._extras import needs_extra
from squadiq.mock.faults import FaultError, FaultPlan, PlannedFault, planned_fault
from squadiq.mock.messages import MockRequest, MockResponse, json_response, refused, refused_for

with needs_extra("mock"):
    import orjson

FAULTS = "/_mock/faults"


def handle_faults(plan: FaultPlan, add: Callable[[PlannedFault], None], request: MockRequest) -> MockResponse:
    """Answer with what is planned, after it is changed as the request says.

    Args:
        plan: of the mock.
        add: plans one more.
        request: a GET, a POST with a fault as an object, or a DELETE.

    Raises:
        RefusedError: the method is another one, or the body is not a fault.
    """
    match request.method:
        case "GET":
            return json_response(200, plan.shown())
        case "POST":
            try:
                add(planned_fault(_object(request.body)))
            except FaultError as wrong:
                raise refused_for(400, {wrong.field: [f"{wrong.words[:1].upper()}{wrong.words[1:]}."]}) from None
            return json_response(201, plan.shown())
        case "DELETE":
            plan.clear()
            return json_response(200, plan.shown())
        case _:
            raise refused(405, f'Method "{request.method}" not allowed.', ("Allow", "GET, POST, DELETE"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        options = orjson.loads(body)
    except orjson.JSONDecodeError:
        options = None
    if not isinstance(options, dict):
        raise FaultError("fault", 'give an object such as {"kind": "500", "count": 2}')
    return options  # pyright: ignore[reportUnknownVariableType]
