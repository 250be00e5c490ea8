"""Schemathesis in a process of its own: every check in every phase, on one campaign of a disposable server."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from squadiq.contract import schemathesis_hooks
from squadiq.contract.disposable import DisposableScope
from squadiq.contract.isolation import without_their_variables
from squadiq.contract.readings import Readings
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Finding, Rule
from squadiq.spec import Spec

PHASES = ("examples", "coverage", "fuzzing", "stateful")
TIMEOUT_SECONDS = 3600.0
_RULES = {
    "Server error": Rule.NO_SERVER_ERROR,
    "Undocumented status code": Rule.STATUS,
    "HTTP status code": Rule.STATUS,
    "Undocumented Content-Type": Rule.MEDIA_TYPE,
    "Malformed media type": Rule.MEDIA_TYPE,
    "Missing Content-Type header": Rule.MEDIA_TYPE,
    "Response violates schema": Rule.SCHEMA,
    "JSON deserialization error": Rule.SCHEMA,
    "Missing required response headers": Rule.HEADERS,
    "Response header does not conform to the schema": Rule.HEADERS,
    "API accepts requests without authentication": Rule.MISSING_TOKEN,
    "Missing required header accepted": Rule.MISSING_TOKEN,
    "API accepts invalid authentication": Rule.WRONG_TOKEN,
    "Schema-violating request accepted": Rule.INVALID,
    "API accepted schema-violating request": Rule.INVALID,
    "API rejected schema-compliant request": Rule.CREATES,
    "Schema-valid request rejected": Rule.CREATES,
    "Unsupported methods": Rule.METHOD,
    "Wrong response to undeclared method": Rule.METHOD,
}
"""The rule that a check of schemathesis looks at, by what it is called in a report; STATUS for others."""
_TITLE = re.compile(r"^- (ST[0-9]+) (.+)$", re.MULTILINE)
_OPERATION = re.compile(r"^_{3,} (?:[A-Z]+ /\S+|\S.*?) _{3,}$", re.MULTILINE)
_CONFIG = """
hooks = {hooks}
cache = {{ enabled = false }}
continue-on-failure = true
suppress-health-check = ["filter_too_much", "too_slow"]
{rate_limit}
[auth.openapi.accessToken]
bearer = "${{SQUADIQ_ACCESS_TOKEN}}"
[generation]
max-examples = {examples}
database = "none"
[warnings]
enabled = true
fail-on = ["missing_auth", "unsupported_regex", "unresolvable_reference"]
[checks]
ignored_auth.enabled = {denied_is_401}
missing_required_header.enabled = {denied_is_401}
[[operations]]
include-operation-id = "createLeads"
checks.positive_data_acceptance.enabled = {repeats_are_taken}
"""


@dataclass(frozen=True, kw_only=True)
class SchemathesisRun:
    """Hold what schemathesis is to do.

    Args:
        hits_per_minute: 0 for no limit.
    """

    scope: DisposableScope
    token: str = field(repr=False)
    readings: Readings
    hits_per_minute: int
    examples: int
    phases: Sequence[str] = PHASES

    def run(self, seed: int) -> tuple[list[CaseResult], int]:
        """Run it with a seed; return an outcome for each kind of finding, or one that holds, and the hits."""
        with TemporaryDirectory(prefix="squadiq-", ignore_cleanup_errors=True) as folder:
            place = Path(folder)
            done = self._process(place, seed)
            count_file = place / "hits"
            hits = int(count_file.read_text("utf-8")) if count_file.exists() else 0
        return list(outcomes_of(done.stdout, done.returncode, seed, hits, self.phases)), hits

    def _process(self, place: Path, seed: int) -> subprocess.CompletedProcess[str]:
        (place / "document.json").write_text(json.dumps(document_of(self.scope.spec, self.scope.campaign_id)), "utf-8")
        (place / "schemathesis.toml").write_text(self._config(), "utf-8")
        scope = {
            "origin": self.scope.origin,
            "campaign_id": self.scope.campaign_id,
            "phone_numbers": list(self.scope.phone_numbers),
            "count_file": str(place / "hits"),
        }
        with without_their_variables():
            environment = {**os.environ, "SQUADIQ_ACCESS_TOKEN": self.token, "COLUMNS": "120", "NO_COLOR": "1"}
        environment[schemathesis_hooks.SCOPE] = json.dumps(scope)
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(place / "schemathesis.toml"), "run"]
        options = ["--url", self.scope.origin, "--seed", str(seed), "--phases", ",".join(self.phases)]
        return subprocess.run(
            [*command, str(place / "document.json"), *options],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def _config(self) -> str:
        return _CONFIG.format(
            hooks=json.dumps(schemathesis_hooks.__file__),
            rate_limit=f'rate-limit = "{self.hits_per_minute}/m"' if self.hits_per_minute else "",
            examples=self.examples,
            denied_is_401=json.dumps(self.readings.denied == 401),
            # No schema can say which lead_ids are there.
            repeats_are_taken=json.dumps(not self.readings.refuses_repeats),
        )


def document_of(spec: Spec, campaign_id: str) -> dict[str, Any]:
    """Return the document of a service that has this campaign alone, so that no other can be drawn."""
    document: dict[str, Any] = copy.deepcopy(dict(spec.contents))
    paths: dict[str, Any] = {}
    for path, item in document["paths"].items():
        item.pop("parameters", None)
        for operation in item.values():
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    link.get("parameters", {}).pop("campaign_id", None)
        paths[path.replace("{campaign_id}", campaign_id)] = item
    document["paths"] = paths
    return document


def outcomes_of(output: str, code: int, seed: int, hits: int, phases: Sequence[str] = ()) -> Iterator[CaseResult]:
    """Return what an output of schemathesis tells: its words of a check, never those of a request.

    Args:
        phases: those that must have passed where nothing was found.
    """
    name = f"schemathesis with seed {seed}"
    titles: Sequence[tuple[str, str]] = list(dict.fromkeys(_TITLE.findall(output.partition("FAILURES")[2])))
    for number, title in titles:
        rule = next((rule for words, rule in _RULES.items() if title.startswith(words)), Rule.STATUS)
        yield CaseResult(name, hits, Finding(rule, f"{title} ({number})"))
    if not titles:
        # Errors of its own and warnings have no title: neither says that a rule is broken.
        asleep = [phase for phase in phases if f"✅ {phase.capitalize()}" not in output.partition("Test Phases:")[2]]
        why = f"these phases did not run: {', '.join(asleep)}" if asleep else ""
        why = f"it ended with {code}: {_last_words(output)}" if code else why
        yield CaseResult(name, hits, inconclusive=why)


def _last_words(output: str) -> str:
    errors = re.findall(r"^\s*(?:❌|🚫|⚠️?)\s*(.+)$", output, re.MULTILINE)
    return "; ".join(line.strip() for line in errors[:3])[:300] or "without a word"
