"""Of one lead, what is stored arrives in its order, whatever becomes of requests and responses on the way."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squadiq.outbox import Outbox
from squadiq.queue.clock import Time
from tests.outbox.conftest import CAMPAIGN, drain, lead
from tests.outbox.test_sending import Service, name_of
from tests.servers import Action, Reply, Reset, Seen, acting_server

pytestmark = pytest.mark.unmeasured

STEPS = ["update", "convert", "disable", "update", "convert"]


def carried_out(service: Service, done: list[int], lead_id: str) -> list[str]:
    """Which operations on a lead were carried out, in their order; one that was repeated counts once."""
    found: list[str] = []
    for number, (_, target, body) in enumerate(service.requests, 1):
        leads: list[Any] = cast(Any, body if isinstance(body, list) else [body])
        if number not in done or not any(each["lead_id"] == lead_id for each in leads):
            continue
        what = f"{name_of(target)} {next((each for each in leads if each['lead_id'] == lead_id), None)}"
        if not found or found[-1] != what:
            found.append(what)
    return [what.split(" ")[0] for what in found]


@pytest.mark.parametrize("repeat_creates", [True, False])
@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_everything_arrives_in_order_or_stops_and_is_told(
    repeat_creates: bool, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(seed)
    folder: Path = tmp_path_factory.mktemp("outbox")
    clock = [1000.0]
    done: list[int] = []

    def disturb(seen: Seen, number: int) -> Action | None:
        chance = rng.random()
        if chance < 0.15:
            return Reset()
        if chance < 0.25:
            return Reply(503, {})
        if chance < 0.3:
            return Reply(429, {}, {"Retry-After": "0"})
        if chance < 0.4 and name_of(seen.target) != "create":
            return Reply(400, {"detail": "No."})
        if rng.random() < 0.2:
            service.lose = {number}
        done.append(number)
        return None

    class TimedOutbox(Outbox):
        _time = Time(time.time, lambda: clock[0], lambda: 0.0)

    service = Service(disturb)
    with TimedOutbox(folder / "o.sqlite3", linger_seconds=0.001) as outbox, acting_server(service) as server:
        stored: dict[str, list[str]] = {}
        for number in range(3):
            outbox.create_leads(CAMPAIGN, [lead(number)])
            stored[f"L{number}"] = ["create"]
            for place, step in enumerate(rng.sample(STEPS, rng.randrange(len(STEPS)))):
                stored[f"L{number}"].append(step)
                if step == "update":
                    outbox.update_lead(CAMPAIGN, f"L{number}", city=str(place))
                elif step == "convert":
                    outbox.convert_lead(CAMPAIGN, f"L{number}", detail=f"STEP-{place}")
                else:
                    outbox.disable_leads(CAMPAIGN, [f"L{number}"])
        for _ in range(25):
            drain(outbox, server.url, repeat_creates=repeat_creates, max_attempts=1)
            clock[0] += 400.0
        for lead_id, steps in stored.items():
            entries = outbox.entries(CAMPAIGN, lead_id)
            states = [entry.state for entry in entries]
            stopped = next(
                (place for place, state in enumerate(states) if state in ("refused", "unknown")), len(states)
            )
            assert states[:stopped] == ["done"] * stopped
            assert states[stopped + 1 :] == ["waiting"] * (len(states) - stopped - 1), "it went on behind a refusal"
            sent = [entry.operation for entry in entries[:stopped]]
            arrived = carried_out(service, done, lead_id)
            assert len(arrived) <= len(steps)
            assert [name.removesuffix("Leads").removesuffix("Lead") for name in sent] == arrived[: len(sent)]
            assert service.leads[lead_id] <= 1
