"""Delivers as SquadIQ might at its worst: again, out of order, cut off, all at once; until acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from tests.webhooks.payloads import delivery

CONNECTIONS = 32
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """A processing result: one of several of a lead."""

    lead: int
    minute: int

    @property
    def key(self) -> str:
        return f"lead-{self.lead} {int((START + timedelta(minutes=self.minute)).timestamp())}"

    def body(self, rng: random.Random) -> bytes:
        """The result in one of the forms in which it may be written."""
        moment = START + timedelta(minutes=self.minute)
        written = rng.choice(
            [
                moment.isoformat(),
                moment.replace(tzinfo=None).isoformat(),
                moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
            ]
        )
        return delivery(lead_id=f"lead-{self.lead}", processed_at=written, attempt=rng.random())


@dataclass
class Deliverer:
    """Delivers results, and knows which of them were acknowledged."""

    ports: Callable[[], list[int]]
    rng: random.Random
    acknowledged: Counter[str] = field(default_factory=Counter[str])
    sent: int = 0
    cut: int = 0
    failed: int = 0

    async def deliver(self, results: list[Result]) -> None:
        """Deliver each result until it is acknowledged, and about every third once more."""
        waiting = results + self.rng.sample(results, len(results) // 3)
        self.rng.shuffle(waiting)
        await asyncio.gather(*(self._deliver_some(waiting) for _ in range(CONNECTIONS)))

    async def _deliver_some(self, waiting: list[Result]) -> None:
        while waiting:
            result = waiting.pop()
            if await self._once(result):
                self.acknowledged[result.key] += 1
            else:
                waiting.insert(self.rng.randrange(len(waiting) + 1), result)

    async def _once(self, result: Result) -> bool:
        body = result.body(self.rng)
        head = f"POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        self.sent += 1
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.rng.choice(self.ports()))
        except OSError:
            self.failed += 1
            await asyncio.sleep(0.01)  # the receiver is being started again
            return False
        try:
            if self.rng.random() < 0.05:  # within the request, or before its response
                self.cut += 1
                writer.write(request[: self.rng.randrange(len(request) + 1)])
                return False
            writer.write(request)
            response = await asyncio.wait_for(reader.read(), 30)
        except OSError:
            self.failed += 1
            return False
        finally:
            writer.close()
        if not response.startswith(b"HTTP/1.1 201"):
            self.failed += 1
            return False
        return True


def results_of(leads: int, rng: random.Random) -> list[Result]:
    """Make results: one to three of each lead."""
    return [Result(lead, minute) for lead in range(leads) for minute in range(rng.randint(1, 3))]
