"""Who sends much leaves hits of the quota free for calls that somebody waits for, unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.errors import ConfigurationError
from squadiq.outbox import Outbox
from squadiq.quota import MemoryStore, Reservation
from tests.servers import Reply, Seen, acting_server

LEAD = {"lead_id": "L1", "phone_number": "9812345678", "contact_name": "Asha"}


class Noting(MemoryStore):
    """Notes how many hits each call leaves free."""

    def __init__(self) -> None:
        super().__init__(25)
        self.kept_free: list[int] = []

    def reserve(self, *arguments: Any, keep_free: int = 0, **others: Any) -> Reservation:
        self.kept_free.append(keep_free)
        return super().reserve(*arguments, keep_free=keep_free, **others)


class Older(Noting):
    """Knows nothing of a reserve."""

    def reserve(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, lease_seconds: float, max_wait_seconds: float | None = None, *, within_seconds: float | None = None
    ) -> Reservation:
        return super().reserve(lease_seconds, max_wait_seconds, within_seconds=within_seconds)


def accepting(seen: Seen) -> Reply:
    return Reply(201, [])


def call_alone(url: str, folder: Path, options: dict[str, Any]) -> None:
    with SquadIQ("token", base_url=url, campaign_id="c1", **options) as client:
        client.campaign().create_leads([LEAD])


def push(url: str, folder: Path, options: dict[str, Any]) -> None:
    with SquadIQ("token", base_url=url, campaign_id="c1", **options) as client:
        assert client.campaign().push_leads([LEAD], ledger=folder / "push.db").counts.created == 1


def push_async(url: str, folder: Path, options: dict[str, Any]) -> None:
    async def push() -> None:
        async with AsyncSquadIQ("token", base_url=url, campaign_id="c1", **options) as client:
            done = await client.campaign().push_leads([LEAD], ledger=folder / "push.db")
            assert done.counts.created == 1

    anyio.run(push)


def drain_an_outbox(url: str, folder: Path, options: dict[str, Any]) -> None:
    with Outbox(folder / "outbox.db") as outbox, SquadIQ("token", base_url=url, **options) as client:
        outbox.create_leads("c1", [LEAD])
        assert outbox.run(client, once=True) == 1


Sending = Callable[[str, Path, dict[str, Any]], None]


@pytest.fixture(params=[push, push_async, drain_an_outbox])
def send_much(request: pytest.FixtureRequest) -> Sending:
    """Each way to send much."""
    sending: Sending = request.param
    return sending


@pytest.mark.parametrize(("options", "kept_free"), [({}, 3), ({"quota_reserve": 0}, 0), ({"quota_reserve": 7}, 7)])
def test_who_sends_much_leaves_a_tenth_free_unless_told_otherwise(
    send_much: Sending, tmp_path: Path, options: dict[str, Any], kept_free: int
) -> None:
    store = Noting()
    with acting_server(accepting) as server:
        send_much(server.url, tmp_path, {"quota": store, **options})
    assert store.kept_free == [kept_free]


@pytest.mark.parametrize(("options", "kept_free"), [({}, 0), ({"quota_reserve": None}, 0), ({"quota_reserve": 7}, 7)])
def test_a_single_call_leaves_none_free_unless_told(tmp_path: Path, options: dict[str, Any], kept_free: int) -> None:
    store = Noting()
    with acting_server(accepting) as server:
        call_alone(server.url, tmp_path, {"quota": store, **options})
    assert store.kept_free == [kept_free]


def test_a_store_of_ones_own_that_knows_of_no_reserve_serves_all_that_ask_for_none(
    send_much: Sending, tmp_path: Path
) -> None:
    older: Any = Older()
    with acting_server(accepting) as server:
        call_alone(server.url, tmp_path, {"quota": older})
        send_much(server.url, tmp_path, {"quota": older})
        with pytest.raises(ConfigurationError, match="quota_reserve=1: the reserve"):
            call_alone(server.url, tmp_path, {"quota": older, "quota_reserve": 1})
    assert older.kept_free == [0, 0]
