"""Extras that are missing."""

from __future__ import annotations

import pytest

from squadiq._extras import needs_extra
from squadiq.errors import MissingExtraError


def test_a_missing_package_is_told_with_the_command_that_installs_it() -> None:
    told = r"nowhere is not installed.*pip install 'squadiq\[redis\]'"
    with pytest.raises(MissingExtraError, match=told), needs_extra("redis"):
        import nowhere  # type: ignore[import-not-found]  # pyright: ignore  # noqa: F401


def test_a_mistake_of_our_own_is_not_taken_for_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError) as raised, needs_extra("redis"):
        import squadiq.nowhere  # type: ignore[import-not-found]  # pyright: ignore  # noqa: F401
    assert not isinstance(raised.value, MissingExtraError)
