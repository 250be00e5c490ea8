"""OpenTelemetry's instrumentation of httpx sees each attempt, and the example runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
from opentelemetry.instrumentation.httpx import SyncOpenTelemetryTransport
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from squadiq import SquadIQ
from squadiq.mock.server import RunningMock
from squadiq.retry import Retry
from tests.servers import Reply, acting_server, scripted

ROOT = Path(__file__).resolve().parents[2]


def test_each_attempt_is_a_span() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with (
        acting_server(scripted(Reply(503), Reply(202))) as server,
        httpx.HTTPTransport() as inner,
        SquadIQ(
            "token",
            base_url=server.url,
            quota="memory",
            transport=SyncOpenTelemetryTransport(inner, tracer_provider=provider),
            retry_policy=lambda _: Retry(0),
        ) as client,
    ):
        client.campaign("c").delete_lead("u1")
    seen = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    assert [one.get("http.status_code", one.get("http.response.status_code")) for one in seen] == [503, 202]
    assert "token" not in json.dumps(seen)


def test_the_example_prints_spans_and_counts(mock: RunningMock, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "SQUADIQ_BASE_URL": mock.url,
        "SQUADIQ_ACCESS_TOKEN": mock.token,
        "SQUADIQ_CAMPAIGN_ID": "campaign-1",
        "XDG_STATE_HOME": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "telemetry.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "0 leads are processed; attempts: {('getLeads', '200'): 1}" in ran.stdout
    assert '"name": "GET"' in ran.stdout
    assert mock.token not in ran.stdout
