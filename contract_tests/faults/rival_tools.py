"""Other people's contract testing tools: how each is run as its own documentation says, and what its output tells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import httpx

from benchmarks.processes import prism

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi" / "squadiq.yaml"
TOKEN = "test_token"
CAMPAIGN = "campaign-1"
TIMEOUT_SECONDS = 900
EXAMPLES = 10
"""For each operation, of stock schemathesis and of ours: with its own 100 it takes three times as long."""
_AUTHORIZATION = f"Authorization: Bearer {TOKEN}"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OPERATION = re.compile(r"^_{3,} (.+?) _{3,}$")
_TITLE = re.compile(r"^- ST[0-9]+ (.+)$")
_DREDD = re.compile(r"^fail: (.+?) duration: .*\nfail: ((?:.+\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Rival:
    """A tool by its name: `find` holds the server at a URL against the document and returns what it says is wrong."""

    name: str
    find: Callable[[str], frozenset[str]]


@contextmanager
def rivals(upstream: str) -> Generator[list[Rival]]:
    """Give the tools, ready to be run on a server at an address: Prism stands before it, until the block ends."""
    with TemporaryDirectory() as place, prism("proxy", upstream, "--errors") as proxy:
        collection = Path(place) / "collection.json"
        _node("@apideck/portman/bin/portman", "-l", DOCUMENT, "-b", upstream, "-o", collection, cwd=place)
        yield [
            Rival("Dredd", lambda url: dredd_findings(_dredd(url))),
            Rival("Prism, proxy", lambda url: _driven(proxy)),
            Rival("Portman", lambda url: _newman(collection, url)),
            Rival("schemathesis, stock", lambda url: schemathesis_findings(_stock_schemathesis(url))),
        ]


def schemathesis_findings(output: str) -> frozenset[str]:
    """Return each title of a failure, with the operation that it is told of."""
    found: set[str] = set()
    operation = ""
    for line in output.partition("FAILURES")[2].splitlines():
        if heading := _OPERATION.match(line):
            operation = heading[1]
        elif title := _TITLE.match(line):
            found.add(f"{operation}: {title[1]}")
    return frozenset(found)


def dredd_findings(output: str) -> frozenset[str]:
    """Return each failed transaction with what Dredd says of it, after it has listed which failed."""
    details = _COLOURS.sub("", output).partition("Displaying failed tests...")[2]
    return frozenset(f"{name}: {' '.join(why.split())}" for name, why in _DREDD.findall(details))


def newman_findings(report: dict[str, Any]) -> frozenset[str]:
    """Return each failed assertion of a report of newman, with its message."""
    failures: list[dict[str, Any]] = report["run"]["failures"]
    return frozenset(f"{each['error'].get('test', '')}: {each['error']['message']}" for each in failures)


def prism_findings(responses: Iterable[httpx.Response]) -> frozenset[str]:
    """Return what Prism says in place of a response: the places that break the document."""
    found: set[str] = set()
    for response in responses:
        request = f"{response.request.method} {response.request.url.path}"
        problem = _problem(response)
        places = [{"message": problem["detail"]}] if "detail" in problem else []
        told: list[dict[str, Any]] = problem.get("validation") or places
        found |= {f"{request}: {each.get('location', '')} {each['message']}" for each in told}
    return frozenset(found)


def _problem(response: httpx.Response) -> dict[str, Any]:
    """Return the body of a response that Prism makes itself; it is empty for a server's."""
    body: Any = None
    with suppress(ValueError):
        body = response.json()
    if type(body) is not dict:
        return {}
    problem = cast(dict[str, Any], body)
    return problem if "stoplight.io/prism" in str(problem.get("type")) else {}


def requests_of_a_user() -> list[httpx.Request]:
    """Return what drives Prism: all six operations as a program calls them, and the mistakes that one makes."""

    def post(action: str, body: Any, method: str = "POST", token: str = TOKEN) -> httpx.Request:
        url = f"http://proxy/api/v4/leads/{action}/{CAMPAIGN}/"
        return httpx.Request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})

    def read(query: Mapping[str, str | int], token: str = TOKEN) -> httpx.Request:
        url = f"http://proxy/api/v4/leads/responses/{CAMPAIGN}/"
        return httpx.Request("GET", url, params=query, headers={"Authorization": f"Bearer {token}"})

    def lead(lead_id: str, **fields: Any) -> dict[str, Any]:
        return {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha Rao", **fields}

    return [
        post("create", lead("a", is_KYC=True, city="Pune")),
        post("create", [lead(each) for each in "bcdef"]),
        post("update", {"lead_id": "a", "contact_name": "आशा राव"}, "PATCH"),
        post("convert", {"lead_id": "a", "detail": "x" * 32}),
        post("disable", [{"lead_id": "b"}]),
        post("delete", {"lead_id": "c"}),
        *[read(query) for query in ({}, {"page_size": 2}, {"page_size": 2, "page": 2}, {"lead_id": "a"})],
        *[read(query) for query in ({"processed_after": 1}, {"processed_before": 1}, {"page": 999})],
        read({}, token="wrong"),
        post("create", lead("g"), token="wrong"),
        post("delete", {"lead_id": "unknown"}),
        post("convert", {"lead_id": "unknown", "detail": "x"}),
        post("update", {"lead_id": "unknown", "contact_name": "x"}, "PATCH"),
        post("disable", [{"lead_id": "unknown"}]),
    ]


def _driven(proxy: str) -> frozenset[str]:
    responses: list[httpx.Response] = []
    with httpx.Client(base_url=proxy, trust_env=False, timeout=60) as http:
        for made in requests_of_a_user():
            headers = {name: value for name, value in made.headers.items() if name != "host"}
            request = http.build_request(made.method, made.url.raw_path.decode(), content=made.content, headers=headers)
            responses.append(http.send(request))
    return prism_findings(responses)


def _dredd(url: str) -> str:
    with TemporaryDirectory() as place:
        return _node("dredd/bin/dredd", DOCUMENT, url, "--header", _AUTHORIZATION, "--loglevel=warning", cwd=place)


def _newman(collection: Path, url: str) -> frozenset[str]:
    report = collection.with_name("report.json")
    report.unlink(missing_ok=True)
    values = ["--env-var", f"baseUrl={url}", "--env-var", f"bearerToken={TOKEN}"]
    options = ["--reporters", "json", "--reporter-json-export", report]
    _node("newman/bin/newman.js", "run", collection, *values, *options, cwd=collection.parent)
    return newman_findings(json.loads(report.read_text("utf-8")))


def _stock_schemathesis(url: str) -> str:
    command = [sys.executable, "-m", "schemathesis.cli", "run", DOCUMENT, "--url", url, "--header", _AUTHORIZATION]
    with TemporaryDirectory() as place:  # without a schemathesis.toml
        return _output(*command, "--seed", "1", "--max-examples", EXAMPLES, cwd=place)


def _node(script: str, *arguments: object, cwd: str | Path) -> str:
    return _output(sys.executable, ROOT / "scripts" / "node_tools.py", "rivals", script, *arguments, cwd=cwd)


def _output(*command: object, cwd: str | Path) -> str:
    """Run a tool, whatever its exit code; return what it prints."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return done.stdout
