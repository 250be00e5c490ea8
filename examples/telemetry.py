"""Metrics from hooks, and traces from OpenTelemetry's httpx instrumentation.

    pip install 'squadiq[phone]' opentelemetry-sdk opentelemetry-instrumentation-httpx
    SQUADIQ_ACCESS_TOKEN=… SQUADIQ_CAMPAIGN_ID=… python examples/telemetry.py

A trace has a span for each attempt, because each is a request of httpx. The access token and what
is known of a lead stand in headers and bodies, which the instrumentation does not record; mind that
`getLeads(lead_id=…)` has the lead_id in its address, which it does.
"""

from __future__ import annotations

from collections import Counter

from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from squadiq import Attempt, SquadIQ

attempts: Counter[tuple[str, str]] = Counter()


def count(operation: str, number: int, attempt: Attempt) -> None:
    """Count attempts by operation and result; put your own metrics here."""
    attempts[operation, str(attempt.status or attempt.failure)] += 1


def main() -> None:
    """Read the first page of processed leads, traced and counted."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument()
    with SquadIQ(after_attempt=count) as client, trace.get_tracer(__name__).start_as_current_span("read leads"):
        page = next(client.campaign().get_leads().pages())
    print(f"{page.count} leads are processed; attempts: {dict(attempts)}")


if __name__ == "__main__":
    main()
