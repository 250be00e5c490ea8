"""The small parts: extras that are missing, and a log that is not ours."""

from __future__ import annotations

import logging

import pytest

from squadiq._extras import MissingExtraError, needs_extra
from squadiq._logs import hide_phone_numbers


def test_a_missing_package_is_told_with_the_command_that_installs_it() -> None:
    told = r"nowhere is not installed.*pip install 'squadiq\[redis\]'"
    with pytest.raises(MissingExtraError, match=told), needs_extra("redis"):
        import nowhere  # type: ignore[import-not-found]  # pyright: ignore  # noqa: F401


def test_a_mistake_of_our_own_is_not_taken_for_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError) as raised, needs_extra("redis"):
        import squadiq.nowhere  # type: ignore[import-not-found]  # pyright: ignore  # noqa: F401
    assert not isinstance(raised.value, MissingExtraError)


def test_an_address_in_a_log_shows_no_lead_id(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.addresses")
    hide_phone_numbers(logger)
    hide_phone_numbers(logger)
    assert len(logger.filters) == 1
    logger.warning('GET %s "%d"', "https://x/?page=2&lead_id=9876543210&page_size=1", 200)
    logger.warning("%(a)s", {"a": "b"})
    logger.warning("plain")
    assert [record.getMessage() for record in caplog.records] == [
        'GET https://x/?page=2&lead_id=…&page_size=1 "200"',
        "b",
        "plain",
    ]
