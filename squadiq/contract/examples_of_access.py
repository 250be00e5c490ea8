"""Examples about access tokens, methods and the quota: not for a live target, which they would only strain."""

from __future__ import annotations

from squadiq.contract.examples import example
from squadiq.contract.rules import Rule, demand
from squadiq.contract.target import Need, Target

_BODIES = {
    "createLeads": [{"lead_id": "uniqueleadid1", "phone_number": "9876543210", "contact_name": "John Doe"}],
    "disableLeads": [{"lead_id": "never_created"}],
    "deleteLead": {"lead_id": "never_created"},
    "updateLead": {"lead_id": "never_created", "contact_name": "John Doe"},
    "convertLead": {"lead_id": "never_created", "detail": "PAID"},
    "getLeads": None,
}


@example(Need.OTHER_TOKENS, hits=6)
def a_missing_token_is_401(target: Target) -> None:
    for operation_id, body in _BODIES.items():
        answer = target.send(operation_id, body, authorization=None)
        demand(answer.status == 401, Rule.MISSING_TOKEN, f"status {answer.status} for {operation_id}")


@example(Need.OTHER_TOKENS, hits=12)
def a_wrong_token_or_scheme_is_401(target: Target) -> None:
    for authorization in ("Bearer wrong_token", "Basic dGVzdDp0ZXN0"):
        for operation_id in ("getLeads", "createLeads"):
            answer = target.send(operation_id, _BODIES[operation_id], authorization=authorization)
            demand(answer.status == 401, Rule.WRONG_TOKEN, f"status {answer.status} for {operation_id}")


@example(Need.OTHER_TOKENS, hits=4)
def a_wrong_token_does_not_learn_which_leads_exist(target: Target) -> None:
    for operation_id in ("disableLeads", "deleteLead", "updateLead", "convertLead"):
        answer = target.send(operation_id, _BODIES[operation_id], authorization="Bearer wrong_token")
        demand(answer.status == 401, Rule.TOKEN_FIRST, f"status {answer.status} for {operation_id} of an unknown lead")


@example(Need.OTHER_METHODS, hits=18)
def a_wrong_method_is_405_and_told_the_right_one(target: Target) -> None:
    for operation_id, operation in target.document.operations.items():
        for method in {"GET", "PUT", "DELETE"} - {operation.method}:
            answer = target.send(operation_id, content=b"", method=method)
            allowed = answer.headers.get("allow", "").replace(" ", "").split(",")
            demand(operation.method in allowed, Rule.METHOD, f"Allow without {operation.method} for {operation_id}")


@example(Need.QUOTA, Need.CLOCK, hits=103)
def the_hit_after_the_quota_is_429_until_the_time_it_names(target: Target) -> None:
    # Whatever was sent before: after two windows the quota is whole again.
    target.advance(2 * target.document.window_seconds)
    statuses = [target.page().status for _ in range(target.document.hits)]
    passed = statuses.count(200)
    demand(passed == target.document.hits, Rule.QUOTA, f"{passed} hits of a whole quota passed")
    answer = target.page()
    demand(answer.status == 429, Rule.QUOTA, f"status {answer.status} for a hit after the quota")
    target.advance(float(answer.headers["retry-after"]))
    answer = target.page()
    demand(answer.status == 200, Rule.QUOTA, f"status {answer.status} after the time that Retry-After named")
