"""The webhook beside what one would write by hand: a Flask view that commits each delivery to SQLite.

Each server is one process: the view and the WSGI webhook under gunicorn with a thread for each
connection, the ASGI webhook under uvicorn.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from benchmarks import Row
from benchmarks.load import TOKEN, request, requests_per_second
from benchmarks.mock import advance, fill, mock
from benchmarks.processes import server
from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.webhooks import AsgiWebhook, Callers, HeaderSecret, WsgiWebhook

CONNECTIONS = 32
SECONDS = 4.0
BACKFILLED = 20_000
FOLDER = "SQUADIQ_BENCHMARK_FOLDER"
PATH = "/hooks/squadiq"


def rows() -> Iterator[Row]:
    """Measure and give the lines of the table."""
    plain = _measured("plain_application")
    asgi = _measured("asgi_application")
    wsgi = _measured("wsgi_application")
    beside = f"plain Flask view, {CONNECTIONS} connections"
    yield Row("webhook (ASGI): durable acknowledgements/s", beside, asgi[0] / plain[0], ">= 5", _rates(asgi, plain))
    yield Row("webhook (WSGI): durable acknowledgements/s", beside, wsgi[0] / plain[0], "", _rates(wsgi, plain))
    for name, ours in (("ASGI", asgi), ("WSGI", wsgi)):
        figures = f"{ours[1] * 1000:.1f} ms, {plain[1] * 1000:.1f} ms"
        yield Row(f"webhook ({name}): 99th percentile of a response", beside, ours[1] / plain[1], "", figures)
    stored, read = _backfilled()
    figures = f"{stored:,.0f}/s, {read:,.0f}/s"
    yield Row("backfill: leads/s into the inbox", "reading the same leads, storing none", stored / read, "", figures)


def _rates(ours: tuple[float, float], plain: tuple[float, float]) -> str:
    return f"{ours[0]:,.0f}/s, {plain[0]:,.0f}/s"


def _measured(application: str) -> tuple[float, float]:
    """Acknowledgements a second, and the seconds within which 99 % of them came."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        command = ["benchmarks.webhooks"] if application.startswith("asgi") else _gunicorn(application)
        with server(*command) as url:
            numbers, took = count(), list[float]()

            def next_request() -> bytes:
                return request(url, PATH, "POST", delivery(next(numbers)))

            requests_per_second(url, 201, next_request, CONNECTIONS, 0.5)
            rate = requests_per_second(url, 201, next_request, CONNECTIONS, SECONDS, took)
        return rate, statistics.quantiles(took, n=100)[-1]


def _gunicorn(application: str) -> list[str]:
    threads = ["--worker-class=gthread", f"--threads={CONNECTIONS}", "--keep-alive=60"]
    return [
        "gunicorn",
        f"benchmarks.webhooks:{application}()",
        "--bind=127.0.0.1:0",
        "--log-file=/dev/stdout",
        *threads,
    ]


def delivery(number: int) -> bytes:
    """Return the body of a delivery like the document's example."""
    moment = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number % 100_000)).isoformat()
    return json.dumps(
        {
            "phone_number": f"+9198{number % 100_000_000:08}",
            "lead_id": f"lead-{number}",
            "latest_recording_url": "https://www.squadiq.in/",
            "campaign_id": "campaign-1",
            "latest_called_at": moment,
            "lead_outcome": "Connected : Objective Met",
            "processed_at": moment,
            "contact_name": "John Doe",
            "created_at": moment,
            "lead_responses": {f"response_key_{key}": f"response_value_{key}" for key in range(1, 4)},
        }
    ).encode()


def plain_application() -> Any:
    """Return the view that one writes by hand: a connection and a commit for each delivery, SQLite as it comes."""
    import flask

    app = flask.Flask("plain")
    file = f"{os.environ[FOLDER]}/plain.sqlite3"
    key = "PRIMARY KEY (campaign_id, lead_id, processed_at)"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE leads (campaign_id, lead_id, processed_at, payload, {key})")

    def take_delivery() -> tuple[dict[str, Any], int]:
        lead: dict[str, Any] = flask.request.get_json()
        values = lead["campaign_id"], lead["lead_id"], lead["processed_at"], flask.request.get_data()
        with closing(sqlite3.connect(file, timeout=60)) as database, database:
            database.execute("INSERT OR IGNORE INTO leads VALUES (?, ?, ?, ?)", values)
        return {"lead_id": lead["lead_id"]}, 201

    app.add_url_rule(PATH, view_func=take_delivery, methods=["POST"])
    return app


def wsgi_application() -> WsgiWebhook:
    """Return the webhook for gunicorn."""
    return WsgiWebhook(Inbox(f"{os.environ[FOLDER]}/inbox.sqlite3"), _callers())


def _serve_asgi() -> None:
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    app = AsgiWebhook(Inbox(f"{os.environ[FOLDER]}/inbox.sqlite3"), _callers())
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error")).run([listening])


def _callers() -> Callers:
    """The access token that the load generator sends stands for a secret."""
    return Callers(secrets=[HeaderSecret("Authorization", f"Bearer {TOKEN}")])


def _backfilled() -> tuple[float, float]:
    """Leads a second of the mock's that are read into an inbox, and that are read alone."""
    with (
        mock() as url,
        tempfile.TemporaryDirectory() as folder,
        SquadIQ(TOKEN, base_url=url, quota="memory", quota_window_seconds=0.001) as client,
    ):
        fill(url, "campaign-1", BACKFILLED)
        advance(url)
        campaign = client.campaign("campaign-1")
        began = time.perf_counter()
        read = sum(1 for _ in campaign.get_leads())
        reading = time.perf_counter() - began
        with Inbox(f"{folder}/inbox.sqlite3") as inbox:
            began = time.perf_counter()
            found = inbox.backfill(campaign)
            storing = time.perf_counter() - began
    assert read == found.new == BACKFILLED
    return BACKFILLED / storing, BACKFILLED / reading


if __name__ == "__main__":
    _serve_asgi()
