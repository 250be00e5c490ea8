"""Cases about access tokens, methods and the quota: a live service they would only strain."""

from __future__ import annotations

from squadiq.contract.cases import case
from squadiq.contract.rules import Rule, require
from squadiq.contract.target import Capability, Target

_BODIES = {
    "createLeads": [{"lead_id": "uniqueleadid1", "phone_number": "12345", "contact_name": "John Doe"}],
    "disableLeads": [{"lead_id": "never_created"}],
    "deleteLead": {"lead_id": "never_created"},
    "updateLead": {"lead_id": "never_created", "contact_name": "John Doe"},
    "convertLead": {"lead_id": "never_created", "detail": "PAID"},
    "getLeads": None,
}


@case(Capability.OTHER_TOKENS, hits=6)
def a_missing_token_is_401(target: Target) -> None:
    for operation_id, body in _BODIES.items():
        response = target.send(operation_id, body, authorization=None)
        _require_denied(target, response.status, Rule.MISSING_TOKEN, operation_id)


@case(Capability.OTHER_TOKENS, hits=12)
def a_wrong_token_or_scheme_is_401(target: Target) -> None:
    for authorization in ("Bearer wrong_token", "Basic dGVzdDp0ZXN0"):
        for operation_id in ("getLeads", "createLeads"):
            response = target.send(operation_id, _BODIES[operation_id], authorization=authorization)
            _require_denied(target, response.status, Rule.WRONG_TOKEN, operation_id)


@case(Capability.OTHER_TOKENS, hits=4)
def a_wrong_token_does_not_learn_which_leads_exist(target: Target) -> None:
    for operation_id in ("disableLeads", "deleteLead", "updateLead", "convertLead"):
        response = target.send(operation_id, _BODIES[operation_id], authorization="Bearer wrong_token")
        _require_denied(target, response.status, Rule.TOKEN_FIRST, operation_id)


def _require_denied(target: Target, status: int, rule: Rule, operation_id: str) -> None:
    require(status == target.readings.denied, rule, f"status {status} for {operation_id}")


@case(Capability.OTHER_METHODS, hits=18)
def a_wrong_method_is_405_and_told_the_right_one(target: Target) -> None:
    for operation_id, operation in target.spec.operations.items():
        for method in {"GET", "PUT", "DELETE"} - {operation.method}:
            response = target.send(operation_id, content=b"", method=method)
            allowed = response.headers.get("allow", "").replace(" ", "").split(",")
            require(operation.method in allowed, Rule.METHOD, f"Allow without {operation.method} for {operation_id}")


@case(Capability.QUOTA, Capability.CLOCK, hits=103)
def the_hit_after_the_quota_is_429_until_the_time_it_names(target: Target) -> None:
    # Whatever was sent before: after two windows the quota is whole again.
    target.advance(2 * target.spec.window_seconds)
    statuses = [target.page().status for _ in range(target.spec.hits)]
    passed = statuses.count(200)
    require(passed == target.spec.hits, Rule.QUOTA, f"{passed} hits of a whole quota passed")
    response = target.page()
    require(response.status == 429, Rule.QUOTA, f"status {response.status} for a hit after the quota")
    target.advance(float(response.headers["retry-after"]))
    response = target.page()
    require(response.status == 200, Rule.QUOTA, f"status {response.status} after the time that Retry-After named")
