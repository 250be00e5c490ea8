"""The barest server that does the same work as the mock's create and list: nothing in it but that work.

Starlette on uvicorn, orjson, jsonschema-rs on the document's own schema, and one `executemany` into
SQLite with the unique index. `python -m benchmarks.barest` serves it on a free port and prints its address.
"""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jsonschema_rs
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.rival import Server

FIXED = ("lead_id", "phone_number", "contact_name")
document = json.loads((resources.files("squadiq_generated") / "openapi.json").read_bytes())
body_schema = document["paths"]["/api/v4/leads/create/{campaign_id}/"]["post"]["requestBody"]
while "$ref" in body_schema:
    body_schema = document["components"]["requestBodies"][body_schema["$ref"].rpartition("/")[2]]
validator = jsonschema_rs.Draft202012Validator(
    {**body_schema["content"]["application/json"]["schema"], "components": document["components"]},
    validate_formats=True,
)
database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
database.executescript(
    "CREATE TABLE lead (sequence INTEGER PRIMARY KEY, campaign TEXT, lead_id TEXT, phone_number TEXT,"
    " contact_name TEXT, custom_fields BLOB, created_at INTEGER, processed_at INTEGER);"
    "CREATE UNIQUE INDEX lead_by_lead_id ON lead (campaign, lead_id);"
)
INSERT = (
    "INSERT INTO lead (campaign, lead_id, phone_number, contact_name, custom_fields, created_at, processed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


async def create_leads(request: Request) -> Response:
    if request.headers.get("authorization") != "Bearer test_token":
        return Response(status_code=401)
    body: Any = orjson.loads(await request.body())
    if not validator.is_valid(body):
        return Response(status_code=400)
    batch: list[dict[str, Any]] = [body] if "lead_id" in body else body
    campaign, now = request.path_params["campaign_id"], int(time.time())
    rows = [
        (
            campaign,
            lead["lead_id"],
            "+91" + lead["phone_number"][-10:],
            lead["contact_name"],
            orjson.dumps({name: value for name, value in lead.items() if name not in FIXED}),
            now,
            now,
        )
        for lead in batch
    ]
    try:
        with database:
            database.execute("BEGIN")
            database.executemany(INSERT, rows)
    except sqlite3.IntegrityError:
        return Response(status_code=400)
    content = orjson.dumps([{"lead_id": lead["lead_id"]} for lead in batch])
    return Response(content, 201, media_type="application/json")


async def get_leads(request: Request) -> Response:
    if request.headers.get("authorization") != "Bearer test_token":
        return Response(status_code=401)
    campaign, now = request.path_params["campaign_id"], int(time.time())
    where = "FROM lead WHERE campaign = ? AND processed_at <= ?"
    (count,) = database.execute(f"SELECT count(*) {where}", (campaign, now)).fetchone()
    found = database.execute(f"SELECT * {where} ORDER BY processed_at, sequence LIMIT 100", (campaign, now))
    results = [processed(*row) for row in found]
    content = orjson.dumps({"count": count, "next": None, "previous": None, "results": results})
    return Response(content, 200, media_type="application/json")


def processed(_: int, campaign: str, lead_id: str, phone_number: str, contact_name: str, *rest: Any) -> dict[str, Any]:
    moment = datetime.fromtimestamp(rest[-1], UTC).isoformat()
    return {
        "lead_id": lead_id,
        "phone_number": phone_number,
        "contact_name": contact_name,
        "created_at": moment,
        "campaign_id": campaign,
        "latest_recording_url": "https://www.squadiq.in/",
        "latest_called_at": moment,
        "lead_outcome": "Connected : Objective Met",
        "processed_at": moment,
        "lead_responses": {"interested": "Yes", "language": "Hindi", "call_again": "Morning"},
    }


app = Starlette(
    routes=[
        Route("/api/v4/leads/create/{campaign_id}/", create_leads, methods=["POST"]),
        Route("/api/v4/leads/responses/{campaign_id}/", get_leads),
    ]
)

if __name__ == "__main__":
    Server(uvicorn.Config(app, port=0, log_level="error", access_log=False)).run()
