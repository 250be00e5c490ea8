"""The twelve examples of the API documentation run on the mock as they stand.

Filled in are the address, the access token and what stands in braces. A line that the documentation
wraps is one line here: its curl example of creating a lead breaks within the JSON, that of getting
leads before its first option.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shlex
import shutil
import subprocess
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from squadiq.mock.server import RunningMock, running_mock

HEADERS = """
headers = {
"Authorization": "Bearer test_token",
"Content-Type": "application/json"
}
"""
CURL_HEADERS = "-H 'Authorization: Bearer test_token' -H 'Content-Type: application/json'"
PLACEHOLDERS = {
    "https://api.squadiq.in": "{url}",
    "{campaign_id}": "campaign-1",
    "{valid phone number}": "9876543210",
    "{new_valid phone number}": "09876543211",
    "{custom_field}": "city",
    "{custom_field_1}": "city",
    "{custom_field_2}": "plan",
    "{custom_value}": "Pune",
    "{new_custom_value}": "Delhi",
    "{conversion detail}": "PAID",
    "{conversion_detail}": "PAID",
}

CREATE = (
    """
import requests
url = "https://api.squadiq.in/api/v4/leads/create/{campaign_id}/"
payload = [
{
"lead_id": "uniqueleadid1",
"phone_number": "{valid phone number}",
"contact_name": "John Doe",
"{custom_field_1}": "{custom_value}",
"{custom_field_2}": "{custom_value}"
},
{
"lead_id": "uniqueleadid2",
"phone_number": "{valid phone number}",
"contact_name": "John Smith",
"{custom_field_1}": "{custom_value}",
"{custom_field_2}": "{custom_value}"
}
]
"""
    + HEADERS
    + """
response = requests.post(url, json=payload, headers=headers)
response.json()
"""
)
GET = """
import requests
url = "https://api.squadiq.in/api/v4/leads/responses/{campaign_id}/?page_size=1"
headers = {"Authorization": "Bearer test_token"}
params = {
"lead_id": "test_lead_id"
}
response = requests.get(url, params=params, headers=headers)
response.json()
"""
DISABLE = (
    """
import requests
url = "https://api.squadiq.in/api/v4/leads/disable/{campaign_id}/"
payload = [
{"lead_id": "uniqueleadid1"},
{"lead_id": "uniqueleadid2"}
]
"""
    + HEADERS
    + """
response = requests.post(url, json=payload, headers=headers)
response.json()
"""
)
DELETE = (
    """
import requests
url = "https://api.squadiq.in/api/v4/leads/delete/{campaign_id}/"
payload = {
"lead_id": "uniqueleadid1"
}
"""
    + HEADERS
    + """
response = requests.post(url, json=payload, headers=headers)
response.json()
"""
)
UPDATE = (
    """
import requests
url = "https://api.squadiq.in/api/v4/leads/update/{campaign_id}/"
payload = {
"lead_id": "uniqueleadid1",
"phone_number": "{new_valid phone number}",
"{custom_field_1}": "{new_custom_value}",
}
"""
    + HEADERS
    + """
response = requests.patch(url, json=payload, headers=headers)
response.json()
"""
)
CONVERT = (
    """
import requests
url = "https://api.squadiq.in/api/v4/leads/convert/{campaign_id}/"
payload = {
"lead_id": "uniqueleadid1",
"detail": "{conversion detail}",
}
"""
    + HEADERS
    + """
