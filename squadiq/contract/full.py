"""A full run on a server whose data may be thrown away: probes, cases, sequences, schemathesis."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx

from squadiq._decoding import ACCEPT_ENCODING
from squadiq.auth import AccessToken
from squadiq.config import network_from
from squadiq.contract.budget import TIMEOUT_SECONDS, HitBudget, RunStoppedError
from squadiq.contract.cases import Case, run_case
from squadiq.contract.clocks import ControlEndpoints, run_process_hook
from squadiq.contract.disposable import NOBODYS_NUMBERS, DisposableScope
from squadiq.contract.disposable_transport import DisposableTransport
from squadiq.contract.first_look import refuse_path
from squadiq.contract.isolation import isolated
from squadiq.contract.live import LiveRun, refuse_misdirected
from squadiq.contract.probes import PROBES
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import BrokenError, Rule, require
from squadiq.contract.schemathesis_run import PHASES, SchemathesisRun
from squadiq.contract.sequences import run_sequences
from squadiq.contract.suite import FULL_SUITE, fitting
from squadiq.contract.target import Capability, Target
from squadiq.errors import ConfigurationError
from squadiq.quota import MemoryStore
from squadiq.spec import Spec
from squadiq.transport import open_transport

SEEDED = 5
EMPTIED_AT_MOST = 1000
"""Leads that are deleted before a run; more are left."""
HITS_OF_A_SEQUENCE, HITS_OF_AN_EXAMPLE = 26, 75
"""About as many are measured on the mock: for one sequence, and for each example of schemathesis."""
OFFERED = frozenset(Capability) - {Capability.CLOCK, Capability.KNOWN, Capability.QUOTA, Capability.CAMPAIGNS}
"""What every disposable server offers."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Hold how much of what is drawn is tried: seeds, and for each of them sequences and examples."""

    sequence_seeds: Sequence[int]
    sequences: int
    schemathesis_seeds: Sequence[int]
    examples: int = 10
    phases: Sequence[str] = PHASES

    @property
    def hits(self) -> int:
        """About how many hits that takes."""
        sequences = len(self.sequence_seeds) * self.sequences * HITS_OF_A_SEQUENCE
        return sequences + len(self.schemathesis_seeds) * self.examples * HITS_OF_AN_EXAMPLE


SHORT = Effort(sequence_seeds=(1, 2, 3), sequences=10, schemathesis_seeds=(1, 2, 3))
DEEP = Effort(sequence_seeds=range(1, 11), sequences=50, schemathesis_seeds=range(1, 11), examples=50)


@dataclass(frozen=True, kw_only=True)
class FullSettings:
    """Hold what a full run goes by.

    Args:
        base_url: of the server; `refuse_unless_disposable` has let it through.
        hits_per_minute: 0 for no limit known.
        control_url: of a server with the control endpoints of our mock.
        process_hook: a command after which every lead is processed that is not disabled.
    """

    base_url: httpx.URL
    campaign_id: str
    token: AccessToken
    hits_per_minute: int = 100
    phone_numbers: Sequence[str] = field(default=NOBODYS_NUMBERS, repr=False)
    control_url: httpx.URL | None = None
    process_hook: str = field(default="", repr=False)
    effort: Effort = SHORT
    on_wait: Callable[[float], None] = lambda seconds: None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    spec: Spec = field(default_factory=Spec.installed, repr=False)

    def __post_init__(self) -> None:
        refuse_path(self.base_url)
        if self.hits_per_minute < 0:
            raise ConfigurationError("hits_per_minute: give 0 if no limit is known, or at least 1.")
        if not self.spec.component("CampaignId").is_valid(self.campaign_id):
            raise ConfigurationError("campaign: it is not a campaign_id as the document has them.")
        if self.control_url and self.process_hook:
            raise ConfigurationError("control: give either --control or --process-hook.")
        for place, number in enumerate(self.phone_numbers, 1):
            if not self.spec.component("PhoneNumberInput").is_valid(number):
                raise ConfigurationError(f"phone_number: the {place}. one is not a phone number as the document has.")

    @property
    def offers(self) -> frozenset[Capability]:
        """What the server offers to cases."""
        if self.control_url:
            quota = {Capability.QUOTA} if self.hits_per_minute == self.spec.hits else set[Capability]()
            return OFFERED | {Capability.CLOCK, Capability.KNOWN} | quota
        return OFFERED | ({Capability.CLOCK} if self.process_hook else set[Capability]())

    @property
    def cases(self) -> list[Case]:
        """The cases that the server offers enough for."""
        return fitting(self.offers, FULL_SUITE)

    @property
    def steps(self) -> int:
        """How many outcomes there are at least."""
        return 3 + len(PROBES) + len(FULL_SUITE) + len(self.effort.sequence_seeds) + len(self.effort.schemathesis_seeds)

    @property
    def about_hits(self) -> int:
        """About how many hits a run takes."""
        return sum(each.hits for each in self.cases) + self.effort.hits


