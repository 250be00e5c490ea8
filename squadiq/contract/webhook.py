"""Does an endpoint of yours take the webhook `leadProcessed` as the API documentation expects?"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from squadiq.contract.conformance import Hit
from squadiq.contract.curl import without_secrets
from squadiq.contract.deliveries import Deliveries, Delivery
from squadiq.contract.delivery_sender import DeliverySender, Headers
from squadiq.contract.first_look import undelivered
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Finding, Rule
from squadiq.errors import ConfigurationError
from squadiq.spec import Spec

RANDOM_VALID = 30
RANDOM_INVALID = 60
TIMEOUT_SECONDS = 30.0
FIRST_DELIVERIES = 3
"""Valid deliveries of different forms: an endpoint that answers all alike does not look at them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold one request to be sent, and the statuses that are right for it."""

    rule: Rule
    delivery: Delivery
    right: frozenset[int]
    headers: Headers = field(repr=False)


def trials(spec: Spec, headers: Headers, *, seed: int) -> list[Trial]:
    """Return everything that is sent to an endpoint, in its order; nothing is sent yet.

    Args:
        spec: whose webhook it is.
        headers: what was agreed on for authentication.
        seed: the same seed makes the same random deliveries.
    """
    made = Deliveries(spec, seed_number=seed)
    taken, refused = frozenset({201}), frozenset({400, 413})
    valid = made.valid(RANDOM_VALID)
    planned = [Trial(Rule.TAKES_VALID, each, taken, headers) for each in valid]
    repeats = [Delivery(f"repeated: {each.description}", each.body) for each in valid[:5]]
    planned += [Trial(Rule.TAKES_REPEATS, each, taken, headers) for each in repeats for _ in range(2)]
    invalid = made.invalid(RANDOM_INVALID)
    planned += [Trial(Rule.REFUSES_INVALID, each, refused, headers) for each in invalid]
    planned += [
        Trial(
            Rule.REFUSES_CALLERS,
            Delivery(description, made.case(f"contract-caller-{number}")),
            frozenset({403}),
            changed,
        )
        for number, (description, changed) in enumerate(_wrong_credentials(headers), 1)
    ]
    harmless = taken | refused
    planned += [Trial(Rule.NEVER_FAILS, each, harmless, headers) for each in made.hostile()]
    after = Delivery("a valid delivery after all the others", made.case("contract-last"))
    return [*planned, Trial(Rule.TAKES_VALID, after, taken, headers)]


def try_endpoint(
    url: str, planned: Sequence[Trial], *, on_outcome: Callable[[CaseResult], None] = lambda outcome: None
) -> list[CaseResult]:
    """Send trials to an endpoint, one after the other, and return the outcome of each; `on_outcome` hears of it.

    Without credentials one more stays open: nobody can be refused.

    Raises:
        httpx.ConnectError: the endpoint cannot be reached at all.
        ConfigurationError: the environment's proxy cannot be used; or the endpoint answers each of the first
            deliveries, which are valid, as if to a forgotten header or at a wrong path.
    """
    outcomes: list[CaseResult] = []
    statuses: list[int] = []
    with DeliverySender(url, TIMEOUT_SECONDS) as sender:
        for trial in planned:
            outcome = _tried(sender, trial, without_secrets(url))
            if trial.rule is Rule.TAKES_VALID and len(statuses) < FIRST_DELIVERIES:
                statuses.append(outcome.hit.status if outcome.hit else 201)
                names = [name for name, _ in trial.headers]
                if len(statuses) == FIRST_DELIVERIES and (why := undelivered(statuses, names)):
                    raise ConfigurationError(why)
            outcomes.append(outcome)
            on_outcome(outcome)
    if not any(trial.headers for trial in planned):
        outcomes.append(CaseResult("wrong credentials", 0, inconclusive="not tried, no credentials were given"))
    return outcomes


def is_on_this_machine(url: str) -> bool:
    """Tell whether a URL leads to a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tried(sender: DeliverySender, trial: Trial, shown_url: str) -> CaseResult:
    body, rule, status = trial.delivery.body, trial.rule, 0
    try:
        status = sender.post(body, [("Content-Type", "application/json"), *trial.headers]).status
        observed = "" if status in trial.right else f"answered with {status}"
    except httpx.ConnectError:
        raise
    except httpx.HTTPError as failure:
        # Not its message, which may hold the URL, and that a secret.
        observed = type(failure).__name__
    if not observed:
        return CaseResult(trial.delivery.description, 1, rule=rule)
    broken = Rule.NEVER_FAILS if status == 0 or status >= 500 else rule
    hit = Hit("POST", shown_url, body, status, {}, b"", credentials=tuple(name for name, _ in trial.headers))
    return CaseResult(trial.delivery.description, 1, Finding(broken, observed), hit, rule=rule)


def _wrong_credentials(headers: Headers) -> list[tuple[str, Headers]]:
    if not headers:
        return []
    wrong: list[tuple[str, Headers]] = [("without credentials", ())]
    for place, (name, value) in enumerate(headers):
        for description, other in ((f"another {name}", secrets.token_hex(8)), (f"{name} cut short", value[:-1])):
            wrong.append((description, [*headers[:place], (name, other), *headers[place + 1 :]]))
    return wrong
