"""Reports of a run: text, a page of HTML, and JUnit, with nothing in them about a person and without credentials."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from squadiq.contract.curl import curl_of
from squadiq.contract.results import CaseResult
from squadiq.contract.rules import Rule
from squadiq.errors import ConfigurationError

SHOWN_AT_MOST = 8
"""Findings of one rule that are shown on a terminal; the other reports show all."""
_REPRODUCE = "To reproduce"
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


def as_text(outcomes: Sequence[CaseResult], people: Iterable[str] = ()) -> list[str]:
    """Return lines for a terminal: each rule that is known to have been tried or is broken, then what stays open."""
    lines: list[str] = []
    for rule in Rule:
        tried = sum(each.rule is rule and not each.inconclusive for each in outcomes)
        found = [each for each in outcomes if each.finding and each.finding.rule is rule]
        if tried or found:
            count = f"{tried} tried, {len(found)} wrong" if tried else f"{len(found)} wrong"
            lines.append(f"  {'WRONG' if found else 'ok   '} {rule.description} ({count})")
            lines += [f"          {line}" for line in _broken_as_text(rule, found, people)]
    return lines + [f"  ?     {each.case}: {each.inconclusive}" for each in outcomes if each.inconclusive]


def as_html(facts: Facts, outcomes: Sequence[CaseResult]) -> str:
    """Return a page that needs nothing else: no script, no font, no request."""
    found = [each for each in outcomes if each.finding]
    summary = f"{len(found)} of {len(outcomes)} cases found something" if found else f"{len(outcomes)} cases hold"
    body = [
        f"<h1>{html.escape(facts.title)}</h1>",
        f'<p class="{"found" if found else "good"}"><strong>{summary}.</strong></p>',
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
    times: Counter[str] = Counter()
    for each in outcomes:
        times[each.case] += 1
        # A name that comes twice would be one test to a reader of JUnit.
        name = each.case if times[each.case] == 1 else f"{each.case} ({times[each.case]})"
        case = ElementTree.SubElement(suite, "testcase", classname="squadiq.contract", name=name)
        if each.finding:
            failure = ElementTree.SubElement(
                case, "failure", type=each.finding.rule.name, message=each.finding.observed
            )
            failure.text = "\n".join(f"{name}: {text}" for name, text in _details(each, facts.people))
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


def _broken_as_text(rule: Rule, found: Sequence[CaseResult], people: Iterable[str]) -> Iterator[str]:
    for each in found[:SHOWN_AT_MOST]:
        assert each.finding is not None
        yield f"{each.case}: {each.finding.observed}"
        if each.hit:
            yield f"  reproduce: {curl_of(each.hit, people)}"
    if len(found) > SHOWN_AT_MOST:
        yield f"and {len(found) - SHOWN_AT_MOST} more"
    if found:
        yield f"to change: {rule.change.value}"


def _details(outcome: CaseResult, people: Iterable[str]) -> list[tuple[str, str]]:
    finding, hit = outcome.finding, outcome.hit
    assert finding is not None
    details = [
        ("Rule", finding.rule.description),
        ("Observed", finding.observed),
        ("What should change", finding.rule.change.value),
    ]
    return [*details, (_REPRODUCE, curl_of(hit, people))] if hit else details


def _finding_as_html(outcome: CaseResult, people: Iterable[str]) -> str:
    rows = "".join(
        f"<dt>{name}</dt><dd>{f'<pre>{html.escape(text)}</pre>' if name == _REPRODUCE else html.escape(text)}</dd>"
        for name, text in _details(outcome, people)
    )
    return f'<h2 class="found">{html.escape(_sentence(outcome))}</h2><dl>{rows}</dl>'


def _sentence(outcome: CaseResult) -> str:
    # The name of a function is made a sentence; that of a delivery is one already.
    is_function = "_" in outcome.case and " " not in outcome.case
    return outcome.case.replace("_", " ").capitalize() if is_function else outcome.case


def _state(outcome: CaseResult) -> str:
    return "found" if outcome.finding else "open" if outcome.inconclusive else "good"
