"""Whatever is set, and whoever answers there: an error of ours that names the setting, and shows no password."""

from __future__ import annotations

import re
import socket
import string
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import exceptions

from squadiq.errors import ConfigurationError, QuotaStoreError, SquadIQError
from squadiq.quota import RedisStore, Reservation, open_store
from squadiq.quota.redis import reason
from tests import valkey
from tests.quota.odd_peers import Conversation, hanging_up, peer, saying

SECRET = "s3cr3t-w0rd"
SETTING = r"quota= or SQUADIQ_QUOTA_URL"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SQUADIQ_QUOTA_URL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        "colour=blue",
        f"colour={SECRET}",
        "timeout=5",
        "db=first",
        "protocol=9",
        "retry=3",
        "connection_class=x",
        "credential_provider=x",
        "ssl_cert_reqs=sometimes",
        "max_connections=-1",
        "socket_read_size=none",
        "health_check_interval=often",
        "parser_class=x",
    ],
)
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_an_option_that_is_not_known_or_makes_no_sense_is_refused_by_the_setting(scheme: str, options: str) -> None:
    url = f"{scheme}://user:{SECRET}@127.0.0.1:9/0?{options}"
    with pytest.raises(SquadIQError, match=SETTING) as refused, closing(open_store(url, name="x")) as store:
        store.snapshot(within_seconds=1.0)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET[:4]}/{SECRET[4:]}@127.0.0.1:9",
        f"redis://{SECRET[:4]}?{SECRET[4:]}@127.0.0.1:9",
        f"redis://{SECRET[:4]}#{SECRET[4:]}@127.0.0.1:9",
        f"redis://user:123/{SECRET}@127.0.0.1:9",
        f"postgresql://:{SECRET[:4]}/{SECRET[4:]}@127.0.0.1:9",
        f"postgresql://user:123?{SECRET}@127.0.0.1:9",
    ],
)
def test_a_password_that_is_not_quoted_is_not_taken_for_a_host_and_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write / \? # @ : as %2F") as refused:
        open_store(url, name="x")
    assert SECRET[4:] not in str(refused.value)
    assert SECRET[:4] not in str(refused.value)


def test_options_that_redis_knows_are_used(redis_url: str, redis_name: str) -> None:
    options = "socket_timeout=1&retry_on_timeout=true&health_check_interval=1&decode_responses=true&protocol=3"
    with closing(open_store(f"{redis_url}?{options}", name=redis_name)) as store:
        assert store.reserve(5.0).wait_seconds == 0.0
        assert store.snapshot().in_flight == 1


def postgres_saying(kind: bytes, *fields: bytes) -> Conversation:
    """Answer the request for TLS with no, and then with a message."""
    content = b"".join(fields)
    return saying(b"N", kind + (4 + len(content)).to_bytes(4) + content)


