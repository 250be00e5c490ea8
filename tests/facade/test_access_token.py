"""An access token that a function gives: asked for each attempt, in time, and shown to nobody."""

from __future__ import annotations

import functools
import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from squadiq import AccessTokenError, AsyncSquadIQ, ConfigurationError, SquadIQ, UnauthorizedError
from squadiq.config import quota_from, settings_from
from squadiq.mock.server import RunningMock
from squadiq.outbox import Outbox
from squadiq.push import PushStoppedError
from squadiq.quota import MemoryStore
from squadiq.retry import GiveUp, Retry, RetryState
from tests.facade.test_client import LEAD, Both, failing, send_again_at_once
from tests.servers import Reply, acting_server, scripted

SECRET = "Hush4711"


class Rotating:
    """Gives another token each time."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return f"token-{self.asked}"


class AsyncRotating(Rotating):
    async def __call__(self) -> str:  # type: ignore[override]
        return super().__call__()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tokens_seen(server: Any) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.seen]


def test_each_attempt_asks_for_the_token_anew(kind: str) -> None:
    replies = scripted(Reply(503), Reply(200, {"count": 0, "next": None, "previous": None, "results": []}))
    with (
        acting_server(replies) as server,
        Both(kind, Rotating(), base_url=server.url, retry_policy=send_again_at_once) as both,
    ):
        both.call("get_leads")
        both.call("get_leads")
        assert tokens_seen(server) == ["token-1", "token-2", "token-3"]


@pytest.mark.parametrize("made", [AsyncRotating(), functools.partial(AsyncRotating().__call__), Rotating()])
def test_a_function_may_be_awaited(made: Callable[[], Any]) -> None:
    with (
        acting_server(Reply(201)) as server,
        Both("async", made, base_url=server.url) as both,
    ):
        both.call("create_leads", [LEAD])
        assert tokens_seen(server) == ["token-1"]


def test_a_plain_function_does_not_block_the_event_loop() -> None:
    threads: list[threading.Thread] = []

    def token() -> str:
        threads.append(threading.current_thread())
        return "token"

    with acting_server(Reply(201)) as server, Both("async", token, base_url=server.url) as both:
        both.call("create_leads", [LEAD])
        [asked_in] = threads
        assert asked_in is not both.portal.call(threading.current_thread)


def test_an_async_function_is_refused_where_nobody_awaits_it() -> None:
    async def token() -> str:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="needs AsyncSquadIQ"):
        SquadIQ(token)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def failed_by(kind: str, function: Callable[[], Any], **options: Any) -> tuple[Any, Both]:
    """Call with such a function, see that nothing is sent and no hit is spent, and return the error."""
    store = MemoryStore(100, 60.0)
    with (
        acting_server(Reply(201)) as server,
        Both(kind, function, base_url=server.url, quota=store, **options) as both,
    ):
        error = failing(both, "create_leads", [LEAD])
        assert server.seen == []
        assert (store.snapshot().free_now, store.snapshot().in_flight) == (100, 0)
        return error, both


@pytest.mark.parametrize("given", [None, "", 7, f"{SECRET}\r\nX: y", b"token"])
def test_what_is_no_token_is_told_without_showing_it(kind: str, given: object) -> None:
    error, both = failed_by(kind, lambda: given)
    assert isinstance(error, AccessTokenError)
    assert "The function given as access_token has not returned one." in str(error)
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(both.client)
    assert not error.outcome_unknown


def test_an_awaitable_of_a_function_that_does_not_look_like_it_is_told() -> None:
    error, _ = failed_by("sync", lambda: AsyncRotating()())
    assert "not a value of type coroutine" in str(error)


def test_a_function_that_fails_is_asked_again_and_then_told(kind: str) -> None:
    asked: list[int] = []

    def token() -> str:
        asked.append(1)
        raise OSError(SECRET)

    def thrice(state: RetryState) -> Retry | GiveUp:
        return Retry(0) if state.attempt < 3 else GiveUp("enough")

    error, _ = failed_by(kind, token, retry_policy=thrice)
    assert isinstance(error, AccessTokenError)
    assert str(error) == "The function given as access_token failed (OSError)"
    assert (error.operation, len(error.attempts), len(asked)) == ("createLeads", 3, 3)
    assert isinstance(error.__cause__, OSError)
    assert pickle.loads(pickle.dumps(error)).__cause__ is None


def test_a_function_that_fails_once_costs_nothing(kind: str) -> None:
    asked: list[int] = []

    def token() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise OSError
        return "token"

    with (
        acting_server(Reply(201)) as server,
        Both(kind, token, base_url=server.url, retry_policy=send_again_at_once) as both,
    ):
        both.call("create_leads", [LEAD])
        assert tokens_seen(server) == ["token"]


def test_a_function_that_takes_too_long_makes_no_call_late(kind: str) -> None:
    released = threading.Event()

    def token() -> str:
        released.wait(30)
        return "token"

    try:
        error, _ = failed_by(kind, token, timeout_seconds=0.05, deadline_seconds=0.1)
    finally:
        released.set()
    assert isinstance(error, AccessTokenError)
    assert "failed (TimeoutError)" in str(error)


def test_a_refused_token_may_be_asked_for_again_by_a_policy_of_ones_own(kind: str) -> None:
    def again_after_401(state: RetryState) -> Retry | GiveUp:
        return Retry(0) if state.status == 401 and state.attempt == 1 else GiveUp("refused")

    with (
        acting_server(scripted(Reply(401), Reply(201))) as server,
        Both(kind, Rotating(), base_url=server.url, retry_policy=again_after_401) as both,
    ):
        both.call("create_leads", [LEAD])
        assert tokens_seen(server) == ["token-1", "token-2"]


def test_a_server_that_repeats_the_token_of_a_function_shows_it_to_nobody(kind: str) -> None:
    reply = Reply(401, {"detail": f"the token {SECRET} is unknown"})
    with acting_server(reply) as server, Both(kind, lambda: SECRET, base_url=server.url) as both:
        error = failing(both, "create_leads", [LEAD])
        assert isinstance(error, UnauthorizedError)
        assert SECRET not in str(error)


def name_of(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, token: Any, **options: Any) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    options = {"base_url": "https://api.example.com", **options}
    store = quota_from(settings_from(token, options), options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    store.snapshot()
    store.close()
    [made] = (tmp_path / "squadiq").glob("quota-*.sqlite3")
    name = str(made.name)
    made.unlink()
    return name


def test_the_quota_of_a_token_that_changes_does_not_begin_anew(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = functools.partial(name_of, tmp_path, monkeypatch)
    assert name(lambda: "one") == name(lambda: "two") != name("one")
    assert name(lambda: "one", quota_name="us") == name("two", quota_name="us") != name("two", quota_name="them")
    assert name(lambda: "one", quota_name="one") == name("one")
    monkeypatch.setenv("SQUADIQ_QUOTA_NAME", "us")
    assert name("three") == name("two", quota_name="us")
    assert name("three", base_url="https://other.example.com") != name("three")


@pytest.mark.parametrize("wrong", ["", " ", 7])
def test_a_name_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="quota_name must be a text that is not empty"):
        SquadIQ("token", quota_name=wrong)


def test_neither_client_shows_its_function() -> None:
    token = functools.partial(str, SECRET)
    with SquadIQ(token) as client:
        assert SECRET not in repr(client) + repr(client.__dict__)
    assert SECRET not in repr(AsyncSquadIQ(token).__dict__)


def test_a_push_stops_without_a_token_and_goes_on_with_one(tmp_path: Path, mock: RunningMock) -> None:
    leads, ledger = [LEAD, {**LEAD, "lead_id": "u2", "phone_number": "9876543211"}], tmp_path / "ledger.sqlite3"
    tokens: list[str] = []
    settings: dict[str, Any] = {"base_url": mock.url, "campaign_id": "c1", "quota": "memory", "max_attempts": 1}
    with SquadIQ(lambda: tokens[0], **settings) as client:
        with pytest.raises(PushStoppedError, match="IndexError"):
            client.campaign().push_leads(leads, ledger=ledger)
        tokens.append(mock.token)
        assert client.campaign().push_leads(leads, ledger=ledger).is_good
        assert {mock.lead("c1", lead_id) is not None for lead_id in ("u1", "u2")} == {True}


def test_an_outbox_waits_for_a_token_and_loses_nothing(tmp_path: Path, mock: RunningMock) -> None:
    settings: dict[str, Any] = {"base_url": mock.url, "quota": "memory", "max_attempts": 1}
    with (
        Outbox(tmp_path / "outbox.sqlite3", linger_seconds=0.001) as outbox,
        SquadIQ(dict[str, str]().popitem, **settings) as client,  # type: ignore[arg-type]  # pyright: ignore
    ):
        outbox.create_leads("c1", [LEAD])
        assert outbox.run(client, once=True) == 0
        assert (outbox.counts()["waiting"], outbox.failed()) == (1, [])
