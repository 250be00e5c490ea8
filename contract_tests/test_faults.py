"""Every planted fault is caught, and for its own reason."""

from __future__ import annotations

import pytest

from contract_tests.faults import FAULTS, Planted
from contract_tests.faults.detection import by_cases, by_full_run, by_live_reads, by_schemathesis, by_sequences
from contract_tests.targets import sound
from squadiq.contract.full import Effort

pytestmark = pytest.mark.unmeasured

SEEN_IN_SEQUENCES = [planted for planted in FAULTS.values() if planted.by_machine]
OVER_HTTP = [planted for planted in FAULTS.values() if not planted.second_campaign]
FEW = {
    "create stores nothing",
    "previous is missing",
    "creates at once are both taken",
    "an update beside a delete writes the lead back",
}
A_HANDFUL = [planted for planted in OVER_HTTP if planted.name in FEW]
SEEN_BY_READS = {
    "a lead is on two pages",
    "a lead is processed before it is called",
    "a lead is processed before it is created",
    "a listed lead has no outcome",
    "a number is read as python reads it",
    "a page begins with a mark of byte order",
    "a page past the end is empty",
    "a page size beyond its bounds is clamped",
    "a proxy cuts long urls",
    "a proxy decodes the query twice",
    "a refusal has no detail",
    "a refusal is 422",
    "an answer holds nan",
    "count is one too many",
    "count is that of the page",
    "created at has no offset",
    "created at is in milliseconds",
    "filters are in the time of india",
    "filters are read as milliseconds",
    "leads are listed in every campaign",
    "next forgets the filters",
    "next forgets the page size",
    "next goes on after the last page",
    "next leads to the same page",
    "page size is ignored",
    "pages have no order between them",
    "previous is missing",
    "processed after excludes its second",
    "processed before excludes its second",
    "processed before takes one second more",
    "the content type is html",
    "the last page ends with a lead of another campaign",
    "the lead id filter is ignored",
    "the time filters are ignored",
    "the time filters hold for the first page only",
    "the word last is a page",
}
"""All that can be seen in lists alone: the others show when somebody writes, waits or sends what no live run may."""
SEEN_BY_SCHEMATHESIS = [planted for planted in FAULTS.values() if planted.by_schemathesis]


def names(planted: Planted) -> str:
    return planted.name


@pytest.mark.parametrize("planted", FAULTS.values(), ids=names)
def test_the_cases_catch_it_for_its_own_reason_and_for_no_other(planted: Planted) -> None:
    caught = by_cases(planted)
    assert planted.rule in caught
    assert caught.keys() - {planted.rule} <= planted.drags
    assert planted.drags <= caught.keys(), "a consequence that does not come about"


@pytest.mark.parametrize("planted", [FAULTS[name] for name in sorted(SEEN_BY_READS)], ids=names)
def test_a_live_run_that_only_reads_sees_it_where_leads_are_processed(planted: Planted) -> None:
    assert planted.rule in by_live_reads(planted.plant)


@pytest.mark.soak
def test_the_others_break_no_rule_that_a_live_run_sees() -> None:
    others = [planted for planted in FAULTS.values() if planted.name not in SEEN_BY_READS]
    assert [planted.name for planted in others if by_live_reads(planted.plant)] == []


def test_a_live_run_gives_no_false_alarm_where_leads_are_processed() -> None:
    assert by_live_reads(sound) == set()


@pytest.mark.parametrize("planted", SEEN_IN_SEQUENCES, ids=names)
def test_random_sequences_catch_it_for_its_own_reason(planted: Planted) -> None:
    caught = by_sequences(planted, seed_number=1)
    assert caught is not None, "no sequence noticed it"
    assert caught.rule in {planted.rule} | planted.drags


@pytest.mark.soak
@pytest.mark.parametrize("planted", SEEN_BY_SCHEMATHESIS, ids=names)
def test_schemathesis_catches_it_for_its_own_reason(planted: Planted) -> None:
    assert planted.by_schemathesis in by_schemathesis(planted)


def caught_over_http(planted: Planted) -> None:
    run = by_full_run(planted.plant, quota=planted.quota, overlap=planted.overlap)
    rules = {each.finding.rule for each in run.findings if each.finding}
    assert planted.rule in rules
    assert rules - {planted.rule} <= planted.drags | planted.drags_sequences
    assert run.stopped == ""


@pytest.mark.parametrize("planted", A_HANDFUL, ids=names)
def test_a_full_run_catches_it_over_http(planted: Planted) -> None:
    caught_over_http(planted)


@pytest.mark.soak
@pytest.mark.parametrize("planted", OVER_HTTP, ids=names)
def test_a_full_run_catches_each_over_http_for_its_own_reason(planted: Planted) -> None:
    caught_over_http(planted)


@pytest.mark.soak
def test_requests_that_overlap_give_no_false_alarm() -> None:
    effort = Effort(sequence_seeds=(), sequences=0, schemathesis_seeds=())
    for _ in range(20):
        run = by_full_run(sound, overlap=True, effort=effort)
        assert ([str(each.finding) for each in run.findings], run.stopped) == ([], "")


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 31))
def test_a_full_run_gives_no_false_alarm(seed: int) -> None:
    effort = Effort(sequence_seeds=(seed,), sequences=40, schemathesis_seeds=(seed,))
    run = by_full_run(sound, effort=effort)
    assert ([str(each.finding) for each in run.findings], run.stopped) == ([], "")
    assert not [each for each in run.outcomes if each.inconclusive and each.case.startswith("schemathesis")]


def test_there_are_at_least_90_faults_and_each_of_them_has_its_own_name() -> None:
    assert len(FAULTS) >= 90
    assert all(planted.name.replace(" ", "").isalnum() for planted in FAULTS.values())
