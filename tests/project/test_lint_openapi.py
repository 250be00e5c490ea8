"""What `make lint-openapi` says of the tools: which one failed, and what a client of theirs did not do."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest
from lint_openapi import run_tools
from openapi_tools.clients import CAMPAIGN, DELETED, DISABLED, NUMBER, PROCESSED, played
from openapi_tools.running import ToolError, run

from squadiq.mock.server import RunningMock

pytestmark = pytest.mark.unmeasured

Sent = tuple[str, str, object]


def lead(lead_id: str | int) -> dict[str, object]:
    visits = [{"page": "pricing", "seconds": 42}]
    return {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha", "visits": visits}


SIX: dict[str, Sent] = {
    "createLeads": ("POST", "create", [lead(int(NUMBER)), lead(DISABLED), lead(DELETED)]),
    "getLeads": ("GET", "responses", None),
    "updateLead": ("PATCH", "update", {"lead_id": int(NUMBER), "product_plan": "Pro"}),
    "convertLead": ("POST", "convert", {"lead_id": int(NUMBER), "detail": "PAID"}),
    "disableLeads": ("POST", "disable", [{"lead_id": DISABLED}]),
    "deleteLead": ("POST", "delete", {"lead_id": DELETED}),
}


def play(mock: RunningMock, left_out: str | None = None) -> str:
    said = ""
    headers = {"Authorization": f"Bearer {mock.token}"}
    with httpx.Client(base_url=mock.url, headers=headers, trust_env=False) as client:
        for name, (method, path, body) in SIX.items():
            if name != left_out:
                response = client.request(method, f"/api/v4/leads/{path}/{CAMPAIGN}/", json=body)
                if name == "getLeads":
                    first = response.json()["results"][0]
                    said = f'["{PROCESSED}", "{first["lead_outcome"]}"]'
    return said


def test_a_client_that_does_all_six_is_counted_with_six() -> None:
    assert played(play) == "6 of 6 operations"


@pytest.mark.parametrize("name", [name for name in SIX if name != "createLeads"])
def test_an_operation_that_did_nothing_is_named(name: str) -> None:
    with pytest.raises(ToolError, match=f"^5 of 6 operations; not {name}\n"):
        played(lambda mock: play(mock, left_out=name))


def test_a_program_that_breaks_off_at_its_end_has_failed() -> None:
    def broken(mock: RunningMock) -> str:
        raise ToolError(play(mock))

    with pytest.raises(ToolError, match=r"^6 of 6 operations; not to its end"):
        played(broken)


def test_a_tool_that_fails_is_named_with_what_it_said_and_the_others_still_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bad(folder: Path) -> str:
        return run(sys.executable, "-c", "print('no such schema'); raise SystemExit(3)", folder=folder)

    assert run_tools({"bad": bad, "good": lambda folder: f"{len(list(folder.iterdir()))} files"}, tmp_path) == ["bad"]
    told = capsys.readouterr().out
    assert "lint-openapi: [1/2] bad …\nlint-openapi: bad: FAILED: exit code 3\nno such schema" in told
    assert "lint-openapi: [2/2] good …\nlint-openapi: good: 0 files" in told
