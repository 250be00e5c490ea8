"""Deliveries for tests, made from the example of the document."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

DOCUMENT: dict[str, Any] = json.loads((files("squadiq_generated") / "openapi.json").read_bytes())
EXAMPLES: dict[str, dict[str, Any]] = {
    name: DOCUMENT["components"]["examples"][name]["value"] for name in ("ProcessedLead", "UnreachedLead")
}

PHONE_NUMBER = "+919876501234"
NAME = "Asha Raghunathan"
RECORDING = "https://recordings.example/secret-recording"
PERSONAL = (PHONE_NUMBER, NAME, RECORDING, "Raghunathan", "9876501234", "secret-recording")


def payload(**changes: Any) -> dict[str, Any]:
    """Return the example of the document about an invented person, with fields changed."""
    person = {"phone_number": PHONE_NUMBER, "contact_name": NAME, "latest_recording_url": RECORDING}
    return {**EXAMPLES["ProcessedLead"], **person, **changes}


def delivery(**changes: Any) -> bytes:
    """Return the body of a delivery."""
    return json.dumps(payload(**changes)).encode()