PEERS: dict[str, Conversation] = {
    "an HTTP server": saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "garbage": saying(b"\x00\xff\xfe garbage\r\n" * 10),
    "hanging up": hanging_up,
    "half a response": saying(b"$100\r\nhalf"),
    "a number without end": saying(b":" + b"9" * 5000 + b"\r\n"),
    "a deep answer": saying(b"*1\r\n" * 100_000),
    "a long response": saying(b"*1000000000\r\n" + b":1\r\n" * 100_000),
    "a huge answer": saying(b"$999999999999\r\n" + b"x" * 100_000),
    "OK to everything": saying(b"+OK\r\n"),
    "nothing to everything": saying(b"$-1\r\n"),
    "numbers that are none": saying(b"*4\r\n$3\r\nnan\r\n$3\r\ninf\r\n$1\r\n0\r\n$1\r\n0\r\n"),
    "too few numbers": saying(b"*1\r\n$1\r\n0\r\n"),
    "something else": saying(b"%1\r\n+a\r\n+b\r\n"),
    "a bad encoding": saying(b"$2\r\n\xff\xff\r\n"),
    "wrong password": saying(b"-WRONGPASS invalid username-password pair s3cr3t-w0rd\r\n"),
    "no such database": saying(b"-ERR DB index is out of range\r\n"),
    "a replica": saying(b"-READONLY You can't write against a read only replica.\r\n"),
    "no Lua": saying(b"-ERR unknown command 'EVALSHA'\r\n"),
    "no right": saying(b"-NOPERM this user has no permissions to run the 'evalsha' command\r\n"),
    "full": saying(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
    "a cluster": saying(b"-MOVED 3999 127.0.0.1:6381\r\n"),
    "loading": saying(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "busy": saying(b"-BUSY Redis is busy running a script.\r\n"),
    "no script, ever": saying(b"-NOSCRIPT No matching script.\r\n"),
    "a PostgreSQL that is full": postgres_saying(b"E", b"SFATAL\0C53300\0Msorry, too many clients s3cr3t-w0rd\0\0"),
    "a wrong password": postgres_saying(
        b"E", b"SFATAL\0C28P01\0Mpassword authentication failed for user s3cr3t-w0rd\0\0"
    ),
    "in the clear": postgres_saying(b"R", (3).to_bytes(4)),
    "an authentication of nobody's": postgres_saying(b"R", (99).to_bytes(4)),
    "let in, and no more": postgres_saying(b"R", (0).to_bytes(4)),
    "let in to nothing": postgres_saying(b"R", (0).to_bytes(4) + b"Z\0\0\0\5I"),
    "a master that is down": saying(b"-MASTERDOWN Link with MASTER is down\r\n"),
}


@pytest.mark.parametrize("who", PEERS)
@pytest.mark.parametrize("scheme", ["redis", "rediss", "postgresql"])
def test_whoever_responds_there_is_an_error_of_ours(who: str, scheme: str) -> None:
    with peer(PEERS[who]) as place, closing(open_store(f"{scheme}://user:{SECRET}@{place}/3", name="x")) as store:
        for use in (lambda: store.reserve(5.0, within_seconds=0.3), lambda: store.reset(within_seconds=0.3)):
            with pytest.raises(QuotaStoreError, match=SETTING) as refused:
                use()
            assert place in str(refused.value)
            assert SECRET not in str(refused.value)
            assert refused.value.__suppress_context__
        store.completed(Reservation(1, 0.0, 0.0), within_seconds=0.3)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@127.0.0.1:9/db?colour=blue",
        f"postgresql://user:{SECRET}@127.0.0.1:9/db?colour={SECRET}",
        f"postgresql://user:{SECRET}@[x",
        f"postgresql://user:{SECRET}@127.0.0.1:9/%",
        f"postgresql://user:{SECRET}@127.0.0.1:9/\ud800",
    ],
)
def test_a_url_that_postgresql_cannot_use_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{SETTING}.*none that PostgreSQL can be reached by") as refused:
        open_store(url, name="x")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("options", ["connect_timeout=x", "sslmode=often", "port=x", "port=99999", "client_encoding=x"])
