"""A ledger in PostgreSQL forgets a lead as one in a file does."""

from __future__ import annotations

from squadiq.push.ledger import Ledger
from tests.inbox.conftest import postgres_database


def test_a_lead_that_nobody_knows_is_erased_nowhere(postgres_url: str) -> None:
    ledger = Ledger(postgres_database(postgres_url), service="s", campaign_id="c1", source="")
    ledger.open(alone=False)
    engine = ledger._engine  # pyright: ignore[reportPrivateUsage]
    assert engine is not None
    with engine.begin() as connection:
        assert ledger.erase(connection, "L1") == 0
    ledger.close()
