"""What an update has done is looked at where a server tells what it stores, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from contract_tests.targets import mock_target
from squadiq.contract.agreement import Agreement
from squadiq.contract.model import Model
from squadiq.contract.rules import BrokenError, Rule
from squadiq.contract.target import Capability


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ({"contact_name": "Contract Test"}, None),
        ({"contact_name": "John Smith"}, Rule.UPDATES),
        ({"is_KYC": True}, Rule.UPDATES),
    ],
)
def test_fields_that_an_update_has_not_set_are_found_only_where_the_server_tells_them(
    told: dict[str, Any], rule: Rule | None
) -> None:
    with mock_target() as target:
        lead = target.lead()
        target.create(lead)
        model = Model(0.0, 0.0)
        model.create([lead])
        agreement = Agreement(target, model)
        if rule:
            with pytest.raises(BrokenError) as broken:
                agreement.look_at_update(lead["lead_id"], told)
            assert broken.value.finding.rule is rule
            target.offers -= {Capability.KNOWN}
        agreement.look_at_update(lead["lead_id"], told)
