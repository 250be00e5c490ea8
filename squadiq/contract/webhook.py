"""Does an endpoint of yours take the webhook `leadProcessed` as the API documentation expects?"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

import httpx

from squadiq.contract.deliveries import Deliveries, Delivery
from squadiq.contract.delivery_sender import DeliverySender, Headers
from squadiq.spec import Spec

RANDOM_VALID = 30
RANDOM_INVALID = 60
TIMEOUT_SECONDS = 30.0
SHOWN_AT_MOST = 8
"""Findings of one rule that a report shows."""


class WebhookRule(Enum):
    """What the documentation expects of an endpoint; in the words of a report."""

    TAKES_VALID = "a valid delivery is answered with 201"
    TAKES_REPEATS = "a repeat is answered with 201"
    REFUSES_INVALID = "an invalid delivery is answered with 400"
    REFUSES_CALLERS = "a caller with wrong credentials is answered with 403"
    NEVER_FAILS = "nothing makes it fail (500 and above, or no response)"


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold one request to be sent, and the statuses that are right for it."""

    rule: WebhookRule
    delivery: Delivery
    right: frozenset[int]
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookFinding:
    """Hold what was wrong with one response."""

    rule: WebhookRule
    words: str


@dataclass
class WebhookRun:
    """Hold what a run found."""

    sent: dict[WebhookRule, int] = field(default_factory=lambda: dict.fromkeys(WebhookRule, 0))
    findings: list[WebhookFinding] = field(default_factory=list[WebhookFinding])

    def report(self) -> list[str]:
        """Return lines for a person: each rule, how often it was tried, and what was wrong."""
        lines: list[str] = []
        for rule, sent in self.sent.items():
            wrong = [finding.words for finding in self.findings if finding.rule is rule]
            if not sent and not wrong:
                lines.append(f"  ?     {rule.value}: not tried, no credentials were given")
                continue
            lines.append(f"  {'WRONG' if wrong else 'ok   '} {rule.value} ({sent} tried, {len(wrong)} wrong)")
            lines += [f"          {words}" for words in wrong[:SHOWN_AT_MOST]]
            if len(wrong) > SHOWN_AT_MOST:
                lines.append(f"          and {len(wrong) - SHOWN_AT_MOST} more")
        return lines


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
    planned = [Trial(WebhookRule.TAKES_VALID, each, taken, headers) for each in valid]
    repeats = [Delivery(f"repeated: {each.words}", each.body) for each in valid[:5]]
    planned += [Trial(WebhookRule.TAKES_REPEATS, each, taken, headers) for each in repeats for _ in range(2)]
    invalid = made.invalid(RANDOM_INVALID)
    planned += [Trial(WebhookRule.REFUSES_INVALID, each, refused, headers) for each in invalid]
    planned += [
        Trial(
            WebhookRule.REFUSES_CALLERS,
            Delivery(words, made.case(f"contract-caller-{number}")),
            frozenset({403}),
            changed,
        )
        for number, (words, changed) in enumerate(_wrong_credentials(headers), 1)
    ]
    harmless = taken | refused
    planned += [Trial(WebhookRule.NEVER_FAILS, each, harmless, headers) for each in made.hostile()]
    after = Delivery("a valid delivery after all the others", made.case("contract-last"))
    return [*planned, Trial(WebhookRule.TAKES_VALID, after, taken, headers)]


def try_endpoint(
    url: str, planned: Sequence[Trial], *, on_outcome: Callable[[WebhookFinding | None], None] = lambda finding: None
) -> WebhookRun:
    """Send trials to an endpoint, one after the other; `on_outcome` hears of each.

    Raises:
        httpx.ConnectError: the endpoint cannot be reached at all.
        ConfigurationError: the environment's proxy cannot be used.
    """
    run = WebhookRun()
    with DeliverySender(url, TIMEOUT_SECONDS) as poster:
        for trial in planned:
            run.sent[trial.rule] += 1
            finding = _tried(poster, trial)
            if finding:
                run.findings.append(finding)
            on_outcome(finding)
    return run


def is_on_this_machine(url: str) -> bool:
    """Tell whether a URL leads to a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tried(poster: DeliverySender, trial: Trial) -> WebhookFinding | None:
    headers = [("Content-Type", "application/json"), *trial.headers]
    try:
        status = poster.post(trial.delivery.body, headers).status
    except httpx.ConnectError:
        raise
    except httpx.HTTPError as failure:
        # Not its message, which may hold the URL, and that a secret.
        return WebhookFinding(WebhookRule.NEVER_FAILS, f"{trial.delivery.words}: {type(failure).__name__}")
    if status in trial.right:
        return None
    rule = WebhookRule.NEVER_FAILS if status >= 500 else trial.rule
    return WebhookFinding(rule, f"{trial.delivery.words}: answered with {status}")


def _wrong_credentials(headers: Headers) -> list[tuple[str, Headers]]:
    if not headers:
        return []
    wrong: list[tuple[str, Headers]] = [("without credentials", ())]
    for place, (name, value) in enumerate(headers):
        for words, other in ((f"another {name}", secrets.token_hex(8)), (f"{name} cut short", value[:-1])):
            wrong.append((words, [*headers[:place], (name, other), *headers[place + 1 :]]))
    return wrong
