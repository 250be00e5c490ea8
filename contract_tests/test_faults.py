"""Every planted fault is caught, and for its own reason."""

from __future__ import annotations

import pytest

from contract_tests.faults import FAULTS, Planted
from contract_tests.faults.detection import by_cases, by_schemathesis, by_sequences

SEEN_IN_SEQUENCES = [planted for planted in FAULTS.values() if planted.by_machine]
SEEN_BY_SCHEMATHESIS = [planted for planted in FAULTS.values() if planted.by_schemathesis]


def names(planted: Planted) -> str:
    return planted.name


@pytest.mark.parametrize("planted", FAULTS.values(), ids=names)
def test_the_cases_catch_it_for_its_own_reason_and_for_no_other(planted: Planted) -> None:
    caught = by_cases(planted)
    assert planted.rule in caught
    assert caught.keys() - {planted.rule} <= planted.drags
    assert planted.drags <= caught.keys(), "a consequence that does not come about"


@pytest.mark.parametrize("planted", SEEN_IN_SEQUENCES, ids=names)
def test_random_sequences_catch_it_for_its_own_reason(planted: Planted) -> None:
    caught = by_sequences(planted, seed_number=1)
    assert caught is not None, "no sequence noticed it"
    assert caught.rule in {planted.rule} | planted.drags


@pytest.mark.soak
@pytest.mark.parametrize("planted", SEEN_BY_SCHEMATHESIS, ids=names)
def test_schemathesis_catches_it_for_its_own_reason(planted: Planted) -> None:
    assert planted.by_schemathesis in by_schemathesis(planted)


def test_there_are_at_least_25_faults_and_each_of_them_has_its_own_name() -> None:
    assert len(FAULTS) >= 25
    assert all(planted.name.replace(" ", "").isalnum() for planted in FAULTS.values())
