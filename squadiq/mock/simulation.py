"""What becomes of a lead: a pure function of the seed, its campaign, its lead_id and its times.

Nothing runs in the background: whoever asks at a time computes what has happened by then.
"""

from __future__ import annotations

import math
import random
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

OUTCOMES = {
    "Connected : Objective Met": 40,
    "Connected : Not Interested": 20,
    "Connected : Call Back Later": 15,
    "Not Connected": 20,
    "Not Connected : Wrong Number": 5,
}
"""Outcomes and their share in a hundred leads."""

_LANGUAGES = ("Hindi", "English", "Tamil", "Bengali", "Marathi", "Telugu")
_INTERESTED = {"Objective Met": "Yes", "Not Interested": "No", "Call Back Later": "Maybe"}
_TIMES_OF_DAY = ("Morning", "Afternoon", "Evening")
_SPREAD = 2654435761
"""Knuth's multiplier: lead_ids that count upwards get times that do not."""


@dataclass(frozen=True, slots=True)
class LeadSimulation:
    """Hold what happens to a lead that nobody disables; times in seconds since the epoch."""

    calls: tuple[int, ...]
    lead_outcome: str
    lead_responses: dict[str, str] = field(repr=False)
    recording_url: str | None


@lru_cache
def campaign_key(seed: int, campaign_id: str) -> int:
    """Return what the lives of all leads of a campaign depend on."""
    return zlib.crc32(f"{seed} {campaign_id}".encode())


def delay_seconds(key: int, lead_id: str, process_after_seconds: float) -> int:
    """Return after how many whole seconds a lead is processed: half of the given time to all of it."""
    share = (zlib.crc32(lead_id.encode(), key) * _SPREAD & 0xFFFFFFFF) / 0x1_0000_0000
    return math.ceil(process_after_seconds * (0.5 + share / 2))


def first_call(created_at: int, due_at: int) -> int:
    """Return when a lead is called first: after a quarter of the way to its processing."""
    return created_at + (due_at - created_at) // 4


def simulate_lead(key: int, campaign_id: str, lead_id: str, created_at: int, due_at: int) -> LeadSimulation:
    """Return the calls, the outcome, the responses and the recording of a lead."""
    identity = zlib.crc32(lead_id.encode(), key)
    chance = random.Random(identity)
    outcome = chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
    attempts = chance.randint(1, 3)
    first = first_call(created_at, due_at)
    calls = tuple(first + (due_at - first) * attempt // attempts for attempt in range(attempts))
    reached, _, verdict = outcome.partition(" : ")
    if reached != "Connected":
        return LeadSimulation(calls, outcome, {}, None)
    responses = {"interested": _INTERESTED[verdict], "preferred_language": chance.choice(_LANGUAGES)}
    if verdict == "Call Back Later":
        responses["call_back"] = chance.choice(_TIMES_OF_DAY)
    recording = f"https://recordings.squadiq.example/{campaign_id}/{identity:08x}{chance.getrandbits(32):08x}.mp3"
    return LeadSimulation(calls, outcome, responses, recording)
