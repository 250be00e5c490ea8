"""A run of the contract tests against a live service: the plan, the run, and cleaning up after it."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from squadiq._decoding import ACCEPT_ENCODING
from squadiq.auth import AccessToken
from squadiq.config import base_url_from, network_from, quota_name_from
from squadiq.contract.budget import TIMEOUT_SECONDS, RunStoppedError
from squadiq.contract.cases import Case, run_case
from squadiq.contract.first_look import misdirection, refuse_path
from squadiq.contract.guard import GuardedTransport, Permission, Writes
from squadiq.contract.ledger import LeadLedger, new_ledger
from squadiq.contract.random_queries import random_queries, random_read
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import BrokenError
from squadiq.contract.suite import fitting
from squadiq.contract.target import Capability, Target
from squadiq.errors import ConfigurationError, MissingExtraError
from squadiq.phone import normalise
from squadiq.quota import MemoryStore, QuotaStore, open_store, quota_limits
from squadiq.spec import Spec
from squadiq.transport import open_transport

GENERATED_AT_MOST, MAX_HITS = 25, 50
CLEAN_UP_SECONDS = 20.0
"""How long an interrupted run may go on deleting its leads."""


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """Hold what a live run goes by.

    Args:
        base_url: of the service.
        max_hits: requests at most.
        hits_per_minute: the share of the quota, which is 100 unless `SQUADIQ_QUOTA_HITS` says more.
        phone_numbers: given by the user, for leads that the run makes; none for a run that only reads.
        ledgers: folder for the ledger of a run that writes.
        quota: where the quota is kept that all programs with this token share; see `squadiq.quota.open_store`.

    Raises:
        ConfigurationError: a setting is not usable.
    """

    base_url: httpx.URL
    campaign_id: str
    token: AccessToken
    max_hits: int = MAX_HITS
    hits_per_minute: int = 30
    phone_numbers: Sequence[str] = field(default=(), repr=False)
    ledgers: Path = Path()
    quota: str | QuotaStore | None = field(default=None, repr=False)
    seed: int = 0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    spec: Spec = field(default_factory=Spec.installed, repr=False)

    def __post_init__(self) -> None:
        refuse_path(self.base_url)
        if self.max_hits < 1:
            raise ConfigurationError("max_hits: give at least 1.")
        if not 1 <= self.hits_per_minute <= self.limit:
            raise ConfigurationError(
                f"hits_per_minute: give 1 to {self.limit}, or set SQUADIQ_QUOTA_HITS if SquadIQ raised your limit."
            )
        if self.phone_numbers and self.hits_per_minute < 2:
            raise ConfigurationError(
                "hits_per_minute: give at least 2 to a run that writes: a lead is created only with the hit in hand"
                " that disables it."
            )
        if not self.spec.component("CampaignId").is_valid(self.campaign_id):
            raise ConfigurationError("campaign: it is not a campaign_id as the document has them.")
        for place, number in enumerate(self.phone_numbers, 1):
            if why := _wrong_number(self.spec, number):
                raise ConfigurationError(f"phone_number: the {place}. one {why}.")

    @property
    def limit(self) -> int:
        """How many hits a minute the business has: those of the document, or more if the environment says so."""
        hits, of_seconds = quota_limits()
        return max(self.spec.hits, int(hits * self.spec.window_seconds / of_seconds))

    @property
    def cases(self) -> list[Case]:
        """The cases of the run."""
        return fitting([Capability.WRITES] if self.phone_numbers else [])

    @property
    def hits_at_most(self) -> int:
        """How many hits the run may take, what it may not spend left out."""
        # Beside its own hits a case that writes disables and deletes up to four leads of its own.
        needed = sum(each.hits + (8 if each.needs else 0) for each in self.cases)
        return min(self.max_hits, needed + GENERATED_AT_MOST)

    @property
    def minutes_at_most(self) -> int:
        """How many minutes that takes, if nobody else spends the quota."""
        return math.ceil(self.hits_at_most / self.hits_per_minute)


def plan(settings: LiveSettings) -> list[str]:
    """Return what a run will do and what it will never do, in lines for the user."""
    writes = bool(settings.phone_numbers)
    sent = sorted({"getLeads", *(settings.spec.operations if writes else ())})
    lines = [
        f"Target: {settings.base_url}, campaign {settings.campaign_id}",
        f"Operations: {', '.join(sent)}",
        f"Cases: {len(settings.cases)}, then up to {GENERATED_AT_MOST} reads with random queries, as the hits allow",
        f"Hits at most: {settings.hits_at_most}, {settings.hits_per_minute} in a minute"
        f" (of {settings.limit} that the business has)",
        f"Minutes at most: {settings.minutes_at_most}, if nobody else spends the quota",
    ]
    if writes:
        return [
            *lines,
            f"Leads: made by this run, with {len(settings.phone_numbers)} given phone numbers,"
            " disabled at once, deleted at the end",
            "Never sent: anything about a lead that this run has not made, another phone number,"
            " another campaign, a request without the token, an undocumented method",
        ]
    return [
        *lines,
        "Never sent: POST, PATCH, PUT, DELETE or any other method than GET, a request without the token,"
        " another campaign, an undocumented path or parameter",
    ]


@dataclass
class LiveRun:
    """Hold the result of a run: an outcome for each case, and why it ended early, if it did.

    Args:
        began: whether anything could be learnt; if not, `stopped` says why, and there are no outcomes.
    """

    outcomes: list[CaseResult] = field(default_factory=list[CaseResult])
    hits: int = 0
    stopped: str = ""
    began: bool = True
    left_behind: int = 0
    people: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def findings(self) -> list[CaseResult]:
        """The outcomes that found something."""
        return [each for each in self.outcomes if each.finding]


class InterruptedRun(KeyboardInterrupt):
    """A run was interrupted; what came of it until then is in `run`, with the leads that it left behind."""

    def __init__(self, run: LiveRun) -> None:
        super().__init__()
        self.run = run


def run_live(settings: LiveSettings, on_outcome: Callable[[CaseResult], None] = lambda outcome: None) -> LiveRun:
    """Run the cases, then random reads, then clean up; `on_outcome` hears each outcome.

    Raises:
        ConfigurationError: the quota cannot be opened, or the ledger cannot be written.
        InterruptedRun: KeyboardInterrupt came. Leads were deleted for CLEAN_UP_SECONDS at most, or
            until it came once more.
    """
    run = LiveRun()
    ledger = _ledger(settings)
    with _target(settings, ledger) as (target, guard):
        try:
            for each in settings.cases:
                outcome = run_case(each, target)
                refuse_misdirected(target)
                _keep(run, outcome, on_outcome)
            queries = random_queries(settings.spec, GENERATED_AT_MOST, seed_number=settings.seed)
            for query in queries[: guard.reads_left]:
                _keep(run, random_read(target, query), on_outcome)
        except RunStoppedError as stopped:
            run.stopped, run.began = str(stopped), bool(run.outcomes)
        except KeyboardInterrupt:
            guard.slots.hurry(CLEAN_UP_SECONDS)
        finally:
            if ledger:
                _clean(target, guard, ledger)
                run.left_behind = len(ledger.pending)
            run.hits, run.people = guard.hits, frozenset(target.people)
    if guard.slots.in_a_hurry:
        run.stopped = "it was interrupted"
        raise InterruptedRun(run)
    return run


def clean_up(settings: LiveSettings, ledger: LeadLedger) -> int:
    """Delete the leads that a run has left behind, and return how many are still there.

    Raises:
        ConfigurationError: the ledger is of another service or campaign, or names leads that no run
            makes; or the quota cannot be opened.
        KeyboardInterrupt: leads were deleted for CLEAN_UP_SECONDS at most, or until it came once more.
    """
    if (ledger.where.base_url, ledger.where.campaign_id) != (str(settings.base_url), settings.campaign_id):
        raise ConfigurationError(f"{ledger.path.name} is of campaign {ledger.where.campaign_id} at another address.")
    if why := ledger.refusal():
        raise ConfigurationError(f"{ledger.path} is left alone: {why}. Look at the file, and remove it.")
    with _target(settings, ledger) as (target, guard):
        _clean(target, guard, ledger)
    if guard.slots.in_a_hurry:
        raise KeyboardInterrupt
    return len(ledger.pending)


def clean_up_command(settings: LiveSettings) -> str:
    """Return the command that deletes what a run has left behind, for a shell."""
    target, campaign = shlex.quote(str(settings.base_url)), shlex.quote(settings.campaign_id)
    return f"squadiq contract clean-up --target {target} --campaign {campaign}"


def live_settings_url(given: str) -> httpx.URL:
    """Return the address of a service.

    Raises:
        ConfigurationError: it is no URL, or it would send the token in the clear.
    """
    return base_url_from(given, ())


def refuse_misdirected(target: Target) -> None:
    """Stop a run whose only hit so far shows that there is nothing to test.

    Raises:
        RunStoppedError: it does, and why.
    """
    if target.hits == 1 and target.last and (why := misdirection(target.last)):
        raise RunStoppedError(why)


@contextmanager
def _target(settings: LiveSettings, ledger: LeadLedger | None) -> Generator[tuple[Target, GuardedTransport]]:
    writes = Writes(ledger, settings.phone_numbers) if ledger else None
    name = quota_name_from(settings.base_url, settings.token)
    window = settings.spec.window_seconds
    hits, of_seconds = quota_limits()
    store = open_store(settings.quota, name=name, limit=hits, window_seconds=of_seconds)
    guard = GuardedTransport(
        inner=open_transport(network_from(settings.base_url, {})),
        permission=Permission(settings.spec, settings.base_url, settings.campaign_id, settings.token, writes),
        stores=[
            MemoryStore(settings.hits_per_minute, window, now=settings.now),
            store,
        ],
        max_hits=settings.max_hits,
        sleep=settings.sleep,
        now=settings.now,
    )
    with (
        closing(store),
        httpx.Client(
            base_url=settings.base_url,
            transport=guard,
            timeout=TIMEOUT_SECONDS,
            headers={"Accept-Encoding": ACCEPT_ENCODING},
            trust_env=False,
            follow_redirects=False,
        ) as http,
    ):
        yield (
            Target(
                http=http,
                spec=settings.spec,
                token=settings.token.reveal(),
                campaign_id=settings.campaign_id,
                prefix=ledger.where.prefix if ledger else "",
                phone_numbers=settings.phone_numbers,
                offers=frozenset([Capability.WRITES] if ledger else []),
                disable_at_once=True,
            ),
            guard,
        )


def _keep(run: LiveRun, outcome: CaseResult, on_outcome: Callable[[CaseResult], None]) -> None:
    run.outcomes.append(outcome)
    on_outcome(outcome)


def _ledger(settings: LiveSettings) -> LeadLedger | None:
    if not settings.phone_numbers:
        return None
    return new_ledger(settings.ledgers, str(settings.base_url), settings.campaign_id)


def _clean(target: Target, guard: GuardedTransport, ledger: LeadLedger) -> None:
    """Delete what is left; the first interruption hurries it, a second one ends it."""
    try:
        _delete(target, ledger)
    except KeyboardInterrupt:
        if not guard.slots.in_a_hurry:
            guard.slots.hurry(CLEAN_UP_SECONDS)
            with suppress(KeyboardInterrupt):
                _delete(target, ledger)
    ledger.close()


def _delete(target: Target, ledger: LeadLedger) -> None:
    # The latest first: it may not be disabled yet.
    for lead_id in list(reversed(ledger.pending)):
        try:
            target.send("deleteLead", {"lead_id": lead_id})
        except BrokenError:
            continue
        except RunStoppedError:
            return


def _wrong_number(spec: Spec, number: str) -> str:
    if not spec.component("PhoneNumberInput").is_valid(number):
        return "is not a phone number as the document has them"
    try:
        normalise(number)
    except MissingExtraError:
        return ""
    except ValueError as wrong:
        return str(wrong)
    return ""
