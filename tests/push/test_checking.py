"""Rows checked many at a time: each bad one told, none of the others lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from squadiq_generated.models import Lead

from squadiq.push.checking import BadRow, GoodRow, check
from squadiq.push.columns import Columns
from squadiq.push.ledger import Ledger
from squadiq.push.rows import Row
from tests.push.conftest import lead


class Picky(Lead):
    def model_post_init(self, context: object) -> None:
        if self.contact_name.startswith("Bad"):
            raise LookupError(self.contact_name)


@pytest.mark.parametrize("lead_type", [Lead, Picky])
def test_bad_rows_among_good_ones_are_named_one_by_one(lead_type: type[Lead]) -> None:
    given: list[dict[str, Any]] = [lead(n) for n in range(6)]
    given[1] = lead(0)  # the same again, which is for others to see
    given[2]["phone_number"] = "12"
    given[3]["contact_name"] = "\u200b"
    given[4]["city"] = "nan"
    checked = check([Row(n, values) for n, values in enumerate(given)], Columns(), lead_type)
    assert [type(each) for each in checked] == [GoodRow, GoodRow, BadRow, BadRow, BadRow, GoodRow]
    codes = [each.why.code for each in checked if isinstance(each, BadRow)]
    assert codes == ["phone_number_invalid", "contact_name_invalid", "field_invalid"]


def test_a_type_that_fails_for_several_rows_spoils_no_other() -> None:
    given = [lead(1), lead(2, contact_name="Bad"), lead(3, contact_name="Bad"), lead(4)]
    checked = check([Row(n, values) for n, values in enumerate(given)], Columns(), Picky)
    assert [type(each) for each in checked] == [GoodRow, BadRow, BadRow, GoodRow]


def test_the_order_of_columns_changes_nothing_of_what_a_lead_says() -> None:
    one, other = ({"a": "1", "b": "2", **lead(1)}, {**lead(1), "b": "2", "a": "1"})
    checked = check([Row(1, one), Row(2, other)], Columns(), Lead)
    assert len({each.content for each in checked if isinstance(each, GoodRow)}) == 1


def test_only_what_must_outlive_a_loss_of_power_waits_for_the_disk(tmp_path: Path) -> None:
    """A claim must: with it gone, a lead that may be created would be sent again as one that was not."""
    ledger = Ledger(tmp_path / "ledger.sqlite3", service="s", campaign_id="c1", source="x")
    ledger.open()
    for is_durable, expected in ((True, 2), (False, 1), (True, 2)):
        with ledger.transaction(is_durable=is_durable) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == expected
    ledger.close()