def full_plan(settings: FullSettings) -> list[str]:
    """Return what a run will do and what it will never do, in lines for the user."""
    ours = settings.phone_numbers == NOBODYS_NUMBERS
    effort, hits = settings.effort, settings.about_hits
    minutes = math.ceil(hits / settings.hits_per_minute) if settings.hits_per_minute else 0
    return [
        f"Target: {settings.base_url}, campaign {settings.campaign_id}, whose data may be thrown away",
        "Everything that the campaign holds is deleted first, and what the run makes is left in part",
        f"Cases: {len(settings.cases)} of {len(FULL_SUITE)}"
        + ("" if Capability.CLOCK in settings.offers else "; --control or --process-hook lets time pass for more"),
        f"Sequences: {len(effort.sequence_seeds)} seeds of {effort.sequences};"
        f" schemathesis: {len(effort.schemathesis_seeds)} seeds, all checks and phases",
        f"Hits: about {hits}, "
        + (f"{settings.hits_per_minute} in a minute: {minutes} minutes" if minutes else "with no limit known")
        + "; a 429 is waited for",
        "Phone numbers: "
        + ("of a range that nobody has, +91 22 0000 000x" if ours else f"the {len(settings.phone_numbers)} given"),
        "Never sent: anything to another server or another campaign, another phone number",
    ]


@dataclass
class FullRun(LiveRun):
    """Hold the result of a full run, with the readings of the server and how long it asked to wait."""

    readings: Sequence[str] = ()
    waited: float = 0.0


def run_full(settings: FullSettings, on_outcome: Callable[[CaseResult], None] = lambda outcome: None) -> FullRun:
    """Run everything; `on_outcome` hears each outcome. An interruption ends a run early, and what is known is told.

    Raises:
        ConfigurationError: the connection cannot be set up.
    """
    run = FullRun()
    with _disposable_target(settings, run) as (target, transport):
        try:
            for outcome in _outcomes(settings, target, transport, run):
                refuse_misdirected(target)
                run.outcomes.append(outcome)
                on_outcome(outcome)
        except RunStoppedError as stopped:
            run.stopped, run.began = str(stopped), bool(run.outcomes)
        except KeyboardInterrupt:
            run.stopped = "it was interrupted"
        run.hits += transport.hits
        run.people = frozenset(target.people)
        run.readings = target.readings.told
    return run


def _outcomes(
    settings: FullSettings, target: Target, transport: DisposableTransport, run: FullRun
) -> Iterator[CaseResult]:
    yield _run_step(_empty, target)
    for probe in PROBES[:-1]:
        yield _run_step(probe, target)
    yield _run_step(_seed, target)
    yield _run_step(PROBES[-1], target)
    for each in FULL_SUITE:
        if missing := each.needs - settings.offers:
            needs = ", ".join(sorted(_WORDS[capability] for capability in missing))
            yield CaseResult(each.name, 0, inconclusive=f"it takes {needs}")
            continue
        with transport.as_they_come() if Capability.QUOTA in each.needs else nullcontext():
            yield run_case(each, target)
    yield _run_step(_empty, target)
    for seed in settings.effort.sequence_seeds:
        yield _sequences(settings.effort, target, seed)
    schemathesis = SchemathesisRun(
        scope=transport.scope,
        token=target.token,
        readings=target.readings,
        hits_per_minute=settings.hits_per_minute,
        examples=settings.effort.examples,
        phases=settings.effort.phases,
    )
    for seed in settings.effort.schemathesis_seeds:
        try:
            outcomes, hits = schemathesis.run(seed)
        except KeyboardInterrupt:
            why = "it was interrupted; what it had found with this seed is not known, and the findings above are whole"
            yield CaseResult(f"schemathesis with seed {seed}", 0, inconclusive=why)
            raise
        run.hits += hits
        yield from outcomes


