"""Random sequences of all operations leave the mock as they leave the model."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest

from contract_tests.faults import FAULTS
from contract_tests.targets import OFFERS, PROCESS_AFTER_SECONDS, mock_target
from squadiq.contract.rules import BrokenError
from squadiq.contract.sequences import run_sequences
from squadiq.contract.target import Target
from squadiq.mock.server import running_mock


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_mock_and_the_model_agree(seed: int) -> None:
    hits = run_sequences(lambda: mock_target(seeded=False), seed_number=seed, examples=40)
    assert hits > 500


@pytest.mark.parametrize(
    "name",
    [
        "next goes on after the last page",
        "next leads to the same page",
        "a deleted lead is listed all the same",
        "previous is missing",
    ],
)
def test_what_breaks_a_rule_is_raised_with_the_hits_that_it_took(name: str) -> None:
    with pytest.raises(BrokenError) as raised:
        run_sequences(lambda: mock_target(FAULTS[name].plant, seeded=False), seed_number=1, examples=300, shrink=False)
    assert raised.value.finding.rule is FAULTS[name].rule
    assert raised.value.__dict__["hits"] > 0


def test_what_breaks_no_rule_is_raised_as_it_is() -> None:
    def no_target() -> AbstractContextManager[Target]:
        raise AssertionError("no target")

    with pytest.raises(AssertionError, match="no target"):
        run_sequences(no_target, seed_number=1, examples=1, shrink=False)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 31))
def test_they_agree_for_thirty_seeds_and_longer_sequences(seed: int) -> None:
    assert run_sequences(lambda: mock_target(seeded=False), seed_number=seed, examples=100, steps=50) > 2000


def test_they_agree_over_a_port_too() -> None:
    @contextmanager
    def target() -> Generator[Target]:
        with (
            running_mock(rate=0, process_after_seconds=PROCESS_AFTER_SECONDS) as running,
            httpx.Client(base_url=running.url, trust_env=False) as http,
        ):
            yield Target(
                http=http,
                token=running.token,
                campaign_id="campaign-1",
                prefix="lead-",
                offers=OFFERS,
                process_after_seconds=PROCESS_AFTER_SECONDS,
                process_from_seconds=PROCESS_AFTER_SECONDS / 2,
                advance=running.advance,
                lead_state=running.lead,
            )

    assert run_sequences(target, seed_number=1, examples=5, steps=15) > 20
