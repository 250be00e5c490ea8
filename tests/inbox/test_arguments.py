"""Whatever an inbox is given, what comes out is a SquadIQError that names the setting."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from squadiq.errors import ConfigurationError, InvalidInputError, SquadIQError
from squadiq.inbox import Inbox
from squadiq.webhooks import DeliveredLead
from tests.inbox.conftest import OpenInbox
from tests.inbox.test_handling import receive, take

SECONDS = ["lease_seconds", "store_within_seconds", "handler_timeout_seconds", "stop_timeout_seconds"]
NO_SECONDS: list[Any] = ["5", None, 0, -1, float("nan"), float("inf"), True, [5], 10**400]
NO_COUNTS: list[Any] = ["5", None, 0, -1, 1.5, True, float("nan")]


@pytest.mark.parametrize(
    ("setting", "value"),
    [(setting, value) for setting in SECONDS for value in NO_SECONDS]
    + [("max_attempts", value) for value in NO_COUNTS],
)
def test_a_setting_that_cannot_be_meant_is_named(tmp_path: Path, setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        Inbox(tmp_path / "inbox.sqlite3", **{setting: value})


@pytest.mark.parametrize("database", [5, None, b"inbox.sqlite3", ["inbox.sqlite3"], 1.5])
def test_a_database_that_is_none_is_refused(database: Any) -> None:
    with pytest.raises(ConfigurationError, match="database"):
        Inbox(database)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    database=st.text(max_size=20)
    | st.builds("{}://{}".format, st.sampled_from(["sqlite", "postgresql"]), st.text(max_size=20))
    | st.sampled_from(["postgresql://[x", "postgresql://h:port/d", "sqlite:///\0", "\0", "sqlite:////\0x"])
)
def test_whatever_database_is_named_it_is_taken_or_refused_as_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        Inbox(database)
    except SquadIQError:
        return


@pytest.mark.parametrize("lead_id", [5, None, b"a", "a\0b", "\ud800", ["a"]])
def test_a_lead_is_looked_for_by_texts(open_inbox: OpenInbox, lead_id: Any) -> None:
    inbox = open_inbox()
    for look in (inbox.results, inbox.latest, inbox.erase):
        with pytest.raises(InvalidInputError, match="lead_id must be a text"):
            look("campaign-1", lead_id)
        with pytest.raises(InvalidInputError, match="campaign_id must be a text"):
            look(lead_id, "a")


@pytest.mark.parametrize("ids", [5, "12", [None], ["1"], [0], [-1], [2**63], [1.0], [True]])
def test_ids_that_are_none_are_refused(open_inbox: OpenInbox, ids: Any) -> None:
    with pytest.raises(InvalidInputError, match="ids must be whole numbers"):
        open_inbox().replay(ids)


@pytest.mark.parametrize("handler", [5, "handle", ["handle"], {}])
def test_a_handler_that_is_no_function_is_refused(open_inbox: OpenInbox, handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="on_processed"):
        open_inbox().on_processed(handler)


def test_in_transaction_is_yes_or_no(open_inbox: OpenInbox) -> None:
    with pytest.raises(ConfigurationError, match="in_transaction"):
        open_inbox().on_processed(in_transaction="yes")(take)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("concurrency", value) for value in NO_COUNTS]
    + [("backfill_every_seconds", value) for value in NO_SECONDS]
    + [("backfill", value) for value in (5, "campaign-1", ["campaign-1"], [None], None, [Inbox])],
)
def test_how_to_run_is_checked_by_name(open_inbox: OpenInbox, setting: str, value: Any) -> None:
    inbox = open_inbox()
    inbox.on_processed(take)
    with pytest.raises(ConfigurationError, match=setting):
        inbox.run(once=True, **{setting: value})


def test_objects_and_partial_functions_may_be_handlers(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    got: list[str] = []

    class Plain:
        def __call__(self, lead: DeliveredLead) -> None:
            got.append("plain")

    class Later:
        async def __call__(self, lead: DeliveredLead) -> None:
            got.append("later")

    async def named(name: str, lead: DeliveredLead) -> None:
        got.append(name)

    for handler in (Plain(), Later(), partial(named, "partial")):
        inbox.on_processed(handler)
    receive(inbox)
    assert inbox.run(once=True) == 1
    assert got == ["plain", "later", "partial"]
