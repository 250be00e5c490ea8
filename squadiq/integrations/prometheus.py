"""Figures of inbox, outbox and quota for Prometheus; none of them holds anything about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Any, Protocol

from squadiq._extras import needs_extra

with needs_extra("metrics"):
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector

from squadiq.attempts import Attempt
from squadiq.errors import SquadIQError
from squadiq.queue.figures import QueueFigures
from squadiq.quota.store import Snapshot

_QUEUE = {
    "waiting": "entries that no worker has",
    "oldest_waiting_seconds": "how long the oldest entry that is not done is there",
    "in_hand": "entries that a worker has",
    "failed": "dead letters",
}


class HasStats(Protocol):
    """What is needed of an `Inbox` or `Outbox`."""

    def stats(self) -> QueueFigures:
        """Return how it stands."""
        ...


class HasSnapshot(Protocol):
    """What is needed of a quota: that of a client, or a store."""

    def snapshot(self) -> Snapshot:
        """Return how it stands."""
        ...


class SquadIQCollector(Collector):
    """Looks, at each scrape, at what it is given; register it: `REGISTRY.register(SquadIQCollector(inbox=inbox))`.

    What cannot be looked at is left out, and its `squadiq_up` is 0.

    Args:
        inbox: an `Inbox`.
        outbox: an `Outbox`.
        quota: `client.quota`, or a store of the quota.
    """

    def __init__(
        self, *, inbox: HasStats | None = None, outbox: HasStats | None = None, quota: HasSnapshot | None = None
    ) -> None:
        self._queues = {"inbox": inbox, "outbox": outbox}
        self._quota = quota
        self._responses: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def after_attempt(self, operation: str, number: int, attempt: Attempt) -> None:
        """Count a response by its operation and status; for `SquadIQ(after_attempt=collector.after_attempt)`.

        Those with 429 are hits that SquadIQ refused.
        """
        with self._lock:
            self._responses[operation, str(attempt.status or "none")] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        up = GaugeMetricFamily("squadiq_up", "whether it could be looked at", labels=["place"])
        for place, queue in self._queues.items():
            if queue is not None:
                yield from self._looked_at(up, place, lambda queue=queue, place=place: _of_queue(place, queue.stats()))
        if (quota := self._quota) is not None:
            yield from self._looked_at(up, "quota", lambda: _of_quota(quota.snapshot()))
        yield up
        yield from self._counted()

    def _looked_at(self, up: GaugeMetricFamily, place: str, look: Any) -> list[Metric]:
        try:
            found = list(look())
        except SquadIQError:
            found = []
        up.add_metric([place], float(bool(found)))
        return found

    def _counted(self) -> Iterator[Metric]:
        said = "attempts of calls, by the status of their response"
        responses = CounterMetricFamily("squadiq_responses", said, labels=["operation", "status"])
        with self._lock:
            for labels, number in sorted(self._responses.items()):
                responses.add_metric(labels, number)
        yield responses


def _of_queue(place: str, figures: QueueFigures) -> Iterator[Metric]:
    for name, what in _QUEUE.items():
        yield GaugeMetricFamily(f"squadiq_{place}_{name}", f"{place}: {what}", getattr(figures, name))


def _of_quota(snapshot: Snapshot) -> Iterator[Metric]:
    for name, what, value in (
        ("hits_used", "hits that are used now", snapshot.limit - snapshot.free_now),
        ("hits_limit", "hits in a window", snapshot.limit),
        ("calls_waiting", "calls that wait for a hit", snapshot.waiting),
        ("paused_seconds", "how long nobody may send, since SquadIQ said so with a 429", snapshot.paused_for_seconds),
    ):
        yield GaugeMetricFamily(f"squadiq_quota_{name}", f"quota: {what}", value)
    said = "quota: hits that SquadIQ refused with a 429, of all programs"
    yield CounterMetricFamily("squadiq_quota_refused_hits", said, snapshot.refused_hits)