response = requests.post(url, json=payload, headers=headers)
response.json()
"""
)
CURL_CREATE = f"""curl 'https://api.squadiq.in/api/v4/leads/create/{{campaign_id}}/' {CURL_HEADERS} \
--data-binary $'[{{"lead_id": 1, "phone_number": "{{valid phone number}}", "contact_name": "John Doe", \
"{{custom_field_1}}": "{{custom_value}}", "{{custom_field_2}}": "{{custom_value}}"}}]'"""
CURL_GET = """curl -H "Authorization: Bearer test_token" -H 'Content-Type: application/json' \
-X GET "https://api.squadiq.in/api/v4/leads/responses/{campaign_id}/?lead_id=test_lead_id&page_size=1" """
CURL_DISABLE = f"""curl 'https://api.squadiq.in/api/v4/leads/disable/{{campaign_id}}/' {CURL_HEADERS} \
--data-binary $'{{"lead_id": 1}}'"""
CURL_DELETE = f"""curl 'https://api.squadiq.in/api/v4/leads/delete/{{campaign_id}}/' {CURL_HEADERS} \
--data-binary $'{{"lead_id": "uniqueleadid1"}}'"""
CURL_UPDATE = f"""curl -i -X PATCH 'https://api.squadiq.in/api/v4/leads/update/{{campaign_id}}/' {CURL_HEADERS} \
--data '{{"lead_id": "uniqueleadid1", "phone_number": "{{valid phone number}}", \
"{{custom_field}}": "{{custom_value}}"}}'"""
CURL_CONVERT = f"""curl -i 'https://api.squadiq.in/api/v4/leads/convert/{{campaign_id}}/' {CURL_HEADERS} \
--data '{{"lead_id": "uniqueleadid1", "detail": "{{conversion_detail}}"}}'"""

PYTHON_EXAMPLES = {
    "create": (CREATE, 201),
    "get": (GET, 200),
    "disable": (DISABLE, 201),
    "delete": (DELETE, 202),
    "update": (UPDATE, 200),
    "convert": (CONVERT, 200),
}
CURL_EXAMPLES = {
    "create": (CURL_CREATE, 201),
    "get": (CURL_GET, 200),
    "disable": (CURL_DISABLE, 201),
    "delete": (CURL_DELETE, 202),
    "update": (CURL_UPDATE, 200),
    "convert": (CURL_CONVERT, 200),
}


@pytest.fixture
def served() -> Generator[RunningMock]:
    """A mock with the leads that the examples suppose, of which one is processed."""
    with running_mock() as running:
        for lead_id in ("uniqueleadid1", "uniqueleadid2", "test_lead_id", 1):
            body = {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "John Doe"}
            url = f"{running.url}/api/v4/leads/create/campaign-1/"
            requests.post(url, json=body, headers={"Authorization": "Bearer test_token"}, timeout=10).raise_for_status()
        running.advance(5)
        yield running


def filled_in(example: str, running: RunningMock) -> str:
    for placeholder, text in PLACEHOLDERS.items():
        example = example.replace(placeholder, text)
    return example.replace("{url}", running.url)


def forget(running: RunningMock) -> None:
    """Delete the leads that the examples of creating create."""
    for lead_id in ("uniqueleadid1", "uniqueleadid2", 1):
        requests.post(
            f"{running.url}/api/v4/leads/delete/campaign-1/",
            json={"lead_id": lead_id},
            headers={"Authorization": "Bearer test_token"},
            timeout=10,
        ).raise_for_status()


def check_outcome(name: str, status: int, response: Any, running: RunningMock, lead_id: str) -> None:
    assert status == (CURL_EXAMPLES | PYTHON_EXAMPLES)[name][1]
    lead_state = running.lead("campaign-1", lead_id)
    match name:
        case "create":
            assert lead_state is not None
            assert lead_state["custom_fields"] == {"city": "Pune", "plan": "Pune"}
        case "get":
            assert (response["count"], response["results"][0]["lead_id"]) == (1, "test_lead_id")
        case "disable":
            assert lead_state is not None
            assert lead_state["disabled_at"] is not None
        case "delete":
            assert lead_state is None
        case "update":
            assert lead_state is not None
            assert lead_state["custom_fields"]["city"] in {"Delhi", "Pune"}
        case _:
            assert lead_state is not None
            assert lead_state["detail"] == "PAID"


@pytest.mark.parametrize("name", PYTHON_EXAMPLES)
def test_the_requests_example_runs(served: RunningMock, name: str) -> None:
    if name == "create":
        forget(served)
    names: dict[str, Any] = {}
    exec(filled_in(PYTHON_EXAMPLES[name][0], served), names)
    response = names["response"]
    check_outcome(name, response.status_code, response.json(), served, "uniqueleadid1")


@pytest.mark.parametrize("by_curl", [True, False], ids=["by curl", "by hand"])
@pytest.mark.parametrize("name", CURL_EXAMPLES)
def test_the_curl_example_runs(served: RunningMock, name: str, by_curl: bool) -> None:
    """On a machine without curl the request that curl would send is sent both times."""
    if name == "create":
        forget(served)
    command = filled_in(CURL_EXAMPLES[name][0], served)
    status, response = (run if by_curl and shutil.which("curl") and shutil.which("bash") else send)(command)
    lead_id = "1" if name in {"create", "disable"} else "uniqueleadid1"
    check_outcome(name, status, response, served, lead_id)


def run(command: str) -> tuple[int, Any]:
    done = subprocess.run(
        ["bash", "-c", command + " --silent --show-error --write-out '\n%{http_code}'"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    response, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(response.splitlines()[-1])


def send(command: str) -> tuple[int, Any]:
    options = argparse.ArgumentParser()
    options.add_argument("url")
    options.add_argument("-i", action="store_true")
    options.add_argument("-X", default="POST")
    options.add_argument("-H", action="append")
    options.add_argument("--data", "--data-binary", default="")
    given = options.parse_args(shlex.split(command.replace("$'", "'"))[1:])
    url = urlsplit(str(given.url))
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    headers = dict(header.split(": ") for header in given.H)
    connection.request(given.X, f"{url.path}?{url.query}", given.data, headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body
