"""What `make generate` promises: the same bytes each time, nothing by hand, and one place to change things."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("generated") / "squadiq_generated"
NEVER_IN_GENERATED = re.compile(r"/(home|root|tmp|Users|work|usr)/|site-packages|\bv?\d+\.\d+\.\d+\b|\d{4}-\d{2}-\d{2}")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what generating needs, with what is committed."""
    for name in ("openapi", "scripts", str(PACKAGE)):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(checkout: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join([str(checkout / "generated"), str(ROOT)])
    return subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def generate(checkout: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(checkout, str(checkout / "scripts" / "generate.py"), *options, **environment)


def contents(checkout: Path) -> dict[str, bytes]:
    package = checkout / PACKAGE
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(package).as_posix(): path.read_bytes() for path in files}


def test_generating_again_gives_the_committed_bytes_whatever_the_order_of_hashes(checkout: Path) -> None:
    committed = contents(ROOT)
    for seed in ("1", "2"):
        shutil.rmtree(checkout / PACKAGE)
        done = generate(checkout, PYTHONHASHSEED=seed, TZ="Asia/Kolkata", LC_ALL="C")
        assert done.returncode == 0, done.stderr
        assert contents(checkout) == committed


def test_nothing_generated_holds_a_date_a_version_of_a_tool_or_a_path_of_a_machine() -> None:
    for name, content in contents(ROOT).items():
        if name != "openapi.json":  # has the dates of its examples, and is compared with the document instead
            found = NEVER_IN_GENERATED.search(content.decode())
            assert found is None, f"{name}: {found}"


def test_generate_check_accepts_what_generate_wrote(checkout: Path) -> None:
    done = generate(checkout, "--check")
    assert (done.returncode, done.stdout) == (0, "generate-check: up to date\n")


def test_generate_check_names_each_file_that_differs_is_missing_or_is_no_output(checkout: Path) -> None:
    package = checkout / PACKAGE
    with (package / "models.py").open("a", encoding="utf-8") as models:
        models.write("# by hand\n")
    (package / "client" / "types.py").unlink()
    (package / "client" / "by_hand.py").touch()
    before = contents(checkout)

    done = generate(checkout, "--check")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "generate-check: generated/squadiq_generated/client/types.py: not committed",
        "generate-check: generated/squadiq_generated/client/by_hand.py: not generated from the document",
        "generate-check: generated/squadiq_generated/models.py: differs",
        "generate-check: run `make generate` and commit the result",
    ]
    assert contents(checkout) == before


def test_a_document_that_a_generator_refuses_is_reported_and_overwrites_nothing(checkout: Path) -> None:
    before = contents(checkout)
    change(checkout, "    get:\n      operationId: getLeads\n", "    get:\n      operationId: 7\n")
    done = generate(checkout)
    assert done.returncode == 1
    assert "generate: openapi_python_client failed" in done.stderr
    assert contents(checkout) == before


PAUSE_LEADS = """\
  /api/v4/leads/pause/{campaign_id}/:
    parameters:
      - $ref: "#/components/parameters/CampaignIdPath"
    post:
      operationId: pauseLead
      tags: [leads]
      summary: Pause a lead
      requestBody:
        required: true
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/LeadReference"
      responses:
        "202":
          description: The lead is paused.
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Acknowledgement"
              examples:
                paused:
                  value: {lead_id: uniqueleadid1, paused: true}
        "400": {$ref: "#/components/responses/BadRequest"}
        "401": {$ref: "#/components/responses/Unauthorized"}
        "403": {$ref: "#/components/responses/Forbidden"}
        "404": {$ref: "#/components/responses/NotFound"}
        "405": {$ref: "#/components/responses/MethodNotAllowed"}
        "429": {$ref: "#/components/responses/TooManyRequests"}

webhooks:
"""

USE_IT = """
import httpx, json
from squadiq.mock.server import running_mock
from squadiq_generated.client import convert_lead, pause_lead
from squadiq_generated.models import LeadConversion, LeadReference, ProcessedLead

with running_mock() as mock, httpx.Client(base_url=mock.url) as client:
    client.headers["Authorization"] = f"Bearer {mock.token}"
    paused = pause_lead.sync_detailed("c1", client=client, body=LeadReference(lead_id="u1"))
    refused = client.post("/api/v4/leads/pause/c1/", json={"lead_id": ""})
    unchecked = LeadConversion.model_construct(lead_id="u1", detail="LONGER")
    long = client.request(**convert_lead.get_kwargs("c1", body=unchecked))
try:
    LeadConversion(lead_id="u1", detail="LONGER")
    model = "accepted"
except ValueError:
    model = "refused"
print(json.dumps({
    "field": str(ProcessedLead.model_fields["call_count"].annotation),
    "model": model,
    "paused": [paused.status_code, json.loads(paused.content)],
    "refused": [refused.status_code, refused.json()],
    "long": [long.status_code, list(long.json())],
}))
"""

TEST_IT = """
import json
from contract_tests.targets import run_schemathesis
from squadiq.mock.core import Mock
from squadiq.mock.server import running_mock

seen, respond = set(), Mock.respond

def look(mock, request):
    seen.add(request.path)
    return respond(mock, request)

Mock.respond = look
with running_mock(rate=0, duplicate_leads="replace") as mock:
    outcomes = run_schemathesis(mock.url, mock.token, 1, examples=1, phases=("examples", "coverage"))
print(json.dumps({
    "paused": any("/leads/pause/" in path for path in seen),
    "found": [str(each.finding or each.inconclusive) for each in outcomes if each.finding or each.inconclusive],
}))
"""


def change(checkout: Path, old: str, new: str) -> None:
    document = checkout / "openapi" / "squadiq.yaml"
    text = document.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is not in the document exactly once"
    document.write_text(text.replace(old, new), "utf-8")


def test_a_change_of_the_document_reaches_models_client_mock_and_contract_tests(checkout: Path) -> None:
    change(checkout, "        latest_recording_url:\n          $ref", NEW_PROPERTY)
    change(checkout, '      maxLength: 32\n      pattern: "^[^\\\\x00-\\\\x1f\\\\x7f]+$"', "      maxLength: 5")
    change(checkout, "webhooks:\n  leadProcessed", PAUSE_LEADS + "  leadProcessed")

    done = generate(checkout)
    assert done.returncode == 0, done.stderr

    used = run(checkout, "-W", "error", "-c", USE_IT)
    assert used.returncode == 0, used.stderr
    seen = json.loads(used.stdout)
    assert seen["field"] == "int | None"
    assert seen["model"] == "refused"
    assert seen["paused"] == [202, {"lead_id": "uniqueleadid1", "paused": True}]
    assert (seen["refused"][0], list(seen["refused"][1])) == (400, ["lead_id"])
    assert seen["long"] == [400, ["detail"]]

    tested = run(checkout, "-c", TEST_IT)
    assert tested.returncode == 0, tested.stderr
    assert json.loads(tested.stdout) == {"paused": True, "found": []}


NEW_PROPERTY = """\
        call_count:
          type: integer
        latest_recording_url:
          $ref"""
