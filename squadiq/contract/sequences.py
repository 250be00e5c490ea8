"""Random sequences of all operations, on a target and on the model: a Hypothesis state machine."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from itertools import count
from typing import Any, ClassVar

from squadiq.contract.agreement import Agreement
from squadiq.contract.cases import identities, require_apart
from squadiq.contract.drawn import CHANGES, CUSTOM, DETAILS, LEAD_IDS, LEADS, SPELLINGS
from squadiq.contract.isolation import (
    Flaky,
    HealthCheck,
    Phase,
    RuleBasedStateMachine,
    Verbosity,
    initialize,
    rule,
    run_state_machine_as_test,
    seed,
    settings,
    strategies,
)
from squadiq.contract.model import Model, last_digits, lead_name
from squadiq.contract.rules import BrokenError, Rule, require
from squadiq.contract.target import Capability, Target
from squadiq.contract.times import in_seconds

st = strategies

STRANGERS_AT_MOST = 50
"""Leads of others that a campaign may hold while pages are walked."""
MakeTarget = Callable[[], AbstractContextManager[Target]]


class Sequences(RuleBasedStateMachine):
    """Run operations on a target and on the model; whatever they tell must agree."""

    hits: int = 0
    examples = count(1)
    broken: BrokenError | None = None
    target_of_example: ClassVar[list[MakeTarget]]
    """One function, which makes a target that knows of none of the leads yet; `run_sequences` sets it."""

    def __init__(self) -> None:
        super().__init__()
        self._made: AbstractContextManager[Target] = self.target_of_example[0]()
        self.target: Target = self._made.__enter__()
        self._hits = self.target.hits
        self._prefix = f"{self.target.prefix}{next(self.examples)}-"
        self._numbers: dict[str, int] = {}
        timed = Capability.CLOCK in self.target.offers
        began = self.target.passed()
        self.model = Model(
            self.target.process_from_seconds,
            self.target.process_after_seconds if timed else math.inf,
            lambda: self.target.passed() - began,
        )
        self.agreement = Agreement(self.target, self.model)

    def teardown(self) -> None:
        """Look at everything a last time, unless something was found already."""
        cls, found = type(self), sys.exc_info()[1]
        try:
            if found is None:
                self.agreement.look(Rule.CREATES, Rule.KEEPS_FIELDS, *self.model.leads)
                self.walk(page_size=2)
        except BrokenError as broken:
            found = broken
            raise
        finally:
            if isinstance(found, BrokenError):
                cls.broken = cls.broken or found
            if self.target.shared:
                self._clean()
            cls.hits += self.target.hits - self._hits
            self._made.__exit__(None, None, None)

    def _clean(self) -> None:
        """Delete what this example has left, so that it does not stand in the lists of the next one."""
        last = self.target.last
        for lead_id in self.model.leads:
            with suppress(BrokenError):
                self.target.send("deleteLead", {"lead_id": lead_id})
        self.target.last = last

    def of_this_example(self, lead: dict[str, Any]) -> dict[str, Any]:
        """Return a lead with a lead_id that no other example uses and a number of the target, made of the drawn one."""
        return {**self._spelled(lead), "lead_id": self._own(lead["lead_id"])}

    def _spelled(self, fields: dict[str, Any]) -> dict[str, Any]:
        if "phone_number" not in fields:
            return fields
        numbers = self.target.phone_numbers
        place: int = fields["phone_number"]
        digits = last_digits(numbers[place % len(numbers)])
        return {**fields, "phone_number": SPELLINGS[place].format(digits[:5], digits[5:])}

    def _own(self, lead_id: str | int) -> str | int:
        if not self.target.shared:
            return lead_id
        if lead_name(lead_id).isdecimal():
            number = self._numbers.setdefault(lead_name(lead_id), 0) or self.target.number()
            self._numbers[lead_name(lead_id)] = number
            return number if isinstance(lead_id, int) else str(number)
        return f"{self._prefix}{lead_id}"

    def _own_of(self, leads: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave out the leads of others, where there may be some."""
        if not self.target.shared:
            return list(leads)
        numbers = {str(number) for number in self._numbers.values()}
        return [
            lead for lead in leads if str(lead["lead_id"]).startswith(self._prefix) or str(lead["lead_id"]) in numbers
        ]

    @initialize(batch=st.lists(LEADS, min_size=2, max_size=5, unique_by=lambda lead: str(lead["lead_id"])))
    def begin(self, batch: list[dict[str, Any]]) -> None:
        """Begin with some leads, since most operations need one."""
        self.create(batch, alone=False, bad="")

    @rule(
        batch=st.lists(LEADS, min_size=1, max_size=3), alone=st.booleans(), bad=st.sampled_from(["", "", "name", "nul"])
    )
    def create(self, batch: list[dict[str, Any]], alone: bool, bad: str) -> None:
        """Create leads, sometimes with one that is to be refused."""
        batch = [self.of_this_example(lead) for lead in batch]
        if bad == "name":
            del batch[-1]["contact_name"]
        elif bad:
            batch[-1]["note"] = "a\0b"
        lead_ids = [lead_name(lead["lead_id"]) for lead in batch]
        response = self.target.send("createLeads", batch[0] if alone and len(batch) == 1 else batch)
        repeated = len(set(lead_ids)) < len(lead_ids) or not self.model.leads.keys().isdisjoint(lead_ids)
        if bad:
            require(response.status == 400, Rule.INVALID, f"status {response.status} for a bad lead")
        elif not repeated:
            require(response.status == 201, Rule.CREATES, f"status {response.status} for new leads")
        if response.status == 201:
            self.model.create(batch)
            self.agreement.look(Rule.CREATES, Rule.KEEPS_FIELDS, *lead_ids)
        else:
            self.agreement.look(Rule.BATCH_WHOLE, Rule.BATCH_WHOLE, *lead_ids)

    @rule(number=st.integers(1, 3))
    def create_elsewhere(self, number: int) -> None:
        """Create a lead in another campaign, where that is allowed."""
        if Capability.CAMPAIGNS not in self.target.offers:
            return
        lead = self.target.lead(lead_id=f"elsewhere{number}")
        self.target.send("createLeads", [lead], campaign_id=f"{self.target.campaign_id}-2")
        self.model.elsewhere.add(lead["lead_id"])

    @rule(lead_id=LEAD_IDS, changes=CHANGES, custom=CUSTOM)
    def update(self, lead_id: str | int, changes: dict[str, Any], custom: dict[str, Any]) -> None:
        """Update a lead, whether it exists or not."""
        lead_id = self._own(lead_id)
        fields = {**custom, **self._spelled(changes)}
        response = self.target.update(lead_id, **fields)
        lead = self.model.leads.get(lead_name(lead_id))
        if lead is None:
            self.agreement.require_unknown(response.status, lead_name(lead_id))
            return
        require(response.status == 200, Rule.UPDATES, f"status {response.status} for a lead that exists")
        lead.set(fields)
        self.agreement.look_at_update(lead_name(lead_id), fields)

    @rule(lead_id=LEAD_IDS, detail=DETAILS)
    def convert(self, lead_id: str | int, detail: str) -> None:
        """Mark a lead converted, whether it exists or not, and whether the detail is too long or not."""
        lead_id = self._own(lead_id)
        response = self.target.send("convertLead", {"lead_id": lead_id, "detail": detail})
        lead = self.model.leads.get(lead_name(lead_id))
        if len(detail) > 32:
            require(
                response.status == 400, Rule.DETAIL_LENGTH, f"status {response.status} for {len(detail)} characters"
            )
        elif lead is None:
            self.agreement.require_unknown(response.status, lead_name(lead_id))
        else:
            long = len(detail.encode()) > 32
            require(
                response.status == 200, Rule.DETAIL_CHARACTERS if long else Rule.CONVERTS, f"status {response.status}"
            )
            lead.detail = detail
        self.agreement.look(Rule.CREATES, Rule.CONVERTS, lead_name(lead_id))

    @rule(lead_ids=st.lists(LEAD_IDS, min_size=1, max_size=3), alone=st.booleans())
    def disable(self, lead_ids: list[str | int], alone: bool) -> None:
        """Disable leads, of which some may not exist."""
        lead_ids = [self._own(lead_id) for lead_id in lead_ids]
        references = [{"lead_id": lead_id} for lead_id in lead_ids]
        response = self.target.send("disableLeads", references[0] if alone and len(references) == 1 else references)
        names = [lead_name(lead_id) for lead_id in lead_ids]
        if self.model.leads.keys() >= set(names):
            require(response.status == 201, Rule.DISABLES, f"status {response.status} for leads that exist")
            self.model.disable(names)
            self.agreement.look(Rule.CREATES, Rule.DISABLES, *names)
        elif self.target.readings.ignores_unknown:
            require(response.status == 201, Rule.DISABLES, f"status {response.status} for leads of which some exist")
            self.model.disable([name for name in names if name in self.model.leads])
        else:
            require(
                response.status in (400, 404), Rule.UNKNOWN, f"status {response.status} for leads that do not exist"
            )
            self.agreement.look(Rule.BATCH_WHOLE, Rule.BATCH_WHOLE, *names)

    @rule(lead_id=LEAD_IDS)
    def delete(self, lead_id: str | int) -> None:
        """Delete a lead, whether it exists or not."""
        lead_id = self._own(lead_id)
        response = self.target.send("deleteLead", {"lead_id": lead_id})
        if lead_name(lead_id) not in self.model.leads:
            self.agreement.require_unknown(response.status, lead_name(lead_id))
            return
        require(response.status == 202, Rule.DELETES, f"status {response.status} for a lead that exists")
        self.model.delete(lead_name(lead_id))
        known = Capability.KNOWN in self.target.offers and self.agreement.known(lead_name(lead_id)) is not None
        require(not known, Rule.DELETES, "a deleted lead is still known")

    @rule(share=st.sampled_from([0.25, 0.5, 1.0, 1.0]))
    def wait(self, share: float) -> None:
        """Let some of the time pass after which leads are processed."""
        passing = int(self.target.process_after_seconds * share)
        self.target.advance(passing)
        self.model.now += passing

    @rule(page_size=st.integers(1, 4))
    def walk(self, page_size: int) -> None:
        """Read all pages: together they hold each processed lead once."""
        leads: list[dict[str, Any]] = []
        number, goes_on = 0, True
        at_most = len(self.model.leads) + 2 + (STRANGERS_AT_MOST if self.target.shared else 0)
        while goes_on and number < at_most:
            number += 1
            response = self.target.page(page=number, page_size=page_size)
            require(response.status == 200, Rule.NEXT, f"status {response.status} for a page that next led to")
            leads += response.json["results"]
            self.agreement.require_nobody_else(identities(self._own_of(leads)), self.model.leads)
            require_apart(identities(leads), number)
            goes_on = response.json["next"] is not None
        require(not goes_on, Rule.NEXT, "pages without an end")
        self.agreement.require_agreement({str(lead["lead_id"]): lead for lead in self._own_of(leads)}, self.model.leads)
        past = self.target.page(page=number + 1, page_size=page_size)
        require(past.status == 404, Rule.PAST_THE_END, f"status {past.status}")

    @rule(lead_id=LEAD_IDS | st.sampled_from(["elsewhere1", "elsewhere2", "never_created"]))
    def select(self, lead_id: str | int) -> None:
        """Read one lead by its lead_id."""
        lead_id = self._own(lead_id)
        found = {str(lead["lead_id"]): lead for lead in self.target.listed(lead_id=lead_id)}
        name = lead_name(lead_id)
        others = found.keys() - {name} - self.model.elsewhere
        require(not others, Rule.ONE_LEAD, f"{len(others)} other leads")
        self.agreement.require_agreement(found, {name: self.model.leads[name]} if name in self.model.leads else {})

    @rule(shift_after=st.sampled_from([None, -1, 0, 1]), shift_before=st.sampled_from([None, -1, 0, 1]), pick=st.data())
    def between(self, shift_after: int | None, shift_before: int | None, pick: st.DataObject) -> None:
        """Read the leads of a time, whose ends lie at the seconds of others or just beside."""
        leads = {str(lead["lead_id"]): lead for lead in self._own_of(self.target.listed())}
        self.agreement.require_agreement(leads, self.model.leads)
        everyone = {lead_id: int(in_seconds(lead["processed_at"])) for lead_id, lead in leads.items()}
        if not everyone:
            return
        first, last = (pick.draw(st.sampled_from(sorted(everyone.values()))) for _ in range(2))
        query: dict[str, int] = {}
        if shift_after is not None:
            query["processed_after"] = first + shift_after
        if shift_before is not None:
            query["processed_before"] = last + shift_before
        low, high = query.get("processed_after", 0), query.get("processed_before", 2**60)
        wanted = {lead_id for lead_id, moment in everyone.items() if low <= moment <= high}
        found = set(identities(self._own_of(self.target.listed(**query))))
        require(found <= wanted, Rule.TIME_FILTER, f"{len(found - wanted)} leads from outside")
        edges = all(everyone[each] in (low, high) for each in wanted - found)
        require(found == wanted, Rule.TIME_EDGES if edges else Rule.TIME_FILTER, f"{len(wanted - found)} leads too few")


def run_sequences(
    make_target: MakeTarget, *, seed_number: int, examples: int, steps: int = 25, shrink: bool = True
) -> int:
    """Run random sequences and return the number of hits.

    Raises:
        BrokenError: a rule is broken; `hits` of the error are those up to then.
    """
    machine: Any = seed(seed_number)(type("SeededSequences", (Sequences,), {"target_of_example": [make_target]}))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
                verbosity=Verbosity.normal if shrink else Verbosity.quiet,
                print_blob=False,
            ),
        )
    except (AssertionError, Flaky):
        # What is not found a second time was found all the same: on a port time passes, and others may call.
        if machine.broken is None:
            raise
        machine.broken.__dict__["hits"] = machine.hits
        raise machine.broken from None
    return int(machine.hits)
