"""How a queue stands: what waits and for how long, what is in hand, and what failed for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Table, case, func, literal_column, select

from squadiq.queue.database import reading
from squadiq.queue.leases import NOBODY, WAITING
from squadiq.queue.purpose import Purpose


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue at one moment.

    Attributes:
        waiting: entries that no worker has.
        oldest_waiting_seconds: how long the oldest that is not done is there, in hand or not; 0.0 if there is none.
        in_hand: entries that a worker has.
        failed: dead letters, which wait for somebody to look at them.
    """

    waiting: int
    oldest_waiting_seconds: float
    in_hand: int
    failed: int


def figures_of(
    engine: Engine, purpose: Purpose, table: Table, *, stored_at: Column[Any], failed: Sequence[str], now: float
) -> QueueFigures:
    """Return how a queue stands; it costs what is in it, not what is done."""
    c = table.c
    free = func.coalesce(func.sum(case((c.claim == NOBODY, 1), else_=0)), 0)
    open_entries = select(func.count(), free, func.min(stored_at)).where(c.state == WAITING)
    # Written out: a parameter would keep the partial indexes from being used.
    states: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in failed]
    is_dead = c.state.in_(states) if len(states) > 1 else c.state == states[0]
    dead_letters = select(func.count()).where(is_dead)
    with purpose.errors(), reading(engine).connect() as connection:
        number, waiting, oldest = connection.execute(open_entries).one()
        dead = connection.execute(dead_letters).scalar_one()
    age = 0.0 if oldest is None else max(0.0, now - oldest)
    return QueueFigures(int(waiting), age, number - int(waiting), dead)
