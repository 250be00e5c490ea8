"""Reports of a run: a page of HTML and JUnit, with nothing in them about a person and without the token."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

from squadiq_generated._base import looks_like_a_phone_number

from squadiq.contract.cases import CaseResult
from squadiq.contract.conformance import Hit
from squadiq.errors import ConfigurationError

_HIDDEN = {"lead_id": "LEAD_ID", "phone_number": "PHONE_NUMBER", "contact_name": "NAME"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2rem; } dt { font-weight: 600; } pre { background: #f3f3f3; padding: .6rem; overflow-x: auto; }
.found { color: #a40000; } .good { color: #1c6b1c; } .open { color: #6b5900; }
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold what a report says beside its outcomes: a title, and lines about the run."""

    title: str
    lines: Sequence[str]
    people: frozenset[str] = field(default=frozenset(), repr=False)


def curl_of(hit: Hit, people: Iterable[str] = ()) -> str:
    """Return a line for a shell that sends the request of a hit again.

    The token is taken from `SQUADIQ_ACCESS_TOKEN`; phone numbers, names and the lead_ids of real
    people are replaced by words in capitals.
    """
    hidden = frozenset(people)
    parts = urlsplit(hit.url)
    pairs = [(name, _shown(name, text, hidden)) for name, text in parse_qsl(parts.query, keep_blank_values=True)]
    url = urlunsplit(parts._replace(query=urlencode(pairs)))
    words = ["curl", "-i", *([] if hit.method == "GET" else ["-X", hit.method]), shlex.quote(url)]
    words.append('-H "Authorization: Bearer $SQUADIQ_ACCESS_TOKEN"')
    if hit.sent:
        words += ["-H 'Content-Type: application/json'", "--data-binary", shlex.quote(_shown_body(hit.sent, hidden))]
    return " ".join(words)


def as_html(facts: Facts, outcomes: Sequence[CaseResult]) -> str:
    """Return a page that needs nothing else: no script, no font, no request."""
    found = [each for each in outcomes if each.finding]
    said = f"{len(found)} of {len(outcomes)} cases found something" if found else f"{len(outcomes)} cases hold"
    body = [
        f"<h1>{html.escape(facts.title)}</h1>",
        f'<p class="{"found" if found else "good"}"><strong>{said}.</strong></p>',
        *(f"<p>{html.escape(line)}</p>" for line in facts.lines),
        *(_finding_as_html(each, facts.people) for each in found),
        "<h2>All cases</h2><ul>",
        *(f'<li class="{_state(each)}">{html.escape(_sentence(each))}: {_state(each)}</li>' for each in outcomes),
        "</ul>",
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(facts.title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def as_junit(facts: Facts, outcomes: Sequence[CaseResult]) -> str:
    """Return JUnit's XML, as continuous integration reads it."""
    suite = ElementTree.Element(
        "testsuite",
        name=facts.title,
        tests=str(len(outcomes)),
        failures=str(sum(each.finding is not None for each in outcomes)),
        skipped=str(sum(bool(each.inconclusive) for each in outcomes)),
    )
    for each in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname="squadiq.contract", name=each.case)
        if each.finding:
            failure = ElementTree.SubElement(
                case, "failure", type=each.finding.rule.name, message=each.finding.observed
            )
            failure.text = "\n".join(f"{name}: {words}" for name, words in _told(each, facts.people))
        elif each.inconclusive:
            ElementTree.SubElement(case, "skipped", message=each.inconclusive)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def refuse_unless_writable(directory: Path) -> None:
    """Make the folder of the reports.

    Raises:
        ConfigurationError: nothing can be written there.
    """
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for path in _paths(directory):
            path.open("a").close()


def write_reports(directory: Path, facts: Facts, outcomes: Sequence[CaseResult]) -> tuple[Path, Path]:
    """Write both reports and return their paths.

    Raises:
        ConfigurationError: they cannot be written.
    """
    page, junit = _paths(directory)
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(as_html(facts, outcomes), "utf-8")
        junit.write_text(as_junit(facts, outcomes), "utf-8")
    return page, junit


def _paths(directory: Path) -> tuple[Path, Path]:
    return directory / "contract.html", directory / "contract.xml"


@contextmanager
def _writing(directory: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"report: {directory} cannot be written to ({error.strerror}).") from None


def _told(outcome: CaseResult, people: Iterable[str]) -> list[tuple[str, str]]:
    finding, hit = outcome.finding, outcome.hit
    assert finding is not None
    told = [
        ("The document says", finding.rule.description),
        ("What came", finding.observed),
        ("What should change", finding.rule.change.value),
    ]
    return [*told, ("To see it again", curl_of(hit, people))] if hit else told


def _finding_as_html(outcome: CaseResult, people: Iterable[str]) -> str:
    rows = "".join(
        f"<dt>{name}</dt><dd>{f'<pre>{html.escape(words)}</pre>' if 'again' in name else html.escape(words)}</dd>"
        for name, words in _told(outcome, people)
    )
    return f'<h2 class="found">{html.escape(_sentence(outcome))}</h2><dl>{rows}</dl>'


def _sentence(outcome: CaseResult) -> str:
    return outcome.case.replace("_", " ").capitalize()


def _state(outcome: CaseResult) -> str:
    return "found" if outcome.finding else "open" if outcome.inconclusive else "good"


def _shown(name: str, text: str, people: frozenset[str]) -> str:
    if name != "lead_id":
        return text
    return _HIDDEN[name] if text in people or looks_like_a_phone_number(text) else text


def _shown_body(body: bytes, people: frozenset[str]) -> str:
    try:
        read: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "BODY"
    items: list[Any] = read if isinstance(read, list) else [read]  # pyright: ignore[reportUnknownVariableType]
    for item in items:
        for name, word in _HIDDEN.items():
            if isinstance(item, dict) and name in item:
                item[name] = word if name != "lead_id" else _shown(name, str(item[name]), people)  # pyright: ignore[reportUnknownArgumentType]
    return json.dumps(read)
