"""The same work as the mock's create and list, as it is commonly written with FastAPI and pydantic.

`python -m benchmarks.rival` serves it on a free port and prints its address.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from squadiq_generated.models import Lead, LeadReference, LeadsPage

app = FastAPI()
bearer = HTTPBearer()
database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
database.execute("CREATE TABLE lead (campaign TEXT, lead_id TEXT, json TEXT, PRIMARY KEY (campaign, lead_id))")


def authenticated(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> None:
    if credentials.credentials != "test_token":
        raise HTTPException(401)


@app.post("/api/v4/leads/create/{campaign_id}/", status_code=201, dependencies=[Depends(authenticated)])
async def create_leads(campaign_id: str, leads: list[Lead]) -> list[LeadReference]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stored = [(campaign_id, lead.lead_id, json.dumps(processed(campaign_id, lead, now))) for lead in leads]
    with database:
        database.executemany("INSERT INTO lead VALUES (?, ?, ?)", stored)
    return [LeadReference(lead_id=lead.lead_id) for lead in leads]


@app.get("/api/v4/leads/responses/{campaign_id}/", dependencies=[Depends(authenticated)], response_model=LeadsPage)
async def get_leads(
    campaign_id: str, page: Annotated[int, Query(ge=1)] = 1, page_size: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    (count,) = database.execute("SELECT count(*) FROM lead WHERE campaign = ?", (campaign_id,)).fetchone()
    found = database.execute(
        "SELECT json FROM lead WHERE campaign = ? LIMIT ? OFFSET ?", (campaign_id, page_size, (page - 1) * page_size)
    )
    return {"count": count, "next": None, "previous": None, "results": [json.loads(row[0]) for row in found]}


def processed(campaign_id: str, lead: Lead, now: str) -> dict[str, Any]:
    """What a list shows of a lead that was processed at once."""
    return {
        "lead_id": lead.lead_id,
        "phone_number": "+91" + lead.phone_number[-10:],
        "contact_name": lead.contact_name,
        "created_at": now,
        "campaign_id": campaign_id,
        "latest_recording_url": "https://www.squadiq.in/",
        "latest_called_at": now,
        "lead_outcome": "Connected : Objective Met",
        "processed_at": now,
        "lead_responses": {"interested": "Yes", "language": "Hindi", "call_again": "Morning"},
    }


class Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    Server(uvicorn.Config(app, port=0, log_level="error", access_log=False)).run()
