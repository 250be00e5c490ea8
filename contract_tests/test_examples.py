"""The plain examples hold for the mock, within the process and on a port, without a change."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.targets import DOCUMENT, OFFERS, mock_target
from squadiq.contract.examples import Example, run_example
from squadiq.contract.suite import SUITE, fitting
from squadiq.contract.target import Need, Target
from squadiq.mock.server import running_mock


def names(example: Example) -> str:
    return example.name


@pytest.mark.parametrize("example", SUITE, ids=names)
def test_the_mock_holds_every_example(example: Example) -> None:
    with mock_target(rate=DOCUMENT.hits if Need.QUOTA in example.needs else 0) as target:
        outcome = run_example(example, target)
    assert outcome.finding is None, outcome.finding
    assert outcome.inconclusive == ""
    assert outcome.hits <= example.hits, "it takes more hits than the plan of a live run would say"


@pytest.mark.parametrize("example", fitting([]), ids=names)
def test_what_only_reads_says_so_of_an_empty_campaign_too(example: Example) -> None:
    with mock_target(seeded=False) as target:
        assert run_example(example, target).finding is None


def test_a_mock_on_a_port_holds_them_one_after_another() -> None:
    with (
        running_mock(rate=0, process_after_seconds=3600) as running,
        httpx.Client(base_url=running.url, trust_env=False) as http,
    ):
        target = Target(
            http=http,
            token=running.token,
            campaign_id="campaign-1",
            prefix="lead-",
            offers=OFFERS - {Need.QUOTA},
            process_after_seconds=3600,
            advance=running.advance,
            known=running.lead,
        )
        target.processed(*[target.lead() for _ in range(5)])
        outcomes = [run_example(example, target) for example in fitting(target.offers)]
    assert [outcome for outcome in outcomes if outcome.finding or outcome.inconclusive] == []
