"""`squadiq leads delete --everywhere`: at SquadIQ and in every place of ours that keeps something of a lead."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squadiq._extras import needs_extra
from squadiq.cli.places import inbox_at, outbox_at
from squadiq.errors import NotFoundError, SquadIQError

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.campaign import Campaign
    from squadiq.client import SquadIQ

Erase = Callable[[str], int]
"""Erases a lead; returns how much there was of it."""


@dataclass(frozen=True, slots=True)
class ErasurePlaces:
    """Where else than at SquadIQ something of a lead is; None where nobody said it."""

    outbox: str | None
    inbox: str | None
    outcomes: str | None
    ledger: str | None


@dataclass(slots=True)
class _Erasure:
    """What came of one place; `failed` in words without anything about a person."""

    done: str
    erased: int = 0
    failed: str = ""

    def __str__(self) -> str:
        return f"{self.erased} {self.done}" + (f"; could not be reached: {self.failed}" if self.failed else "")


def delete_everywhere(
    client: SquadIQ, campaign: Campaign[Any], lead_ids: Sequence[str], places: ErasurePlaces, *, as_json: bool
) -> None:
    """Delete leads in every place, tell what came of it, and end the command with 1 if one could not be reached.

    The outbox comes first, so that nothing creates a lead anew; the inbox after SquadIQ, which then delivers no more.
    """
    told: dict[str, _Erasure | str] = {}
    for name, place in _places(campaign, places):
        told[name] = f"not asked; give --{name}" if place is None else _erased(name, place, lead_ids)
    told["ledger"] = _in_ledger(client, campaign.campaign_id, places.ledger, lead_ids)
    failed = [name for name, what in told.items() if isinstance(what, _Erasure) and what.failed]
    if as_json:
        typer.echo(json.dumps({name: _as_object(what) for name, what in told.items()}))
    else:
        for name, what in told.items():
            typer.echo(f"{name:<8} {what}")
    if failed:
        typer.echo(f"squadiq: NOT DELETED EVERYWHERE: {', '.join(failed)}. Run the same command again.", err=True)
        raise typer.Exit(1)


def _erased(name: str, opened: AbstractContextManager[Erase], lead_ids: Sequence[str]) -> _Erasure:
    erasure = _Erasure("deleted" if name == "squadiq" else "erased")
    try:
        with opened as erase:
            for lead_id in lead_ids:
                erasure.erased += erase(lead_id)
    except (SquadIQError, typer.BadParameter) as error:
        erasure.failed = str(error)
    return erasure


def _as_object(what: _Erasure | str) -> Any:
    if isinstance(what, str):
        return what
    return {what.done: what.erased, **({"error": what.failed} if what.failed else {})}


def _places(
    campaign: Campaign[Any], places: ErasurePlaces
) -> Iterator[tuple[str, AbstractContextManager[Erase] | None]]:
    """Each place and what erases there; None if nobody said where it is."""
    campaign_id = campaign.campaign_id
    yield "outbox", _of_outbox(places.outbox, campaign_id) if places.outbox else None
    yield "squadiq", _of_squadiq(campaign)
    yield "inbox", _of_inbox(places.inbox, campaign_id) if places.inbox else None
    yield "outcomes", _of_outcomes(places.outcomes, campaign_id) if places.outcomes else None


@contextmanager
def _of_squadiq(campaign: Campaign[Any]) -> Generator[Erase]:
    def erase(lead_id: str) -> int:
        try:
            campaign.delete_lead(lead_id)
        except NotFoundError as error:
            if not error.is_api_error:
                raise
            return 0
        return 1

    yield erase


@contextmanager
def _of_outbox(place: str, campaign_id: str) -> Generator[Erase]:
    with outbox_at(place) as outbox:
        yield lambda lead_id: outbox.erase(campaign_id, lead_id)


@contextmanager
def _of_inbox(place: str, campaign_id: str) -> Generator[Erase]:
    with inbox_at(place) as inbox:
        yield lambda lead_id: inbox.erase(campaign_id, lead_id)


@contextmanager
def _of_outcomes(place: str, campaign_id: str) -> Generator[Erase]:
    from squadiq.outcomes.errors import OutcomesError
    from squadiq.outcomes.target import opened_table

    with opened_table(place) as table:
        if not table.exists():
            raise OutcomesError(f"{table.place} is not there.")
        yield lambda lead_id: table.erase(campaign_id, lead_id)


def _in_ledger(client: SquadIQ, campaign_id: str, place: str | None, lead_ids: Sequence[str]) -> _Erasure | str:
    with needs_extra("push"):
        from squadiq.push.changes import erase_lead
    from squadiq.push.ledger import Ledger
    from squadiq.push.run import default_ledger

    service = str(client.base_url).rstrip("/")
    kept = Ledger(place or default_ledger(), service=service, campaign_id=campaign_id, source="")
    if "://" not in kept.place and not Path(kept.place).is_file():
        return f"there is no ledger {kept.place}"

    @contextmanager
    def opened() -> Generator[Erase]:
        kept.open(alone=False)
        try:
            yield lambda lead_id: erase_lead(kept, service, campaign_id, lead_id)
        finally:
            kept.close()

    return _erased("ledger", opened(), lead_ids)
