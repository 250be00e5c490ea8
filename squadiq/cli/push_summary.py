"""What `squadiq leads push` says in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from squadiq_generated._base import masked

from squadiq.cli.output import initials, shown

if TYPE_CHECKING:
    from squadiq.client import SquadIQ
    from squadiq.errors import SquadIQError
    from squadiq.push.run import PushPlan, PushResult


SHOWN = 20
"""Rejected rows that are told where there is no file for them."""


def as_object(client: SquadIQ, done: PushResult, stopped: SquadIQError | None, *, dry_run: bool) -> dict[str, Any]:
    """Return what came of a push for programs."""
    told: dict[str, Any] = {
        "source": done.source,
        **done.counts.as_json(),
        "notes": list(done.notes),
        "ledger": done.ledger,
        "rejected_file": None if done.rejected_file is None else str(done.rejected_file),
        "unknown_file": None if done.unknown_file is None else str(done.unknown_file),
        "stopped": None if stopped is None else str(stopped),
    }
    if dry_run:
        plan = _plan(client, done)
        told |= {"first": [_masked(lead) for lead in done.first], "plan": {"hits": plan.hits, "minutes": plan.minutes}}
    return told


def as_lines(client: SquadIQ, done: PushResult, *, dry_run: bool) -> Iterator[str]:
    """Yield what came of a push for people."""
    counts = done.counts
    yield f"{done.source}: {counts.rows:,} rows"
    yield from (f"  {note}" for note in done.notes)
    if dry_run:
        yield from _dry(client, done)
    else:
        yield from _counted("created", counts.created)
        yield from _counted("created before, by this ledger", counts.created_before)
        yield from _counted("  of them different now; nothing of that was sent", counts.changed_since)
        yield from _counted("there before, says SquadIQ", counts.existing)
    yield from _counted("rejected", counts.rejected.total())
    yield from (f"  {number:>9,}  {code}" for code, number in sorted(counts.rejected.items()))
    yield from _counted("unknown: may have been created or not", counts.unknown)
    yield from _counted("in the hands of another push", counts.elsewhere)
    if not dry_run:
        yield from _counted("still to be sent", counts.waiting)
        yield f"{counts.hits:>9,}  hits of the quota"
        yield f"ledger: {done.ledger}"
    yield from (f"  row {each.row.number}: {each.code}: {each.reason}" for each in done.rejected[:SHOWN])
    if done.rejected_file is not None:
        yield f"Mend {done.rejected_file} and push it: squadiq leads push {done.rejected_file}"
    if done.unknown_file is not None:
        yield f"Unknown leads are listed in {done.unknown_file}"


def _counted(what: str, number: int) -> Iterator[str]:
    if number:
        yield f"{number:>9,}  {what}"


def _dry(client: SquadIQ, done: PushResult) -> Iterator[str]:
    plan, snapshot = _plan(client, done), client.quota.snapshot()
    yield f"{done.counts.waiting:>9,}  would be sent, unless the ledger knows them, in {plan.hits} hits"
    yield f"           about {plan.minutes:.0f} minutes; {snapshot.free_now} of {snapshot.limit} hits are free now"
    for lead in done.first:
        yield "  " + ", ".join(f"{name}: {value}" for name, value in _masked(lead).items())


def _plan(client: SquadIQ, done: PushResult) -> PushPlan:
    from squadiq.push.run import plan_of

    snapshot = client.quota.snapshot()
    return plan_of(
        done.counts.waiting,
        hits_per_window=snapshot.limit - client.bulk_reserve,
        window_seconds=snapshot.window_seconds,
    )


def _masked(lead: Any) -> Mapping[str, Any]:
    """A lead as it would be sent, with as much of a person as tells whether the columns are right."""
    values: dict[str, Any] = lead.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, value in values.items():
        if "name" in name.lower():
            values[name] = initials(str(value))
        elif name == "lead_id":
            values[name] = masked(str(value))
        elif (said := shown(str(value))) != str(value):
            values[name] = said
    return values
