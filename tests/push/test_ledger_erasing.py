"""What a ledger knows of a lead is erased, in a file and in PostgreSQL; what it knows of others stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadiq.mock.server import RunningMock
from squadiq.push.changes import erase_lead
from squadiq.push.ledger import Ledger
from tests.inbox.conftest import postgres_database
from tests.push.conftest import lead, push_to


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_lead_is_erased_from_the_ledger_and_no_other(
    kind: str, mock: RunningMock, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = str(tmp_path / "ledger.sqlite3")
    if kind == "postgresql":
        place = postgres_database(request.getfixturevalue("postgres_url"))
    leads = [lead(1), lead(2)]
    assert push_to(mock.url, leads, ledger=place).counts.created == 2
    ledger = Ledger(place, service=mock.url, campaign_id="c1", source="")
    ledger.open(alone=False)
    erased = [erase_lead(ledger, mock.url, "c1", str(leads[0]["lead_id"])) for _ in range(2)]
    ledger.close()
    assert erased == [1, 0]
    again = push_to(mock.url, leads, ledger=place).counts
    assert (again.created_before, again.existing) == (1, 1)