_WORDS = {
    Capability.CLOCK: "time that can be let pass (--control or --process-hook)",
    Capability.KNOWN: "a look into the server (--control)",
    Capability.QUOTA: "the limit of the document and --control",
    Capability.CAMPAIGNS: "a second campaign",
}


def _sequences(effort: Effort, target: Target, seed: int) -> CaseResult:
    name, before = f"random sequences with seed {seed}", target.hits
    try:
        with isolated():
            run_sequences(lambda: nullcontext(target), seed_number=seed, examples=effort.sequences, shrink=False)
    except BrokenError as broken:
        return CaseResult(name, target.hits - before, broken.finding, target.last)
    return CaseResult(name, target.hits - before)


def _run_step(step: Callable[[Target], None], target: Target) -> CaseResult:
    return run_case(Case(step.__name__.strip("_"), frozenset(), 0, step), target)


def _empty(target: Target) -> None:
    """Delete what is listed, after all is processed that can be."""
    target.advance(target.process_after_seconds + 1)
    left = EMPTIED_AT_MOST
    while left > 0 and (leads := _first_page(target)):
        for lead in leads:
            target.send("deleteLead", {"lead_id": lead["lead_id"]})
        left -= len(leads)


def _first_page(target: Target) -> list[dict[str, Any]]:
    # What is wrong with a page of its query is found later: here it only says what there is.
    response = target.send("getLeads")
    require(response.status == 200, Rule.LISTS_PROCESSED, f"status {response.status} for a first page")
    results: list[dict[str, Any]] = response.json["results"]
    return results


def _seed(target: Target) -> None:
    """Make leads that are processed, where time can be let pass."""
    if Capability.CLOCK in target.offers:
        target.processed(*[target.lead() for _ in range(SEEDED)])


def _pace(settings: FullSettings) -> HitBudget:
    store = MemoryStore(settings.hits_per_minute, settings.spec.window_seconds, now=settings.now)
    return HitBudget([store], settings.sleep, settings.now)


@contextmanager
def _disposable_target(settings: FullSettings, run: FullRun) -> Generator[tuple[Target, DisposableTransport]]:
    def waits(seconds: float) -> None:
        run.waited += seconds
        settings.on_wait(seconds)

    transport = DisposableTransport(
        inner=open_transport(network_from(settings.base_url, {})),
        scope=DisposableScope(str(settings.base_url), settings.campaign_id, settings.phone_numbers, settings.spec),
        pace=_pace(settings) if settings.hits_per_minute else None,
        on_wait=waits,
        sleep=settings.sleep,
    )
    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "trust_env": False, "follow_redirects": False}
    with (
        httpx.Client(
            base_url=settings.base_url, transport=transport, headers={"Accept-Encoding": ACCEPT_ENCODING}, **options
        ) as http,
        closing(httpx.Client(base_url=settings.control_url or "", **options)) as control_http,
    ):
        target = Target(
            http=http,
            spec=settings.spec,
            token=settings.token.reveal(),
            campaign_id=settings.campaign_id,
            prefix=f"contract-{secrets.token_hex(4)}-",
            phone_numbers=settings.phone_numbers,
            offers=settings.offers,
            shared=True,
            passed=settings.now,
            reserved=transport.reserved,
        )
        if settings.control_url:
            control = ControlEndpoints(control_http)
            target.advance, target.lead_state = control.advance, control.lead_state
        elif settings.process_hook:
            target.process_after_seconds = target.process_from_seconds = 1.0
            target.passed = lambda: 0.0
            target.advance = lambda seconds: run_process_hook(settings.process_hook) if seconds else None
        yield target, transport