def test_an_option_of_postgresql_that_makes_no_sense_is_an_error_of_ours(options: str) -> None:
    with (
        closing(open_store(f"postgresql://user:{SECRET}@127.0.0.1/db?{options}", name="x")) as store,
        pytest.raises(QuotaStoreError, match=SETTING) as refused,
    ):
        store.snapshot(within_seconds=1.0)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.AuthenticationError("x"), "AuthenticationError: check its user and password"),
        (exceptions.ReadOnlyError("x"), "ReadOnlyError: it is a replica: name the primary"),
        (
            exceptions.ResponseError("MOVED 1 h:1"),
            "ResponseError: it is part of a cluster: name a server of its own",
        ),
        (exceptions.TimeoutError("x"), "TimeoutError"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(error: Exception, said: str) -> None:
    assert reason(error) == said


def test_a_real_server_that_refuses_is_an_error_with_what_to_do(redis_name: str) -> None:
    server = valkey.started()
    kind: Any = redis.Redis
    try:
        with kind.from_url(server.connection_url) as client:
            place = f"127.0.0.1:{server.port}"
            for make, url, said in (
                (["PING"], f"redis://{place}/99", "ResponseError: check its database"),
                (
                    ["CONFIG", "SET", "requirepass", "another"],
                    f"redis://:{SECRET}@{place}",
                    "check its user and password",
                ),
                (["CONFIG", "SET", "requirepass", ""], f"redis://{place}", ""),
                (["CONFIG", "SET", "maxmemory", "1"], f"redis://{place}", "OutOfMemoryError: it has no memory left"),
                (["CONFIG", "SET", "maxmemory", "0"], f"redis://{place}", ""),
                (["REPLICAOF", "127.0.0.1", "9"], f"redis://{place}", "ReadOnlyError: it is a replica"),
                (["REPLICAOF", "NO", "ONE"], f"redis://{place}", ""),
                (
                    ["ACL", "SETUSER", "default", "-@scripting"],
                    f"redis://{place}",
                    "NoPermissionError: its user may not run",
                ),
            ):
                client.execute_command(*make)
                with closing(RedisStore(url, redis_name)) as store:
                    if not said:
                        store.give_back(store.reserve(5.0))
                        continue
                    with pytest.raises(QuotaStoreError, match=said) as refused:
                        store.reserve(5.0)
                    assert SECRET not in str(refused.value)
    finally:
        server.stop()


TEXT = st.text(max_size=40) | st.text(string.printable, max_size=40)
URLS = st.one_of(
    TEXT,
    st.builds("{}{}".format, st.sampled_from(["redis://", "rediss://", "unix://", "postgresql://"]), TEXT),
    TEXT.map(lambda text: "sqlite:///" + re.sub(r"[/.]", "", text)),  # so that it stays in the current folder
    st.builds(
        "{}://{}:{}@{}:{}/{}?{}={}".format,
        st.sampled_from(["redis", "rediss", "unix", "postgresql", "postgres"]),
        TEXT,
        st.just(SECRET),
        st.sampled_from(["127.0.0.1", "[::1]", "[x", "localhost", "a" * 300, ""]),
        st.sampled_from(["9", "0", "x", "99999", "9" * 5000, "-1"]),
        TEXT,
        st.sampled_from(
            ["db", "protocol", "encoding", "encoding_errors", "client_name", "retry", "ssl_cert_reqs", "x", "port"]
        ),
        TEXT,
    ),
)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5))


@pytest.fixture(autouse=True)
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no name server; what a name of no host leads to is the same."""
    real: Any = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **others: Any) -> Any:
        numbers = isinstance(host, str) and set(host) <= set("0123456789.:abcdef[]")
        if isinstance(host, str) and not numbers and host != "localhost":
            host.encode("idna")
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return real(host, port, *rest, **others)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=URLS)
@example(url=f"redis://:{SECRET}@127.0.0.1:9?encoding=nonsense")
@example(url=f"unix://:{SECRET}@")
@example(url="unix://\x00")
@example(url=f"redis://{'a' * 70}.example:{'9' * 5000}")
@example(url="redis://" + "é" * 300)
def test_no_url_leads_to_anything_but_an_error_of_ours(url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = what_came_of(url)
    assert error is None or isinstance(error, SquadIQError), error
    assert SECRET not in str(error)


def what_came_of(url: str) -> Exception | None:
    try:
        with closing(open_store(url, name="x")) as store:
            store.reserve(5.0, 0.0, within_seconds=0.2)
    except Exception as error:
        return error
    return None


@settings(max_examples=100, deadline=None)
@given(
    quota=ANYTHING.filter(lambda value: value is not None and not isinstance(value, str)),
    limit=ANYTHING,
    window=ANYTHING,
)
def test_no_kind_of_value_leads_to_anything_but_an_error_of_ours(quota: Any, limit: Any, window: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"quota="):
        open_store(quota, name="x")
    for name, value in (("limit", limit), ("window_seconds", window), ("fallback", quota)):
        options: Any = {name: value}
        try:
            store = open_store("memory", name="x", **options)
        except Exception as error:
            assert isinstance(error, ConfigurationError)  # noqa: PT017 - or there is none
            assert re.search(r"quota_(hits|window_seconds|fallback) must be", str(error))  # noqa: PT017
        else:
            assert store.reserve(5.0, 0.0).wait_seconds == 0.0
